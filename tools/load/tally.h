/* SPDX-License-Identifier: MIT */
/*
 * tally.h - what came of the calls of a run. Keep one per thread and add them up. Pure.
 */
#ifndef LOAD_TALLY_H
#define LOAD_TALLY_H

#include <stdbool.h>

#include "base/error.h"
#include "load/latency.h"
#include "load/slices.h"

/*
 * Latencies are those of the calls that were answered with OK, and of those that had no answer when the load ended, as if
 * it had come just then: what they would have taken is more. So a stall cannot be hidden by ending the run within it.
 */
struct tally_method {
    struct latency latency;     /* from the time at which the call was due, in a closed loop from its start */
    struct latency uncorrected; /* of an open loop: from its start */
    uint64_t codes[FR_CODE_COUNT];
    uint64_t unfinished; /* without an answer, and in no code */
};

struct tally {
    size_t method_count;
    bool open;                                            /* an open loop */
    struct tally_method *methods;                         /* owned */
    char messages[FR_CODE_COUNT][FR_ERROR_MESSAGE_BYTES]; /* the first of each code; "": none */
    struct slices *slices;                                /* owned */
    uint64_t last_us;                                     /* when the last call ended */
};

#define TALLY_NOT_SENT UINT64_MAX

/* One call that has ended. */
struct tally_call {
    size_t method;
    enum fr_code code;
    const char *message;               /* of an error */
    uint64_t due_us, start_us, end_us; /* since the start of the run; a closed loop has due_us == start_us */
};

/* FR_RESOURCE_EXHAUSTED: no memory. */
FR_MUST_CHECK enum fr_code tally_init(struct tally *self, size_t method_count, bool open,
                                      struct fr_error *reterr);
void tally_fini(struct tally *self);
void tally_record(struct tally *self, const struct tally_call *call);
/* count calls without an answer; end_us: when the load ended, start_us: TALLY_NOT_SENT where they were not even sent. */
void tally_record_unfinished(struct tally *self, const struct tally_call *call, uint64_t count);
/* other's slices may become wider. */
void tally_add(struct tally *self, struct tally *other);

/* Over all methods; *ret_sum has the shape of a method. */
void tally_sum(const struct tally *self, struct tally_method *ret_sum);
uint64_t tally_errors(const struct tally_method *self);
/* Answered well or not. */
uint64_t tally_calls(const struct tally_method *self);

#endif
