/* SPDX-License-Identifier: MIT */
/*
 * counts.h - how often codecs call malloc, as freshet-bench-allocations finds out.
 *
 * Another program, because to count it must stand before malloc, and a codec that is timed shall not pay for that.
 */
#ifndef PAYLOAD_COUNTS_H
#define PAYLOAD_COUNTS_H

#include "payload/prepare.h"

/*
 * Runs the program, which stands beside this one, on the same data sets and codecs, and appends what it prints to out:
 * a line for each of them, "SHAPE CODEC ENCODE DECODE".
 *   FR_NOT_FOUND, FR_INVALID_ARGUMENT  it cannot be run, or does not take what this program took
 */
FR_MUST_CHECK enum fr_code counts_run(const struct prepare_options *options, const struct prepared *prepared,
                                      struct fr_buffer *out, struct fr_error *reterr);

/* Calls for one message; false: text has no such line. Pure. */
bool counts_find(const char *text, const char *shape, const char *codec, double *ret_encode,
                 double *ret_decode);

#endif
