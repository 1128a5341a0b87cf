/* SPDX-License-Identifier: MIT */
/*
 * histogram.h - counts of durations in log-linear buckets, as in HdrHistogram (Tene): every value is kept with
 * a relative error below 1/64, from 0 to 2^40 - 1, in constant memory.
 */
#ifndef FR_BASE_HISTOGRAM_H
#define FR_BASE_HISTOGRAM_H

#include <stdint.h>

#include "base/log_linear.h"

#define FR_HISTOGRAM_SUB_BITS 6
#define FR_HISTOGRAM_BUCKETS  FR_LOG_LINEAR_BUCKETS(FR_HISTOGRAM_SUB_BITS, 40)

/* Zeroed memory is an empty one. Not thread-safe: keep one per thread and add them up. */
struct fr_histogram {
    uint64_t count;
    uint64_t sum;
    uint64_t max;
    uint64_t buckets[FR_HISTOGRAM_BUCKETS];
};

/* The bucket that a value is counted in. */
unsigned fr_histogram_bucket(uint64_t value);
/* A value above the range is counted in the last bucket; max keeps it exactly. */
void fr_histogram_record(struct fr_histogram *self, uint64_t value);
void fr_histogram_add(struct fr_histogram *self, const struct fr_histogram *other);
/* The value that a share of fraction (0 to 1) of all values does not exceed; 0 when empty. */
uint64_t fr_histogram_quantile(const struct fr_histogram *self, double fraction);

#endif
