/* SPDX-License-Identifier: MIT */
/*
 * channel_internal.h - how a channel, its connection, its lanes and its calls hang together.
 *
 * One mutex per channel guards everything below but reference counts. A call is in one of these states:
 *
 *                   ┌────── left out by a drain, not sent ──────┐
 *                   ▼                                           │
 *   start ──► WAITING ── a lane is idle, connected ──► SENT ────┴── answer ──► DONE
 *                   ▲                                   │
 *                   └────── PAUSED ◄── failed, retry ───┘
 *
 * Deadline, cancellation and the channel's end lead to DONE from everywhere. Whoever moves a call to DONE (under the
 * mutex) completes it (without the mutex), so that happens once.
 *
 * A lane is a REQ context with its aio and carries one message at a time. All waiting calls leave together when a
 * lane is idle, so calls issued meanwhile gather without a timer. While one lane completes the calls of an answer, the
 * other leaves what waits to it: that leaves with the calls that those start in turn. And when two messages keep
 * crossing, once in a while one waits for the answer to the other, after which all is in one message again. Neither
 * waits for more than about a millisecond. Two lanes: at most one carries a message with "collect" set, whose answer may
 * wait for late answers; the other is then answered at once, so a slow call holds up nothing. Answers are matched by id,
 * whichever lane brings them.
 *
 * nng's operations are posted without the mutex, since nng may write to the socket within, by whoever loaded the
 * lane, then by the callback. The receive is posted only after the send has ended (nng 1.5.2 crashes when a receive
 * ends while its send is pending): by the send's callback, or by a caller who blocks anyway and waits for the send
 * itself, which saves a lone call the way through another thread. A send is cancelled under the mutex when the
 * connection is lost; whoever comes too early for that, before it was posted, leaves "poked" set, and the poster looks
 * again.
 *
 * References keep a call: one until it is completed, one for its deadline timer, one for the caller's handle.
 */
#ifndef FR_RPC_CHANNEL_INTERNAL_H
#define FR_RPC_CHANNEL_INTERNAL_H

#include <nng/nng.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/timer.h"
#include "rpc/address.h"
#include "rpc/channel.h"
#include "rpc/envelope.h"
#include "rpc/id_table.h"

#define FR_LANES 2

enum call_state { CALL_WAITING, CALL_SENT, CALL_PAUSED, CALL_DONE };

/* A ring with a head; a call is in one ring at a time. */
struct call_link {
    struct call_link *next, *previous;
};

struct fr_pending {
    struct call_link link;
    struct fr_id_entry by_id;
    atomic_uint refs;
    atomic_uint state;          /* enum call_state; changed under the mutex */
    struct fr_channel *channel; /* valid until the call is DONE */
    uint64_t deadline_us;
    struct fr_timer timer;
    struct fr_timer pause;
    fr_call_done *done;
    void *argument;
    unsigned attempts; /* that ended and may have started */
    unsigned refusals; /* those that certainly did not */
    uint64_t late_number; /* which it was of the calls that became late; 0: it has not */
    bool idempotent;
    bool patient; /* waits for a connection until its deadline */
    size_t rest_size;
    uint8_t rest[]; /* of the Request: what does not change with the time left */
};

/* COMPLETING: the calls of the answer are being completed; what they start in turn leaves after them. */
enum lane_state { LANE_IDLE, LANE_SENDING, LANE_RECEIVING, LANE_COMPLETING };

struct lane {
    struct fr_channel *channel;
    nng_ctx ctx;
    nng_aio *aio;
    nng_aio *blocking_send; /* has no callback */
    nng_aio *sending;       /* one of the two */
    enum lane_state state;
    bool collect;            /* of the message under way */
    struct call_link calls;  /* of the message under way, without an answer so far */
    uint64_t since_us;       /* when the message was loaded, or its answer came */
    uint64_t late_count;     /* of the channel when the message was loaded */
    unsigned generation;     /* counts the messages it has carried */
    atomic_bool poked;       /* the connection was lost before the send was posted */
    struct fr_wire_response *responses; /* of the answer; owned; used by the callback alone */
    struct fr_pending **answered;       /* whom they answer */
    size_t room;
};

