/* SPDX-License-Identifier: MIT */
/*
 * input.h - a request as an argument, a file or standard input.
 */
#ifndef FRESHET_INPUT_H
#define FRESHET_INPUT_H

#include "base/buffer.h"

/*
 * Appends the argument itself, the file for "@PATH", or standard input for "@-" and "-"; "{}" for NULL.
 *   FR_INVALID_ARGUMENT  it cannot be read, is empty or blank, or larger than a message may be
 */
FR_MUST_CHECK enum fr_code input_read(const char *argument, struct fr_buffer *out, struct fr_error *reterr);

#endif
