/* SPDX-License-Identifier: MIT */
/*
 * histogram.c - counts of durations in log-linear buckets.
 *
 * Bucket b >= 2^S (S = SUB_BITS) holds the values whose top S + 1 bits are the same; smaller values have a
 * bucket each.
 */
#include "base/histogram.h"

#define SUB_COUNT (UINT64_C(1) << FR_HISTOGRAM_SUB_BITS)

unsigned fr_histogram_bucket(uint64_t value)
{
    if (value < SUB_COUNT) {
        return (unsigned)value;
    }
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - FR_HISTOGRAM_SUB_BITS;
    uint64_t bucket = ((uint64_t)shift << FR_HISTOGRAM_SUB_BITS) + (value >> shift);
    return bucket < FR_HISTOGRAM_BUCKETS ? (unsigned)bucket : FR_HISTOGRAM_BUCKETS - 1;
}

static uint64_t largest_value_of(unsigned bucket)
{
    if (bucket < SUB_COUNT) {
        return bucket;
    }
    unsigned shift = (bucket >> FR_HISTOGRAM_SUB_BITS) - 1;
    uint64_t top = bucket - ((uint64_t)shift << FR_HISTOGRAM_SUB_BITS);
    return ((top + 1) << shift) - 1;
}

void fr_histogram_record(struct fr_histogram *self, uint64_t value)
{
    self->count++;
    self->sum += value;
    self->max = value > self->max ? value : self->max;
    self->buckets[fr_histogram_bucket(value)]++;
}

void fr_histogram_add(struct fr_histogram *self, const struct fr_histogram *other)
{
    self->count += other->count;
    self->sum += other->sum;
    self->max = other->max > self->max ? other->max : self->max;
    for (unsigned i = 0; i < FR_HISTOGRAM_BUCKETS; i++) {
        self->buckets[i] += other->buckets[i];
    }
}

uint64_t fr_histogram_quantile(const struct fr_histogram *self, double fraction)
{
    double rank = fraction * (double)self->count;
    uint64_t wanted = (uint64_t)rank + ((double)(uint64_t)rank < rank);
    uint64_t seen = 0;
    for (unsigned i = 0; i < FR_HISTOGRAM_BUCKETS; i++) {
        seen += self->buckets[i];
        if (seen >= wanted && seen > 0) {
            uint64_t value = largest_value_of(i);
            return value < self->max ? value : self->max;
        }
    }
    return self->max;
}
