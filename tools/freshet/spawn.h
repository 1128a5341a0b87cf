/* SPDX-License-Identifier: MIT */
/*
 * spawn.h - runs a program to its end and keeps what it says on standard error.
 */
#ifndef FRESHET_SPAWN_H
#define FRESHET_SPAWN_H

#include <stddef.h>

#include "base/buffer.h"

/* The arguments of a program. Zeroed memory holds none; after a failed addition it is marked failed. */
struct words {
    char **items; /* owned, ends with NULL */
    size_t count;
    bool failed;
};

void words_add(struct words *self, const char *format, ...) FR_PRINTF(2, 3);
void words_fini(struct words *self);

/*
 * Runs words->items[0] (searched in PATH unless it holds a '/') with input and output as its standard input and output,
 * paths or NULL for none, and appends its standard error to told.
 *   FR_NOT_FOUND           it cannot be run
 *   FR_FAILED_PRECONDITION it ended with another status than 0; reterr says only that
 *   FR_RESOURCE_EXHAUSTED  no memory, process or descriptor
 */
FR_MUST_CHECK enum fr_code spawn_run(const struct words *words, const char *input, const char *output,
                                     struct fr_buffer *told, struct fr_error *reterr);

/*
 * Appends the path of program to ret_path: from one of folders (NULL entries are passed over), or else from PATH.
 * false: it is nowhere.
 */
bool spawn_find(const char *program, const char *const *folders, size_t count, struct fr_buffer *ret_path);

#endif
