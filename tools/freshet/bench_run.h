/* SPDX-License-Identifier: MIT */
/*
 * bench_run.h - one run of load under the eyes of a person: progress, the end by time or by a signal.
 */
#ifndef FRESHET_BENCH_RUN_H
#define FRESHET_BENCH_RUN_H

#include "load/load.h"
#include "load/run.h"

struct bench_run_options {
    const struct load_options *load;
    bool progress; /* lines on standard error even if it is no terminal */
};

/*
 * Runs and fills in *ret_run, which belongs to the caller then: run_fini.
 * The errors of load_new and load_start, and FR_CANCELLED: a signal came before anything was measured.
 */
FR_MUST_CHECK enum fr_code bench_run(const struct bench_run_options *options, struct run *ret_run,
                                     struct fr_error *reterr);

#endif
