/* SPDX-License-Identifier: MIT */
/*
 * files.h - writes files that this program carries. Each returns 0, or the exit code after a complaint.
 */
#ifndef FRESHET_FILES_H
#define FRESHET_FILES_H

/* Makes every folder of path up to its last '/'. */
int files_make_parents(const char *path);

/*
 * The embedded files whose name begins with start go below folder, without it. One that is there stays, unless what
 * follows start begins with anew (NULL: all stay).
 */
int files_write_embedded(const char *start, const char *folder, const char *anew);

#endif
