/* SPDX-License-Identifier: MIT */
/*
 * log_linear.h - the buckets of histograms, as in HdrHistogram (Tene): linear within each power of two.
 *
 * With S sub-bits, bucket b >= 2^S holds the values whose top S + 1 bits are the same, so that each is known with a relative
 * error below 2^-S; smaller values have a bucket each. Pure.
 */
#ifndef FR_BASE_LOG_LINEAR_H
#define FR_BASE_LOG_LINEAR_H

#include <stddef.h>
#include <stdint.h>

/* How many buckets hold the values below 2^range_bits. */
#define FR_LOG_LINEAR_BUCKETS(sub_bits, range_bits) ((size_t)((range_bits) - (sub_bits) + 1) << (sub_bits))

/* A value above the range belongs to the last of the count buckets. */
static inline size_t fr_log_linear_bucket(unsigned sub_bits, size_t count, uint64_t value)
{
    if (value >> sub_bits == 0) {
        return (size_t)value;
    }
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - sub_bits;
    uint64_t bucket = ((uint64_t)shift << sub_bits) + (value >> shift);
    return bucket < count ? (size_t)bucket : count - 1;
}

/* The largest value of a bucket. */
static inline uint64_t fr_log_linear_largest(unsigned sub_bits, size_t bucket)
{
    if (bucket >> sub_bits == 0) {
        return bucket;
    }
    unsigned shift = (unsigned)(bucket >> sub_bits) - 1;
    uint64_t top = bucket - ((uint64_t)shift << sub_bits);
    return ((top + 1) << shift) - 1;
}

/* Of count sorted values, the number (from 1) of the one that a share of fraction does not exceed. */
static inline uint64_t fr_log_linear_rank(double fraction, uint64_t count)
{
    double rank = fraction * (double)count;
    uint64_t wanted = (uint64_t)rank + ((double)(uint64_t)rank < rank);
    return wanted > 0 ? wanted : 1;
}

#endif
