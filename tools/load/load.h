/* SPDX-License-Identifier: MIT */
/*
 * load.h - one run of load on a server.
 *
 * Closed loop: so many calls are under way all the time; each answer starts the next call, so a slow server is asked less.
 * Open loop: each call is due at a time that the schedule gives, whatever the server does; at most so many are under
 * way, and a call that is due while they are all busy leaves late, but its latency counts from when it was due.
 */
#ifndef LOAD_LOAD_H
#define LOAD_LOAD_H

#include "load/mix.h"
#include "load/requests.h"
#include "load/schedule.h"
#include "load/tally.h"
#include "rpc/channel.h"

struct load_method {
    const struct fr_schema_method *method;
    const struct requests *requests;
    unsigned weight; /* 1 to MIX_MAX_WEIGHT */
};

/* All borrowed until load_free. */
struct load_options {
    const char *address; /* "tcp://host:port" */
    const struct load_method *methods;
    size_t method_count; /* 1 to MIX_METHODS */
    struct fr_metadata metadata;
    uint64_t timeout_us;  /* of each call */
    uint64_t concurrency; /* calls under way at most */
    uint64_t channels;
    const struct schedule *schedule; /* of an open loop; NULL: closed */
    uint64_t count;                  /* calls to measure; 0: as many as duration_us takes */
    uint64_t warmup_us; /* before measuring; an open loop then goes at the schedule's first rate */
    uint64_t
        duration_us; /* of the plan of an open loop without count; a closed loop goes on until load_stop */
    bool retry;      /* failed calls, where the method allows */
    bool decode;     /* every answer; otherwise the first one of each thread and method, as a check */
};

struct load;

/*
 * Connects every channel with a health check, before any load.
 *   FR_UNAVAILABLE, FR_DEADLINE_EXCEEDED  the server is not there
 */
FR_MUST_CHECK enum fr_code load_new(const struct load_options *options, struct load **ret_load,
                                    struct fr_error *reterr);
/* FR_RESOURCE_EXHAUSTED: no thread for it. */
FR_MUST_CHECK enum fr_code load_start(struct load *self, struct fr_error *reterr);
/* Of a closed loop with warm-up, once: calls that start from now on are measured. */
void load_measure(struct load *self);
/* A descriptor that becomes readable once the last call has ended. Borrowed. */
int load_ended_fd(const struct load *self);
/* No new calls; those under way go on. The first time is when the load ended, for what stays unfinished. Thread-safe. */
void load_stop(struct load *self);

struct load_progress {
    uint64_t ended, failed; /* the warm-up included */
};
/* Thread-safe, cheap. */
struct load_progress load_progress(const struct load *self);
/* Measured calls that have been started. Thread-safe. */
uint64_t load_started(const struct load *self);
/* Measured calls that the schedule or the count asks for; 0: no such number. */
uint64_t load_planned(const struct load *self);
/* Of an open loop, after load_stop: measured calls that were due by then, or have been started. */
uint64_t load_due(const struct load *self);

/*
 * Cancels what is under way and adds everything to tally; calls without an answer, sent or only due, are its unfinished
 * ones. Once only.
 */
void load_finish(struct load *self, struct tally *tally);
/* After load_finish, or before load_start. NULL is fine. */
void load_free(struct load *self);

#endif
