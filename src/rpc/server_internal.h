/* SPDX-License-Identifier: MIT */
/*
 * server_internal.h - how a server, its REP contexts and the calls of one message hang together.
 *
 *   fr_server 1 ── n exchange (one REP context: receives a message, later sends its answer)
 *   exchange  1 ── 1 batch    (one received message, until its answer is sent)
 *   batch     1 ── n fr_call  (one call; its handler may outlive the answer when the deadline ends it first)
 *
 * References keep a batch: one for the dispatch, one for each unfinished handler, one for each running deadline
 * timer. The answer leaves when "open" reaches 0: each call counts once until it is answered, and the dispatch
 * counts once so that no answer leaves while handlers are still being called.
 */
#ifndef FR_RPC_SERVER_INTERNAL_H
#define FR_RPC_SERVER_INTERNAL_H

#include <nng/nng.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/timer.h"
#include "rpc/envelope.h"
#include "rpc/server.h"

struct exchange;

struct fr_server {
    atomic_uint refs; /* the owner and every batch */
    nng_socket socket;
    nng_listener listener;
    char address[128];

    struct fr_server_method *methods; /* an open-addressing table, fixed once listening */
    size_t method_slots;               /* a power of two, or 0 */
    size_t method_count;
    const char **services; /* names, borrowed; for health */
    size_t service_count;

    atomic_bool serving;
    atomic_bool draining;

    pthread_mutex_t mu;
    bool stopping;               /* guarded by mu */
    struct exchange **exchanges; /* guarded by mu; owned */
    atomic_uint exchange_count;  /* changed under mu */
    atomic_uint receiving;       /* exchanges that wait for a message */
    atomic_uint open_batches;    /* received and not yet sent */
};

struct fr_call {
    struct batch *batch;
    const struct fr_server_method *target;
    struct fr_wire_request request;
    uint64_t deadline_us;
    struct fr_timer timer;
    struct fr_arena *arena;    /* owned by the handler's side; made at first use */
    struct fr_buffer metadata; /* of the answer, encoded; owned by the handler's side */
    size_t metadata_count;
    struct fr_metadata_entry *received; /* decoded at first use; owned */
    bool answered;                      /* guarded by batch->mu */
};

struct batch {
    atomic_uint refs;
    struct fr_server *server;
    struct exchange *exchange;
    nng_msg *message; /* the received one; requests borrow it */
    uint32_t max_reply_bytes;
    pthread_mutex_t mu;
    nng_msg *reply; /* guarded by mu; NULL once it was handed over */
    size_t open;    /* guarded by mu */
    size_t call_count;
    struct fr_call calls[];
};

/* exchange.c */
FR_MUST_CHECK enum fr_code fr_exchange_open(struct fr_server *server, struct fr_error *reterr);
void fr_exchange_free(struct exchange *self);
/* Stops its operation and waits for a running callback; it answers nothing from now on. */
void fr_exchange_stop(struct exchange *self);
/* Once stopped: gives back what it has of nng. Calls that are still open may answer, into the void. */
void fr_exchange_close(struct exchange *self);
/* Sends reply, which it takes over. */
void fr_exchange_answer(struct exchange *self, nng_msg *reply);

/* server_call.c */
/* Runs every call of message, which it takes over; answers through exchange. overloaded: refuse them all. */
void fr_batch_dispatch(struct fr_server *server, struct exchange *exchange, nng_msg *message, bool overloaded);

/* server.c */
const struct fr_server_method *fr_server_find(const struct fr_server *self, struct fr_bytes name);
void fr_server_unref(struct fr_server *self);

/* health.c */
FR_MUST_CHECK enum fr_code fr_health_register(struct fr_server *server, struct fr_error *reterr);

#endif
