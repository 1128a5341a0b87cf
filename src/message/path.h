/* SPDX-License-Identifier: MIT */
/*
 * path.h - errors that name the path of a field: "user.preference: expected a string, got a number".
 */
#ifndef FR_MESSAGE_PATH_H
#define FR_MESSAGE_PATH_H

#include "base/buffer.h"
#include "base/error.h"

/* Appends ".name", or "name" to an empty path. */
void fr_path_append_field(struct fr_buffer *path, const char *name);

/*
 * Fills *reterr with INVALID_ARGUMENT and "path: what"; an empty path leaves only what. A path too long for the
 * message keeps its end. Returns the code.
 */
enum fr_code fr_path_error(struct fr_error *reterr, const struct fr_buffer *path, const char *format, ...)
    FR_PRINTF(3, 4);

#endif
