/* SPDX-License-Identifier: MIT */
/*
 * process.h - one child process: start it, pass its output on, see it end.
 *
 * One thread only: the one that starts a child, because the child ends with that thread.
 */
#ifndef FRESHET_PROCESS_H
#define FRESHET_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buffer.h"

struct process {
    const char *label;     /* stands before each line of its output */
    const char *program;   /* what messages call it */
    pid_t pid;             /* 0: not running */
    int output;            /* read end of its standard output and error; -1: closed */
    int status;            /* as waitpid gives it, once ended */
    bool quiet;            /* keep the output, print it only if asked */
    struct fr_buffer kept; /* an unfinished line, or the end of a quiet one's output */
};

void process_init(struct process *self, const char *label, const char *program);
/* The process must not run any more. */
void process_fini(struct process *self);

/*
 * Runs argv[0] (searched in PATH unless it holds a '/') in a process group of its own with no input. It gets
 * SIGTERM when this thread ends, whatever ends it.
 *   FR_NOT_FOUND    there is no such program, or it cannot be run
 *   FR_UNAVAILABLE  no process, descriptor or memory for it
 */
FR_MUST_CHECK enum fr_code process_start(struct process *self, char *const argv[], struct fr_error *reterr);

/*
 * Prints the whole lines that its output holds by now, each after the label; does not wait. Log lines stand
 * without time and program, and without level info.
 */
void process_forward(struct process *self);
void process_print_kept(struct process *self);
/* false: no whole line is kept. Otherwise *ret_stamp is the time of the first one, "" for a line without. */
bool process_kept_stamp(const struct process *self, struct fr_bytes *ret_stamp);
/* There must be one. */
void process_print_kept_line(struct process *self);

/* true: it has ended, or was never started. Does not wait. */
bool process_reap(struct process *self);
void process_signal(const struct process *self, int signal_number);
/* Appends "freshet-api ended with status 1" or "… was ended by signal 9 (Killed)". */
void process_append_end(const struct process *self, struct fr_buffer *out);

#endif
