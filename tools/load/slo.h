/* SPDX-License-Identifier: MIT */
/*
 * slo.h - objectives that a run must meet, such as p99=5ms. Pure.
 */
#ifndef LOAD_SLO_H
#define LOAD_SLO_H

#include "base/buffer.h"
#include "load/run.h"

struct slo {
    const char *text; /* as it was given; borrowed */
    enum { SLO_QUANTILE, SLO_MAX, SLO_MEAN, SLO_ERRORS, SLO_ERROR_SHARE, SLO_RATE } kind;
    double fraction; /* SLO_QUANTILE */
    double limit;    /* µs, calls, a share of 1, or calls per second */
};

/*
 * "p99=5ms", "p99.9=20ms", "max=1s", "mean=2ms", always with a unit; "errors=0" or "errors=0.1%", at most; "rate=5000", calls answered well
 * per second, at least.
 *   FR_INVALID_ARGUMENT  none of these
 */
FR_MUST_CHECK enum fr_code slo_parse(struct slo *ret_slo, const char *text, struct fr_error *reterr);
/* In an open loop latencies count from when a call was due. A run without an answer meets no objective of latency. */
bool slo_is_met(const struct slo *self, const struct run *run);
/* Appends what the run reached, such as "4.10 ms". */
void slo_append_reached(const struct slo *self, const struct run *run, struct fr_buffer *out);

#endif
