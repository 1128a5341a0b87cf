/* SPDX-License-Identifier: MIT */
/*
 * child.h - a part of this program in a process of its own, so that its processor time and memory are counted apart.
 */
#ifndef VARIANTS_CHILD_H
#define VARIANTS_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* Zeroed memory is none. */
struct child {
    pid_t pid;
    int fd; /* to it and from it */
};

/*
 * Forks; the child calls run(fd, context) and ends. It ignores SIGINT and dies with its parent. This process must have
 * one thread. FR_UNAVAILABLE: no process or descriptor for it.
 */
FR_MUST_CHECK enum fr_code child_start(struct child *self, void (*run)(int fd, const void *context),
                                       const void *context, struct fr_error *reterr);
/* Closes fd, at which the child ends by itself, and waits for that; hurry: kills it. */
void child_end(struct child *self, bool hurry);

/* The whole of it, both ways. False: the other side has ended, or a signal came to a process that listens to it. */
bool child_send(int fd, const void *data, size_t size);
bool child_receive(int fd, void *data, size_t size);

/* Processor time of all its threads so far; 0 when it is gone. */
uint64_t process_cpu_ns(pid_t pid);
/* What it holds of the machine's memory now; 0 when not known. */
uint64_t process_memory_bytes(pid_t pid);

#endif
