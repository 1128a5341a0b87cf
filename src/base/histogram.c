/* SPDX-License-Identifier: MIT */
/*
 * histogram.c - counts of durations in log-linear buckets.
 */
#include "base/histogram.h"

unsigned fr_histogram_bucket(uint64_t value)
{
    return (unsigned)fr_log_linear_bucket(FR_HISTOGRAM_SUB_BITS, FR_HISTOGRAM_BUCKETS, value);
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
    uint64_t wanted = fr_log_linear_rank(fraction, self->count), seen = 0;
    for (unsigned i = 0; i < FR_HISTOGRAM_BUCKETS; i++) {
        seen += self->buckets[i];
        if (seen >= wanted) {
            uint64_t value = fr_log_linear_largest(FR_HISTOGRAM_SUB_BITS, i);
            return value < self->max ? value : self->max;
        }
    }
    return self->max;
}
