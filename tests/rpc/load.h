/* SPDX-License-Identifier: MIT */
/*
 * load.h - calls without a pause over one channel, and how often a server in other processes ran each.
 */
#ifndef FR_TESTS_RPC_LOAD_H
#define FR_TESTS_RPC_LOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "rpc/channel.h"
#include "support/wait.h"

#define LOAD_CALLS  (1u << 20) /* more than a test makes */
#define LOAD_CHAINS 64         /* calls under way */

/* Even calls are idempotent, odd ones are not. */
struct load {
    struct fr_channel *channel;
    int shared;            /* the file of runs */
    atomic_uint *runs;     /* of each call, in all servers */
    uint8_t *ends;         /* LOAD_… of each call */
    atomic_uint next;      /* the number of the next call */
    atomic_bool stopping;
    struct fr_wait wait;
    uint64_t finished;     /* guarded by wait: calls */
    uint64_t ended_chains; /* guarded by wait */
};

enum { LOAD_OPEN, LOAD_ANSWERED, LOAD_IN_DOUBT, LOAD_FAILED };

void load_init(struct load *self);
void load_fini(struct load *self);
/* Starts the chains of calls over channel, which is borrowed. */
void load_start(struct load *self, struct fr_channel *channel);
/* Waits until that many more calls have finished. */
void load_wait_more(struct load *self, uint64_t count);
void load_stop(struct load *self);
/* How many calls, idempotent or not, came to this end. */
unsigned load_count(const struct load *self, bool idempotent, int end);
/* The most often that a call, idempotent or not, with this end was run, and the least. */
void load_runs(const struct load *self, bool idempotent, int end, unsigned *ret_least, unsigned *ret_most);

/* The whole of a server process: serves until stdin ends, then drains. For main. */
int load_serve(const char *address);

#endif
