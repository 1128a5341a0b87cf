/* SPDX-License-Identifier: MIT */
/*
 * load.h - the load that every client of the comparison drives, whatever it speaks: so many calls under way all the
 * time, or arrivals at a given rate. A client brings open, start and close; all else is the same for all of them.
 *
 * A slot has at most one call under way. Slot i belongs to channel i modulo the number of channels.
 */
#ifndef PEERS_LOAD_H
#define PEERS_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct load_client {
    const char *program;
    const char *summary; /* one line for --help */
    /* Connects every channel; mode is the client's own ("" by default). false: it has printed why not. */
    bool (*open)(const char *address, const char *mode, size_t channels, size_t slots);
    /* Starts the slot's call for load_id(slot). Any thread; load_done or load_failed follows, once, also at once. */
    void (*start)(size_t slot);
    /* No call is under way any more. */
    void (*close)(void);
    bool one_call_per_channel; /* such as HTTP/1.1: as many channels as slots */
};

/* Parses the command line, runs the load and prints one line of JSON. The exit status of the program. */
int load_main(const struct load_client *client, int argc, char **argv);

/* The id to ask for; borrowed until the call ends. */
const char *load_id(size_t slot, size_t *ret_length);
size_t load_channel(size_t slot);

/* The answer came and was decoded: the id in it. Another id than the one asked for counts as an error. */
void load_done(size_t slot, const char *id, size_t length);
void load_failed(size_t slot, const char *message);

/* Counts where an answer came from, such as "redis"; for a sample of the calls. */
void load_count_source(const char *name, size_t length);

#ifdef __cplusplus
}
#endif

#endif
