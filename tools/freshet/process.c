/* SPDX-License-Identifier: MIT */
/*
 * process.c - one child process: start it, pass its output on, see it end.
 */
#include "freshet/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_BYTES ((size_t)16 << 10)
#define KEPT_BYTES ((size_t)64 << 10) /* more than a pipe holds; a longer line is printed in pieces */

void process_init(struct process *self, const char *label, const char *program)
{
    *self = (struct process){.label = label, .program = program, .output = -1};
}

void process_fini(struct process *self)
{
    FR_ASSERT(self->pid == 0);
    if (self->output >= 0) {
        close(self->output);
        self->output = -1;
    }
    fr_buffer_fini(&self->kept);
}

/* Between fork and exec: async-signal-safe calls only. */
static _Noreturn void become(char *const argv[], pid_t parent, int output, int failure)
{
    sigset_t none;
    int input = open("/dev/null", O_RDONLY);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) {
        _exit(EXIT_FAILURE); /* it died before prctl could tell us */
    }
    setpgid(0, 0); /* Ctrl-C goes to the parent alone, which ends us in its order */
    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (input >= 0 && dup2(input, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 &&
        dup2(output, STDERR_FILENO) >= 0 && close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) == 0) {
        execvp(argv[0], argv);
    }
    int cause = errno;
    ssize_t written = write(failure, &cause, sizeof cause);
    (void)written;
    _exit(127);
}

/* Waits until exec has taken place. Returns 0 or why it did not. */
static int exec_failure(int failure)
{
    int cause = 0;
    ssize_t got;
    do {
        got = read(failure, &cause, sizeof cause);
    } while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof cause ? cause : 0;
}

enum fr_code process_start(struct process *self, char *const argv[], struct fr_error *reterr)
{
    int output[2] = {-1, -1}, failure[2] = {-1, -1};
    enum fr_code code = FR_OK;
    pid_t parent = getpid(), child = -1;
    if (pipe2(output, O_CLOEXEC) == 0 && pipe2(failure, O_CLOEXEC) == 0) {
        child = fork();
    }
    if (child == 0) {
        become(argv, parent, output[1], failure[1]);
    }
    if (child < 0) {
        code = fr_error_set(reterr, FR_UNAVAILABLE, "cannot start %s: %s", self->program, strerror(errno));
        goto out;
    }
    close(failure[1]);
    failure[1] = -1;
    int cause = exec_failure(failure[0]);
    if (cause != 0) {
        code = fr_error_set(reterr, FR_NOT_FOUND, "cannot run '%s': %s", argv[0], strerror(cause));
        waitpid(child, NULL, 0);
        goto out;
    }
    fcntl(output[0], F_SETFL, O_NONBLOCK);
    self->pid = child;
    self->output = output[0];
    output[0] = -1;
out:
    for (int i = 0; i < 2; i++) {
        if (output[i] >= 0) {
            close(output[i]);
        }
        if (failure[i] >= 0) {
            close(failure[i]);
        }
    }
    return code;
}

/* How many bytes of text "key=value " takes at its start; 0: something else stands there. */
static size_t field_size(const uint8_t *text, size_t size, const char *start)
{
    size_t length = strlen(start);
    const uint8_t *blank = memchr(text, ' ', size);
    return blank != NULL && size > length && memcmp(text, start, length) == 0 ? (size_t)(blank - text) + 1
                                                                              : 0;
}

/* The label names the program already, and a person reads the line as it is made. */
static void print_line(const struct process *self, const uint8_t *line, size_t size)
{
    size_t time = field_size(line, size, "time="), level = 0, program = 0;
    if (time > 0) {
        level = field_size(line + time, size - time, "level=");
        program = field_size(line + time + level, size - time - level, "program=");
    }
    bool plain = field_size(line + time, size - time, "level=info ") > 0;
    size_t skip = time + level + program;
    fprintf(stderr, "  %-6s | %.*s%.*s\n", self->label, plain ? 0 : (int)level, (const char *)line + time,
            (int)(size - skip), (const char *)line + skip);
}

/* Removes size bytes from the front. */
static void drop_kept(struct process *self, size_t size)
{
    memmove(self->kept.data, self->kept.data + size, self->kept.size - size);
    self->kept.size -= size;
}

static void print_whole_lines(struct process *self)
{
    size_t start = 0;
    const uint8_t *end;
    while (start < self->kept.size &&
           (end = memchr(self->kept.data + start, '\n', self->kept.size - start)) != NULL) {
        print_line(self, self->kept.data + start, (size_t)(end - self->kept.data) - start);
        start = (size_t)(end - self->kept.data) + 1;
    }
    if (start > 0) {
        drop_kept(self, start);
    }
}

void process_print_kept(struct process *self)
{
    print_whole_lines(self);
    if (self->kept.size > 0) {
        print_line(self, self->kept.data, self->kept.size);
        self->kept.size = 0;
    }
}

static size_t first_line_size(const struct process *self)
{
    const uint8_t *end = self->kept.size == 0 ? NULL : memchr(self->kept.data, '\n', self->kept.size);
    return end == NULL ? 0 : (size_t)(end - self->kept.data) + 1;
}

bool process_kept_stamp(const struct process *self, struct fr_bytes *ret_stamp)
{
    size_t size = first_line_size(self);
    *ret_stamp =
        (struct fr_bytes){self->kept.data, size == 0 ? 0 : field_size(self->kept.data, size, "time=")};
    return size > 0;
}

void process_print_kept_line(struct process *self)
{
    size_t size = first_line_size(self);
    print_line(self, self->kept.data, size - 1);
    drop_kept(self, size);
}

static void bound_kept(struct process *self)
{
    if (self->kept.size <= KEPT_BYTES) {
        return;
    }
    if (self->quiet) {
        drop_kept(self, self->kept.size - KEPT_BYTES);
    } else {
        process_print_kept(self);
    }
}

void process_forward(struct process *self)
{
    while (self->output >= 0) {
        uint8_t *room = fr_buffer_reserve(&self->kept, READ_BYTES);
        ssize_t got = room == NULL ? 0 : read(self->output, room, READ_BYTES);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0 && errno == EAGAIN) {
            break;
        }
        if (got <= 0) {
            close(self->output);
            self->output = -1;
            break;
        }
        self->kept.size += (size_t)got;
        if (!self->quiet) {
            print_whole_lines(self);
        }
        bound_kept(self);
    }
    if (self->output < 0 && !self->quiet) {
        process_print_kept(self);
    }
}

bool process_reap(struct process *self)
{
    if (self->pid != 0 && waitpid(self->pid, &self->status, WNOHANG) != 0) {
        self->pid = 0;
    }
    return self->pid == 0;
}

void process_signal(const struct process *self, int signal_number)
{
    if (self->pid != 0) {
        kill(self->pid, signal_number);
    }
}

void process_append_end(const struct process *self, struct fr_buffer *out)
{
    if (WIFSIGNALED(self->status)) {
        fr_buffer_append_format(out, "%s was ended by signal %d (%s)", self->program, WTERMSIG(self->status),
                                strsignal(WTERMSIG(self->status)));
    } else {
        fr_buffer_append_format(out, "%s ended with status %d", self->program, WEXITSTATUS(self->status));
    }
}
