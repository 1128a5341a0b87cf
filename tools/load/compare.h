/* SPDX-License-Identifier: MIT */
/*
 * compare.h - this report beside an older one: what changed, and whether it is more than noise.
 *
 * The slices of the runs (slices.h) are the series of a test (block_test.h); two runs differ in a figure when it says so
 * with p < 0.01 and the figure of the whole run changed by more than 10%, the 99th percentile by more than 20%. It knows
 * nothing of what changes from run to run, such as what else a shared machine does.
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
/*
 * Appends, for people, what became of each run since report->older; its runs are found by their loop and concurrency, the
 * second of the same by the second and so on. What else the load has now and had not then is said.
 */
void compare_append(struct fr_buffer *out, const struct report *report);
/* The same of one of report's runs as a JSON object; "figures" is null if the older report has no such run. */
void compare_append_json(struct fr_buffer *out, const struct report *report, const struct run *run);

#endif
