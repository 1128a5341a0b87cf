/* SPDX-License-Identifier: MIT */
/*
 * child.h - runs another program to its end.
 */
#ifndef FRESHET_CHILD_H
#define FRESHET_CHILD_H

#include "base/buffer.h"

/*
 * Runs arguments[0] (searched in PATH), which reads input, and appends what it prints to out. package: what to install
 * if there is no such program.
 *   FR_NOT_FOUND         there is none
 *   FR_INVALID_ARGUMENT  it ended with a failure; the message is the first line it complained with
 */
FR_MUST_CHECK enum fr_code child_run(char *const arguments[], struct fr_bytes input, const char *package,
                                     struct fr_buffer *out, struct fr_error *reterr);

#endif
