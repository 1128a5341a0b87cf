/* SPDX-License-Identifier: MIT */
/*
 * standard_fds.h - the numbers of standard input, output and error stay theirs where a program was started without them.
 */
#ifndef FR_BASE_STANDARD_FDS_H
#define FR_BASE_STANDARD_FDS_H

/*
 * Opens /dev/null on each of descriptors 0 to 2 that is closed, as far as it can be opened, so that no socket or file gets
 * its number and then what is written to standard output or error. Reads of the one and writes to the others go on failing
 * with EBADF: lost output is told as before. Not thread-safe: the first thing in main.
 */
void fr_standard_fds_take(void);

#endif
