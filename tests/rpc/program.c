/* SPDX-License-Identifier: MIT */
/*
 * program.c - starts and ends a server in a process of its own.
 */
#include "rpc/program.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka.h needs the standard headers first. */
#include <cmocka.h>

bool program_is_server(int argc, char **argv)
{
    return argc == 1 && strncmp(argv[0], "tcp://", 6) == 0;
}

void program_start(struct program *self, const char *address, int shared, char ret_address[64])
{
    int to[2], from[2];
    assert_int_equal(pipe2(to, O_CLOEXEC), 0);
    assert_int_equal(pipe2(from, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
    if (shared >= 0) {
        posix_spawn_file_actions_adddup2(&actions, shared, PROGRAM_SHARED_FD);
    }
    char *const arguments[] = {(char *)address, NULL};
    assert_int_equal(posix_spawn(&self->pid, "/proc/self/exe", &actions, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(to[0]);
    close(from[1]);
    self->to = to[1];
    self->from = from[0];
    ssize_t size = read(self->from, ret_address, 63);
    assert_true(size > 0);
    ret_address[size] = '\0';
}

void program_kill(struct program *self)
{
    kill(self->pid, SIGKILL);
    assert_int_equal(waitpid(self->pid, NULL, 0), self->pid);
    close(self->to);
    close(self->from);
}

void program_end(struct program *self)
{
    int status;
    close(self->to);
    assert_int_equal(waitpid(self->pid, &status, 0), self->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    close(self->from);
}