/* How many attempts of nng's dialer have failed so. */
struct attempts {
    uint64_t refused;
    uint64_t strange; /* what answered is no SP, or another of its protocols */
};

struct fr_channel {
    char target[FR_ADDRESS_MAX_BYTES + 1];
    char title[FR_ADDRESS_MAX_BYTES + 65]; /* "data at tcp://127.0.0.1:7002", for messages */
    uint64_t connect_timeout_us;
    uint64_t keepalive_us;
    size_t max_waiting;
    bool retries;
    struct fr_retry_policy policy;
    nng_socket socket;
    nng_dialer dialer; /* guarded by mu; id 0 while there is none */
    uint64_t session; /* random; the server keeps one of that name for each connection */

    pthread_mutex_t mu;
    pthread_cond_t idle;
    bool closed;
    bool connected;
    bool leaving;            /* the server drains: no new calls on this connection */
    int pipe;                /* of the connection */
    int lost_early;          /* the latest pipe whose loss was told when it was no connection: not yet, or no more */
    uint64_t connected_us;   /* when it was made */
    bool useful;             /* it has answered without draining */
    int reconnect_ms;        /* the longest pause before the next attempt; nng doubles it from there */
    bool refused;            /* since the connection was lost, an attempt was refused */
    uint64_t unconnected_us; /* since when there is no connection for new calls */
    bool attempts_known;     /* seen was read since then */
    struct attempts seen;    /* nng's counts, at the last look */
    bool strange;            /* since the connection was lost another protocol was met, and nobody has refused since */
    bool watching;           /* the watch timer runs */
    struct fr_timer watch;   /* fails waiting calls when there will be no connection in time */
    bool guarding;           /* the guard timer runs */
    struct fr_timer guard;   /* shuts a connection whose server does not answer, and sees the end of one */
    int shut_pipe;           /* the latest that it shut */
    int closed_pipe;         /* found closed, or shut, at its latest look, while no end was told */
    uint64_t closed_us;      /* since when */
    bool dialer_stale;       /* it dials no more: nng dials again only after it has told a loss */
    bool redialing;          /* a thread changes the dialer */
    bool joining;            /* the join timer runs */
    struct fr_timer join;    /* sends what was left to a lane that then took long */
    uint64_t answer_us;      /* what the latest answer took */
    unsigned crossings;      /* messages in a row that left while calls were under way */
    size_t unfinished;       /* calls not yet completed, timers that run or fire, kicks, a change of the dialer */
    struct fr_retry_throttle throttle;
    uint64_t last_id;
    struct fr_id_table calls; /* every call that is not DONE */
    struct call_link waiting;
    struct call_link late;   /* sent and answered as pending, in the order of their late_number */
    uint64_t late_count;     /* calls that have become late so far */
    struct call_link paused;
    size_t waiting_count;
    uint64_t *cancelled; /* ids to be sent with the next message; owned */
    size_t cancelled_count, cancelled_room;
    struct lane lanes[FR_LANES];
};

/* ---- connection.c ---- */
FR_MUST_CHECK enum fr_code fr_connection_open(struct fr_channel *self, struct fr_error *reterr);
/* The connection takes no more calls, or is lost: from now on, or still, calls wait for one. */
void fr_connection_unusable_locked(struct fr_channel *self);
/* True when a call made now must fail at once; then *reterr says why. Otherwise a watch looks after it. */
bool fr_connection_hopeless_locked(struct fr_channel *self, struct fr_error *reterr);
void fr_connection_watch_locked(struct fr_channel *self);
/* A message is under way: its answer must come within keepalive_us. */
void fr_connection_guard_locked(struct fr_channel *self);

/* ---- lane.c ---- */
FR_MUST_CHECK enum fr_code fr_lanes_open(struct fr_channel *self, struct fr_error *reterr);
/* Stops every operation and waits for running callbacks, then frees. */
void fr_lanes_close(struct fr_channel *self);
/* Sends what waits on the lanes that are idle, or leaves it to one that will send soon. */
void fr_lanes_kick(struct fr_channel *self);
/* For a thread that may block: takes an idle lane at once, and waits until nng has taken the messages. */
void fr_lanes_kick_and_wait(struct fr_channel *self);
/* The connection was lost: what has not left stays here. */
void fr_lanes_poke_locked(struct fr_channel *self);

