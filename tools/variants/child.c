/* SPDX-License-Identifier: MIT */
/*
 * child.c - a part of this program in a process of its own.
 */
#include "variants/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND UINT64_C(1000000000)

enum fr_code child_start(struct child *self, void (*run)(int fd, const void *context), const void *context,
                         struct fr_error *reterr)
{
    int ends[2];
    pid_t parent = getpid();
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return fr_error_set(reterr, FR_UNAVAILABLE, "cannot make a socket: %s", strerror(errno));
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        signal(SIGINT, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        signal(SIGTERM, SIG_DFL);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            run(ends[1], context);
        }
        _exit(0);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return fr_error_set(reterr, FR_UNAVAILABLE, "cannot start a process: %s", strerror(errno));
    }
    *self = (struct child){pid, ends[0]};
    return FR_OK;
}

void child_end(struct child *self, bool hurry)
{
    if (self->pid == 0) {
        return;
    }
    close(self->fd);
    if (hurry) {
        kill(self->pid, SIGKILL);
    }
    while (waitpid(self->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    *self = (struct child){0};
}

bool child_send(int fd, const void *data, size_t size)
{
    const uint8_t *at = data;
    while (size > 0) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

bool child_receive(int fd, void *data, size_t size)
{
    uint8_t *at = data;
    while (size > 0) {
        ssize_t got = recv(fd, at, size, 0);
        if (got <= 0) {
            return false;
        }
        at += got;
        size -= (size_t)got;
    }
    return true;
}

uint64_t process_cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) {
        return 0;
    }
    return (uint64_t)time.tv_sec * NS_PER_SECOND + (uint64_t)time.tv_nsec;
}

uint64_t process_memory_bytes(pid_t pid)
{
    char path[64];
    unsigned long long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fscanf(file, "%*u %llu", &pages) != 1) {
            pages = 0;
        }
        fclose(file);
    }
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
