/* SPDX-License-Identifier: MIT */
/*
 * program.h - a server in a process of its own: the test program again, with the address as its name.
 *
 * It can be killed. Besides, where server and channel share a process and the server is freed just as the channel
 * dials it again, nng 1.5.2's one reaper thread can hang, and with it the channel's news.
 */
#ifndef FR_TESTS_RPC_PROGRAM_H
#define FR_TESTS_RPC_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

#define PROGRAM_SHARED_FD 3

struct program {
    pid_t pid;
    int to, from; /* its stdin, which ends it when closed, and its stdout */
};

/* For main: whether this is such a process, which serves argv[0]. */
bool program_is_server(int argc, char **argv);
/* Starts it; it writes its address first. It has shared, unless that is -1, as PROGRAM_SHARED_FD. */
void program_start(struct program *self, const char *address, int shared, char ret_address[64]);
void program_kill(struct program *self);
/* Closes its stdin and waits until it has ended well. */
void program_end(struct program *self);

#endif
