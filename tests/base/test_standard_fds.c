/* SPDX-License-Identifier: MIT */
/*
 * test_standard_fds.c - closed standard descriptors get no other use, and open ones stay what they are.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/standard_fds.h"

/* What a child says of itself that was started without those of descriptors 0 to 2 whose bit is in closed. 0: all is well. */
static int child(unsigned closed)
{
    int pipe_fds[2];
    for (int fd = 0; fd < 3; fd++) {
        if (closed >> fd & 1) {
            close(fd);
        }
    }
    fr_standard_fds_take();
    if (pipe(pipe_fds) != 0 || pipe_fds[0] < 3 || pipe_fds[1] < 3) {
        return 1;
    }
    char byte = 0;
    if (closed & 1 && (read(0, &byte, 1) != -1 || errno != EBADF)) {
        return 2;
    }
    for (int fd = 1; fd < 3; fd++) {
        if (closed >> fd & 1 && (write(fd, &byte, 1) != -1 || errno != EBADF)) {
            return 3;
        }
        if (!(closed >> fd & 1) && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY) {
            return 4;
        }
    }
    return 0;
}

static void closed_descriptors_are_taken_and_open_ones_left(void **state)
{
    (void)state;
    for (unsigned closed = 0; closed < 8; closed++) {
        int status;
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            _exit(child(closed));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_descriptors_are_taken_and_open_ones_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
