/* SPDX-License-Identifier: MIT */
/*
 * compare.h - this report beside an older one: what changed, and whether it is more than noise.
 *
 * The slices of the runs (slices.h) are the samples; two runs differ when a rank test (rank_test.h) says so with p < 0.01 and
 * when, in at least 71% of all pairs of slices, the one of the same run is larger.
 */
#ifndef LOAD_COMPARE_H
#define LOAD_COMPARE_H

#include "load/report.h"

struct compare; /* an older report */

/*
 * Reads what report_append_json wrote. *ret_compare is owned. name: of the file, for messages.
 *   FR_INVALID_ARGUMENT  it is something else; syntax errors with line and column
 */
FR_MUST_CHECK enum fr_code compare_read(struct fr_bytes json, const char *name, struct compare **ret_compare,
                                        struct fr_error *reterr);
void compare_free(struct compare *self);
/* Appends a table for each run that the older report has too, with the same loop and concurrency. */
void compare_append(struct fr_buffer *out, const struct compare *self, const struct report *report);

#endif
