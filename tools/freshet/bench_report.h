/* SPDX-License-Identifier: MIT */
/*
 * bench_report.h - where freshet bench rpc writes its report, in which forms, and what the exit status says of it.
 */
#ifndef FRESHET_BENCH_REPORT_H
#define FRESHET_BENCH_REPORT_H

#include "freshet/output.h"
#include "load/report.h"

enum bench_form { BENCH_JSON, BENCH_CSV, BENCH_PROMETHEUS, BENCH_PLOT, BENCH_FORMS };

/* Zeroed memory wants none; paths are borrowed, NULL where a form is not wanted. */
struct bench_outputs {
    const char *paths[BENCH_FORMS];
    struct output files[BENCH_FORMS];
};

/* Each returns 0, or the exit code after a complaint. */
/* Before anything is opened or measured. */
int bench_outputs_check(const struct bench_outputs *self);
int bench_outputs_open(struct bench_outputs *self);
void bench_outputs_close(struct bench_outputs *self);
/* Every form, and for people what standard output has room for. */
int bench_report_write(struct bench_outputs *self, const struct report *report);
/* Says on standard error what makes the exit status 1. */
int bench_report_judge(const struct report *report);

#endif
