/* SPDX-License-Identifier: MIT */
/*
 * watch.c - what other processes have used.
 *
 * A process's processor clock counts nanoseconds and those of threads that have ended; /proc/PID/stat counts ticks of
 * 10 ms, too coarse for a cell of a second.
 */
#include "peers/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double clock_s(clockid_t clock)
{
    struct timespec now;
    return clock_gettime(clock, &now) == 0 ? (double)now.tv_sec + (double)now.tv_nsec / 1e9 : 0;
}

double watch_cpu_s(const struct fr_option_list *pids)
{
    double sum = 0;
    clockid_t clock;
    for (size_t i = 0; i < pids->count; i++) {
        if (clock_getcpuclockid((pid_t)strtol(pids->items[i], NULL, 10), &clock) == 0) {
            sum += clock_s(clock);
        }
    }
    return sum;
}

double watch_own_cpu_s(void)
{
    return clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

static uint64_t rss_of(const char *pid)
{
    char path[64];
    unsigned long pages = 0;
    snprintf(path, sizeof path, "/proc/%s/statm", pid);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fscanf(file, "%*u %lu", &pages) != 1) {
            pages = 0;
        }
        fclose(file);
    }
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t watch_rss_bytes(const struct fr_option_list *pids)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < pids->count; i++) {
        sum += rss_of(pids->items[i]);
    }
    return sum;
}

uint64_t watch_own_rss_bytes(void)
{
    return rss_of("self");
}
