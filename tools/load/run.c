/* SPDX-License-Identifier: MIT */
/*
 * run.c - the figures of one run of load, and what to think of them.
 */
#include "load/run.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

#define REACHED      0.99  /* of the target rate */
#define MARGIN_S     0.005 /* of a short run more than a hundredth may be due at its very end */
#define CLIENT_SHARE 0.9   /* of all processors: the client itself is then what is measured */

const struct run_quantile run_quantiles[RUN_QUANTILES] = {
    {"p50", "p50_us", 0.5},         {"p75", "p75_us", 0.75}, {"p90", "p90_us", 0.9},
    {"p95", "p95_us", 0.95},        {"p99", "p99_us", 0.99}, {"p99.9", "p999_us", 0.999},
    {"p99.99", "p9999_us", 0.9999},
};

static void warn(struct run *self, const char *format, ...) FR_PRINTF(2, 3);

static void warn(struct run *self, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(self->warnings[self->warning_count++], RUN_WARNING_BYTES, format, arguments);
    va_end(arguments);
}

static void warn_of_the_target(struct run *self)
{
    if (self->schedule == NULL || self->planned == 0) {
        return;
    }
    double late = (double)self->planned - (double)self->in_time;
    if (late > (1 - REACHED) * (double)self->planned && late > 1 + MARGIN_S * run_target_per_s(self)) {
        warn(self,
             "the target rate was not reached: %.1f of %.1f calls/s were sent in time; the server is too "
             "slow for it, "
             "or more calls must be under way at a time (--concurrency is %" PRIu64 ")",
             (double)self->in_time / self->plan_seconds, run_target_per_s(self), self->concurrency);
    }
    if (self->started < self->planned) {
        warn(self,
             "%" PRIu64 " planned calls were never sent: they count as unfinished, and latencies from plan "
                        "are worse than shown",
             self->planned - self->started);
    }
}

/* Those that were never sent have a warning of their own. */
static void warn_of_the_unfinished(struct run *self)
{
    uint64_t unsent =
        self->schedule != NULL && self->planned > self->started ? self->planned - self->started : 0;
    if (self->sum->unfinished > unsent) {
        warn(self,
             "%" PRIu64
             " calls under way had no answer at the end: latencies hold the time until then, and are "
             "worse than shown",
             self->sum->unfinished - unsent);
    }
}

static void warn_of_the_client(struct run *self)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (self->seconds > 0 && processors > 0 && run_processors(self) > CLIENT_SHARE * (double)processors) {
        warn(self, "this client kept %.1f of %ld processors busy: it may be what limits the figures",
             run_processors(self), processors);
    }
}

static uint64_t time_us(const struct run *self)
{
    return (uint64_t)llround(self->seconds * (double)FR_SECOND_US);
}

enum fr_code run_finish(struct run *self, struct fr_error *reterr)
{
    self->sum = malloc(sizeof *self->sum);
    if (self->sum == NULL) {
        return fr_error_no_memory(reterr);
    }
    tally_sum(&self->tally, self->sum);
    slices_cover(self->tally.slices, time_us(self));
    warn_of_the_target(self);
    warn_of_the_unfinished(self);
    warn_of_the_client(self);
    return FR_OK;
}

void run_fini(struct run *self)
{
    tally_fini(&self->tally);
    free(self->sum);
    self->sum = NULL;
}

double run_calls_per_s(const struct run *self)
{
    return self->seconds > 0 ? (double)self->sum->codes[FR_OK] / self->seconds : 0;
}

double run_processors(const struct run *self)
{
    return self->seconds > 0 ? self->cpu_seconds / self->seconds : 0;
}

double run_cpu_us_per_call(const struct run *self)
{
    uint64_t calls = tally_calls(self->sum);
    return calls > 0 ? self->cpu_seconds * (double)FR_SECOND_US / (double)calls : 0;
}

double run_target_per_s(const struct run *self)
{
    return self->plan_seconds > 0 ? (double)self->planned / self->plan_seconds : 0;
}

uint64_t run_slice_us(const struct run *self, unsigned index)
{
    uint64_t width_us = self->tally.slices->width_us, from_us = index * width_us, until_us = time_us(self);
    uint64_t left_us = until_us > from_us ? until_us - from_us : 1; /* a call that ends with the run */
    return left_us < width_us ? left_us : width_us;
}

unsigned run_whole_slices(const struct run *self)
{
    const struct slices *slices = self->tally.slices;
    unsigned count = slices->count;
    return count > 0 && run_slice_us(self, count - 1) < slices->width_us ? count - 1 : count;
}
