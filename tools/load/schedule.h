/* SPDX-License-Identifier: MIT */
/*
 * schedule.h - when each call of an open loop is due. Pure.
 */
#ifndef LOAD_SCHEDULE_H
#define LOAD_SCHEDULE_H

#include <stdint.h>

#include "base/buffer.h"

#define SCHEDULE_NEVER    UINT64_MAX
#define SCHEDULE_MAX_RATE 1e8

/* Rates in calls per second. */
struct schedule {
    enum { SCHEDULE_CONST, SCHEDULE_STEP, SCHEDULE_RAMP } shape;
    double from; /* the rate at the start */
    double by;   /* STEP: added after each period */
    double to;   /* STEP: where it stops; RAMP: the rate at the end of the period and after it */
    double period_s;
};

/*
 * "const:RATE", "step:FROM:BY:EVERY[:TO]" such as step:1000:500:10s, "ramp:FROM:TO:OVER" such as ramp:100:5000:1m.
 *   FR_INVALID_ARGUMENT  none of these, or a rate that is not positive where it has to be
 */
FR_MUST_CHECK enum fr_code schedule_parse(struct schedule *ret_schedule, const char *text,
                                          struct fr_error *reterr);

/* When call n (from 0) is due, in µs since the start; SCHEDULE_NEVER: the schedule ends before. Rises with n. */
uint64_t schedule_time_us(const struct schedule *self, uint64_t n);
/* How many calls are due before time_us. */
uint64_t schedule_calls_before(const struct schedule *self, uint64_t time_us);
/* The rate at that time. */
double schedule_rate(const struct schedule *self, uint64_t time_us);
/* Appends "1000 calls/s", "from 1000 calls/s, 500 more every 10 s" and the like. */
void schedule_append(const struct schedule *self, struct fr_buffer *out);

#endif