/* The lane's message was answered, or lost: the lane idles. */
void fr_lane_retire_locked(struct lane *lane);

/* ---- lane_answer.c ---- */
/* Does what the answer says, which it takes over, and retires the lane. */
void fr_lane_answered(struct fr_channel *self, struct lane *lane, nng_msg *message);

/* ---- answer.c ---- */
/* Fills an answer, unless it is NULL. false: without memory, and thus without metadata and details. */
FR_MUST_CHECK bool fr_answer_copy(struct fr_answer *self, const struct fr_result *result);

/* ---- pending.c ---- */
/*
 * A call in two steps, so that its payload can be written in place: *ret_payload has room for payload_size bytes.
 * fr_pending_start then takes it over; a new one that is not started ends with fr_pending_unref.
 */
FR_MUST_CHECK enum fr_code fr_pending_new(const char *method, size_t payload_size,
                                          const struct fr_call_options *options, struct fr_pending **ret_call,
                                          uint8_t **ret_payload, struct fr_error *reterr);
/* The same with a payload that is copied. options may be NULL. */
FR_MUST_CHECK enum fr_code fr_pending_new_from(const char *method, struct fr_bytes request,
                                               const struct fr_call_options *options, struct fr_pending **ret_call,
                                               struct fr_error *reterr);
void fr_pending_start(struct fr_channel *self, struct fr_pending *call, fr_call_done *done, void *argument,
                      struct fr_pending **ret_pending);
/* The same for a caller who blocks until done. */
void fr_pending_start_blocking(struct fr_channel *self, struct fr_pending *call, fr_call_done *done, void *argument);

/* ---- channel.c ---- */
static inline void fr_ring_init(struct call_link *head)
{
    head->next = head->previous = head;
}

static inline bool fr_ring_empty(const struct call_link *head)
{
    return head->next == head;
}

void fr_ring_append(struct call_link *head, struct call_link *link);
void fr_ring_remove(struct call_link *link);
struct fr_pending *fr_call_of_link(struct call_link *link);

/* A connection of that dialer came up: waiting calls leave. */
void fr_channel_connected(struct fr_channel *self, int pipe, int dialer);
/* It was lost: calls in doubt end. The news of a loss can come before that of the same connection, and twice. */
void fr_channel_lost(struct fr_channel *self, int pipe);
/* Ends every waiting call that is not patient as UNAVAILABLE for this reason. */
void fr_channel_fail_waiting(struct fr_channel *self, const char *message);
/* Counts unfinished down. */
void fr_channel_finished_locked(struct fr_channel *self, size_t count);
void fr_channel_finished(struct fr_channel *self, size_t count);

/* Puts a call that is nowhere into the queue. */
void fr_call_wait_locked(struct fr_channel *self, struct fr_pending *call);
/* Takes a call out of wherever it is. */
void fr_call_detach_locked(struct fr_channel *self, struct fr_pending *call);

/* What an attempt came to, as far as it matters for another one. */
struct call_end {
    enum fr_code code;
    uint64_t retry_after_us;
    bool not_started; /* certainly */
    size_t together;  /* calls that end for the same cause */
};

/* Takes a call out of ring and table; it is DONE, unless its failure is to be retried: then false. */
bool fr_call_settle_locked(struct fr_channel *self, struct fr_pending *call, const struct call_end *end);
/* Completes a call that was settled. Returns by how much the caller must count unfinished down. */
FR_MUST_CHECK size_t fr_call_complete(struct fr_pending *self, const struct fr_result *result);
/* Calls of one ring that were settled, all with the same end; but who was tried before may have started then. */
void fr_calls_complete(struct fr_channel *self, struct call_link *ring, const struct fr_result *result);
/* The same for calls whose connection broke. */
void fr_calls_complete_broken(struct fr_channel *self, struct call_link *ring);
/* Settles the calls of from, all together; those that end move to to. */
void fr_calls_settle_locked(struct fr_channel *self, struct call_link *from, struct call_link *to,
                            struct call_end end);
/* Puts calls that certainly never started back into the queue. */
void fr_calls_requeue_locked(struct fr_channel *self, struct call_link *calls);

#endif
