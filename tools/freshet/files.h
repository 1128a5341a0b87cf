/* SPDX-License-Identifier: MIT */
/*
 * files.h - reads and copies files, and writes those that this program carries. Each returns 0, or the exit code after
 * a complaint.
 */
#ifndef FRESHET_FILES_H
#define FRESHET_FILES_H

#include "base/buffer.h"

/* Appends what the file holds. */
int files_read(const char *path, struct fr_buffer *out);

/* Every file below the folder from goes below the folder to, over what is there. Of one thread at a time. */
int files_copy(const char *from, const char *to);

/* Makes every folder of path up to its last '/'. */
int files_make_parents(const char *path);

/*
 * The embedded files whose name begins with start go below folder, without it. One that is there stays, unless what
 * follows start begins with anew (NULL: all stay).
 */
int files_write_embedded(const char *start, const char *folder, const char *anew);

#endif
