/* SPDX-License-Identifier: MIT */
/*
 * load.h - closed-loop load on one method: so many calls are always under way, each answer starts the next
 * call.
 */
#ifndef FRESHET_LOAD_H
#define FRESHET_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/histogram.h"
#include "freshet/target.h"
#include "freshet/template.h"
#include "rpc/channel.h"

/* All borrowed until load_free. */
struct load_options {
    const struct target *target;
    const struct template *template; /* the request's JSON */
    struct fr_metadata metadata;
    uint64_t timeout_us; /* of each call */
    uint64_t concurrency;
    uint64_t channels;
    bool retry;     /* failed calls, where the method allows */
    uint64_t count; /* stop after so many calls; 0: only by load_stop */
};

/* Latency counts answers only, from the start of a call until its answer is there, before it is unpacked. */
struct load_result {
    struct fr_histogram latency_us;
    uint64_t errors[FR_CODE_COUNT];
    uint64_t error_count;
    char first_error[FR_ERROR_MESSAGE_BYTES]; /* "" without errors */
};

struct load;

/*
 * Connects every channel with a health check, before any load.
 *   FR_UNAVAILABLE, FR_DEADLINE_EXCEEDED  the server is not there
 *   FR_INVALID_ARGUMENT                   the template's first expansion does not fit the request's type
 */
FR_MUST_CHECK enum fr_code load_new(const struct load_options *options, struct load **ret_load,
                                    struct fr_error *reterr);
/* FR_RESOURCE_EXHAUSTED: no thread for it. */
FR_MUST_CHECK enum fr_code load_start(struct load *self, struct fr_error *reterr);
/* A descriptor that becomes readable once the last call has ended. Borrowed. */
int load_ended_fd(const struct load *self);
/* No new calls; those under way go on. Thread-safe. */
void load_stop(struct load *self);
/* How many calls have ended so far. Thread-safe. */
uint64_t load_progress(const struct load *self);
/* Cancels what is under way (cancelled calls are not counted), then adds everything up. Once only. */
void load_finish(struct load *self, struct load_result *ret_result);
/* After load_finish, or before load_start. NULL is fine. */
void load_free(struct load *self);

#endif
