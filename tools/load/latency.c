/* SPDX-License-Identifier: MIT */
/*
 * latency.c - latencies of calls with three significant digits.
 */
#include "load/latency.h"

void latency_record(struct latency *self, uint64_t value_us, uint64_t count)
{
    self->count += count;
    self->sum_us += value_us * count;
    self->max_us = value_us > self->max_us ? value_us : self->max_us;
    self->buckets[fr_log_linear_bucket(LATENCY_SUB_BITS, LATENCY_BUCKETS, value_us)] += count;
}

void latency_add(struct latency *self, const struct latency *other)
{
    self->count += other->count;
    self->sum_us += other->sum_us;
    self->max_us = other->max_us > self->max_us ? other->max_us : self->max_us;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        if (other->buckets[i] != 0) { /* so that empty pages stay untouched */
            self->buckets[i] += other->buckets[i];
        }
    }
}

uint64_t latency_quantile_us(const struct latency *self, double fraction)
{
    uint64_t wanted = fr_log_linear_rank(fraction, self->count), seen = 0;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        seen += self->buckets[i];
        if (seen >= wanted) {
            uint64_t value = fr_log_linear_largest(LATENCY_SUB_BITS, i);
            return value < self->max_us ? value : self->max_us;
        }
    }
    return self->max_us;
}

double latency_mean_us(const struct latency *self)
{
    return self->count == 0 ? 0 : (double)self->sum_us / (double)self->count;
}
