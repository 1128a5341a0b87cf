/* SPDX-License-Identifier: MIT */
/*
 * result.c - what all forms of the result share.
 */
#include "payload/result.h"

#include <stdio.h>

double result_mb_per_s(const struct row *row, const struct figures *figures)
{
    return figures->runs == 0 || figures->median_ns <= 0
               ? 0
               : (double)row->encoded_bytes * 1e3 / figures->median_ns;
}

void result_format_time(char text[RESULT_TIME_BYTES], double ns)
{
    const char *unit = ns < 1e3 ? "ns" : ns < 1e6 ? "µs" : "ms";
    double value = ns < 1e3 ? ns : ns < 1e6 ? ns / 1e3 : ns / 1e6;
    snprintf(text, RESULT_TIME_BYTES,
             value < 10    ? "%.2f %s"
             : value < 100 ? "%.1f %s"
                           : "%.0f %s",
             value, unit);
}
