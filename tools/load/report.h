/* SPDX-License-Identifier: MIT */
/*
 * report.h - what was measured, and the forms it is written in. Pure.
 */
#ifndef LOAD_REPORT_H
#define LOAD_REPORT_H

#include "base/buffer.h"
#include "load/slo.h"

#define REPORT_MAX_RUNS 32
#define REPORT_MAX_SLOS 64

struct compare;

/* All borrowed but for the runs. */
struct report {
    const char *address;
    const char *methods[MIX_METHODS]; /* "users.v1.Users/GetUser" */
    unsigned weights[MIX_METHODS];
    size_t method_count;
    struct run runs[REPORT_MAX_RUNS];
    size_t run_count, runs_asked; /* fewer are there when a signal ended it early */
    struct slo slos[REPORT_MAX_SLOS];
    size_t slo_count;
    const struct compare *older; /* what to compare with; NULL: nothing */
};

void report_fini(struct report *self);
/* Not ended early by a signal. */
bool report_is_complete(const struct report *self);
/* Whether an objective says how many errors there may be. */
bool report_limits_errors(const struct report *self);

/* For people. */
void report_append_text(struct fr_buffer *out, const struct report *self);
/* One object, with the comparison; compare.h reads it back. */
void report_append_json(struct fr_buffer *out, const struct report *self);
/* A line of names, then a line for each run and each of its methods; a run of several has a line "all" before them. */
void report_append_csv(struct fr_buffer *out, const struct report *self);
/* The text format 0.0.4 of Prometheus; times in seconds. */
void report_append_prometheus(struct fr_buffer *out, const struct report *self);

#endif
