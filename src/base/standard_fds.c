/* SPDX-License-Identifier: MIT */
/*
 * standard_fds.c - the numbers of standard input, output and error stay theirs where a program was started without them.
 */
#include "base/standard_fds.h"

#include <fcntl.h>
#include <unistd.h>

void fr_standard_fds_take(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            /* The lowest free number is this one. Each is open for what nobody does with it, as gnulib's stdopen has it. */
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}
