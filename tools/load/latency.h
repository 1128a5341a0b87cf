/* SPDX-License-Identifier: MIT */
/*
 * latency.h - latencies of calls with three significant digits, from 1 µs to 19 hours, in constant memory.
 *
 * The relative error is below 1/1024 and values below 1024 µs are exact. Keep one per thread and add them up.
 */
#ifndef LOAD_LATENCY_H
#define LOAD_LATENCY_H

#include "base/log_linear.h"

#define LATENCY_SUB_BITS 10
#define LATENCY_BUCKETS  FR_LOG_LINEAR_BUCKETS(LATENCY_SUB_BITS, 36)

/* Zeroed memory is an empty one; pages that no value falls into are never touched. Not thread-safe. */
struct latency {
    uint64_t count, sum_us, max_us;
    uint64_t buckets[LATENCY_BUCKETS];
};

/* count equal values. One above the range is counted in the last bucket; max_us keeps it exactly. */
void latency_record(struct latency *self, uint64_t value_us, uint64_t count);
void latency_add(struct latency *self, const struct latency *other);
/* What a share of fraction (0 to 1) of all values does not exceed; 0 when empty. */
uint64_t latency_quantile_us(const struct latency *self, double fraction);
/* 0 when empty. */
double latency_mean_us(const struct latency *self);

#endif
