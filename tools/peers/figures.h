/* SPDX-License-Identifier: MIT */
/*
 * figures.h - what a load counts, and the line of JSON that it comes to.
 */
#ifndef PEERS_FIGURES_H
#define PEERS_FIGURES_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/histogram.h"

#define FIGURES_SOURCES 6

/* What one thread counts. Zeroed memory is a fresh one. */
struct figures {
    struct fr_histogram latency_ns;
    uint64_t calls; /* that ended within the measured time */
    uint64_t errors;
    char first_error[128];
    struct {
        char name[24];
        uint64_t count;
    } sources[FIGURES_SOURCES];
};

struct report {
    double seconds, client_cpu_s, server_cpu_s, store_cpu_s;
    uint64_t server_rss_bytes, client_rss_bytes;
    uint64_t lost;  /* calls that never ended */
    bool exhausted; /* there was no user left to ask for */
    uint64_t probed;
    int64_t server_grown_bytes, client_grown_bytes; /* by all that was probed */
};

void figures_count_error(struct figures *self, const char *message);
void figures_count_source(struct figures *self, const char *name, size_t length);
/* Adds them up and prints one line on standard output. */
void figures_print(const struct figures *parts, size_t count, const struct report *report);

#endif
