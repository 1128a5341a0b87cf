/* SPDX-License-Identifier: MIT */
/*
 * slices.h - a run in equal slices of time: calls and latencies of each, to see the course of a run and its spread.
 *
 * Constant memory: when the slices are used up, pairs of them become one of twice the width. Latencies are known within
 * 1/32. Keep one per thread and add them up. Pure.
 */
#ifndef LOAD_SLICES_H
#define LOAD_SLICES_H

#include <stdint.h>

#include "base/log_linear.h"

#define SLICES          128
#define SLICES_WIDTH_US UINT64_C(50000) /* at first */
#define SLICES_SUB_BITS 5
#define SLICES_BUCKETS  FR_LOG_LINEAR_BUCKETS(SLICES_SUB_BITS, 32)

struct slice {
    uint64_t calls; /* answered well */
    uint64_t errors;
    uint32_t buckets[SLICES_BUCKETS]; /* of the latencies of calls, in µs */
};

/* Zeroed memory is an empty one, after slices_init. */
struct slices {
    uint64_t width_us;
    unsigned count;   /* used so far */
    uint64_t last_us; /* when the last of these begins */
    struct slice slice[SLICES];
};

void slices_init(struct slices *self);
/* A call that ended at_us after the start of the run. */
void slices_record(struct slices *self, uint64_t at_us, uint64_t latency_us);
void slices_record_error(struct slices *self, uint64_t at_us);
/* Adds other to self; both end with the wider width. */
void slices_add(struct slices *self, struct slices *other);
/* Adds empty slices for the time up to until_us, in which no call ended. */
void slices_cover(struct slices *self, uint64_t until_us);
/* 0 when empty. */
uint64_t slice_quantile_us(const struct slice *self, double fraction);

#endif
