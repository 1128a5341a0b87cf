/* SPDX-License-Identifier: MIT */
/*
 * picture.h - the report as an SVG. Pure.
 */
#ifndef LOAD_PICTURE_H
#define LOAD_PICTURE_H

#include "load/report.h"

/* Of so many runs there is no curve of latency by percentile: more could not be told apart. */
size_t picture_left_out(const struct report *report);

/* One run: latency by percentile, throughput and latency over time. Several: all three by concurrency. */
void picture_append(struct fr_buffer *out, const struct report *report);

#endif
