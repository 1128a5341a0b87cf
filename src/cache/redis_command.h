/* SPDX-License-Identifier: MIT */
/*
 * redis_command.h - internal to this folder: a command as Redis reads it (RESP, an array of bulk strings). Pure.
 */
#ifndef FR_CACHE_REDIS_COMMAND_H
#define FR_CACHE_REDIS_COMMAND_H

#include "base/buffer.h"

/*
 * Appends the command with its count arguments, of which the first is its name; a zero byte follows that does not count.
 * Without memory out is marked failed.
 */
void fr_redis_command_write(struct fr_buffer *out, int count, const char *const *arguments, const size_t *sizes);

#endif
