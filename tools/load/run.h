/* SPDX-License-Identifier: MIT */
/*
 * run.h - the figures of one run of load, and what to think of them. Pure.
 */
#ifndef LOAD_RUN_H
#define LOAD_RUN_H

#include "load/mix.h"
#include "load/schedule.h"
#include "load/tally.h"

#define RUN_WARNINGS      4
#define RUN_WARNING_BYTES 240

struct run {
    uint64_t concurrency, channels;
    const struct schedule *schedule; /* of an open loop, borrowed; NULL: closed */
    struct tally tally;
    struct tally_method *sum; /* owned: over all methods */
    /* From the start of measuring until the last call ended, or if that is later until the plan or an interrupt did. */
    double seconds;
    double cpu_seconds; /* of this process meanwhile, user and system */
    uint64_t
        planned; /* by the schedule or the count, in an open loop only until an interrupt; 0: no such number */
    uint64_t started;
    double plan_seconds;  /* of an open loop: how long the plan is, or was until an interrupt */
    uint64_t in_time;     /* of an open loop: started by then */
    bool interrupted;     /* ended by a signal */
    uint64_t asked_calls; /* what an interrupted run had to do, one of the two; the other is 0 */
    double asked_seconds;
    char warnings[RUN_WARNINGS][RUN_WARNING_BYTES]; /* whole sentences without the full stop */
    size_t warning_count;
};

/* Fills in sum and the warnings from the rest. FR_RESOURCE_EXHAUSTED: no memory. */
FR_MUST_CHECK enum fr_code run_finish(struct run *self, struct fr_error *reterr);
void run_fini(struct run *self);

/* Calls answered well, per second. */
double run_calls_per_s(const struct run *self);
/* How many processors this client kept busy. */
double run_processors(const struct run *self);
/* Processor time of this client for each call. */
double run_cpu_us_per_call(const struct run *self);
/* Of an open loop: the rate that the schedule asks for, over the whole plan. */
double run_target_per_s(const struct run *self);
/* How long a slice of the run's is: as wide as all, but the last one may be cut short by the end. Above 0. */
uint64_t run_slice_us(const struct run *self, unsigned index);
/* Slices that are not cut short. */
unsigned run_whole_slices(const struct run *self);

/* The quantiles that every report shows. */
struct run_quantile {
    const char *name; /* "p99.9" */
    const char *key;  /* "p999_us" */
    double fraction;
};
#define RUN_QUANTILES 7
extern const struct run_quantile run_quantiles[RUN_QUANTILES];

#endif
