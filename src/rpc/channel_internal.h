/* SPDX-License-Identifier: MIT */
/*
 * channel_internal.h - how a channel, its connection, its lanes and its calls hang together.
 *
 * One mutex per channel guards everything below but reference counts. A call is in one of these states:
 *
 *   WAITING ── connected and a lane free ──► SENDING ── sent ──► RECEIVING ──► DONE
 *      └──────────────── deadline, cancellation, lost connection ─────────────►
 *
 * Whoever moves it to DONE (under the mutex) completes it (without the mutex), so that happens once. A lane is a
 * REQ context with its one aio. Its operations are posted without the mutex, since nng may write to the socket
 * within, by whoever the lane belongs to at that moment: the one who assigned the call, then the callback. The
 * receive is posted only from the callback of the send (nng 1.5.2 crashes when a receive ends while its send is
 * pending). Operations are cancelled under the mutex; whoever comes too early for that, before the operation was
 * posted, leaves "poked" set, and the poster looks again.
 *
 * References keep a call: one until it is completed, one for its timer, one for the caller's handle.
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

enum call_state { CALL_WAITING, CALL_SENDING, CALL_RECEIVING, CALL_DONE };

struct lane {
    struct fr_channel *channel;
    nng_ctx ctx;
    nng_aio *aio;
    struct fr_pending *call; /* NULL when idle or when its call has ended early */
    unsigned generation;     /* counts the calls it has carried */
    atomic_bool poked;       /* the call has ended early or the connection was lost */
    struct lane *next_idle;
};

struct fr_pending {
    atomic_uint refs;
    struct fr_channel *channel; /* valid until the call is DONE */
    atomic_uint state;          /* enum call_state; changed under the mutex */
    struct lane *lane;
    nng_msg *message; /* the request, until it is handed to nng */
    uint64_t deadline_us;
    struct fr_timer timer;
    fr_call_done *done;
    void *argument;
    struct fr_pending *next, *previous; /* in channel->waiting or channel->active */
};

struct call_list {
    struct fr_pending *first, *last;
};

struct fr_channel {
    char target[FR_ADDRESS_MAX_BYTES + 1];
    char title[FR_ADDRESS_MAX_BYTES + 65]; /* "data at tcp://127.0.0.1:7002", for messages */
    uint64_t connect_timeout_us;
    nng_socket socket;
    nng_dialer dialer;

    pthread_mutex_t mu;
    pthread_cond_t idle;
    bool closed;
    bool connected;
    int pipe;                 /* of the connection */
    bool refused;             /* since the connection was lost, an attempt was refused */
    uint64_t unconnected_us;  /* since when there is no connection */
    bool refusals_known;      /* refusals was read since then */
    uint64_t refusals;        /* nng's count of refused attempts */
    bool watching;            /* the watch timer runs */
    struct fr_timer watch;    /* fails waiting calls when there will be no connection in time */
    size_t unfinished;        /* calls not yet completed, timers that run or fire, sends being posted */
    struct call_list waiting; /* calls without a lane */
    struct call_list active;  /* calls with one */
    struct lane **lanes;
    size_t lane_count;
    struct lane *idle_lanes;
};

/* ---- connection.c ---- */
FR_MUST_CHECK enum fr_code fr_connection_open(struct fr_channel *self, struct fr_error *reterr);
/* True when a call made now must fail at once; then *reterr says why. Otherwise a watch looks after it. */
bool fr_connection_hopeless_locked(struct fr_channel *self, struct fr_error *reterr);
void fr_connection_watch_locked(struct fr_channel *self);

/* ---- channel.c ---- */
/* A connection came up: gives waiting calls a lane. */
void fr_channel_connected(struct fr_channel *self, int pipe);
/* It was lost: ends the calls whose request has not left. The news of a loss can come after that of the next one. */
void fr_channel_lost(struct fr_channel *self, int pipe);
/* Ends every waiting call as UNAVAILABLE for this reason. */
void fr_channel_fail_waiting(struct fr_channel *self, const char *message);
/* Counts unfinished down. */
void fr_channel_finished(struct fr_channel *self, size_t count);

#endif
