/* SPDX-License-Identifier: MIT */
/*
 * server_internal.h - how a server, its connections, their sessions, and the calls of one message hang together.
 *
 *   fr_server 1 ── n exchange  one REP context: receives a message, later sends its answer
 *             1 ── n peer      one connection, while it lasts
 *   peer      1 ── n session   where late answers of a client gather; ends with the connection
 *   exchange  1 ── 1 batch     one received message, until its answer is sent
 *   exchange  n ── 1 peer      whose message it has
 *   batch     1 ── n fr_call   one call; its handler may outlive the answer when the call ended early
 *
 * A message with session 0 has a session of its own, which answers when every call is done ("whole").
 *
 * A call is answered "inline" while its handler runs on the dispatching thread: then nobody else knows the call yet,
 * and the answer goes to the batch's own reply without a lock. Otherwise it becomes "late": its session knows it by
 * id, under the session's mutex, and whoever first sets "answered" there has answered it: the handler, or its
 * deadline, a cancellation or the end of the connection (then it is "over").
 *
 * References keep a batch: one for the dispatch, one for each handler that has not finished, one for each running
 * deadline timer, one while it is parked.
 */
#ifndef FR_RPC_SERVER_INTERNAL_H
#define FR_RPC_SERVER_INTERNAL_H

#include <nng/nng.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/timer.h"
#include "rpc/envelope.h"
#include "rpc/id_table.h"
#include "rpc/reply.h"
#include "rpc/server.h"

#define SP_HEADER_BYTES  4  /* that nng adds to an answer */
#define REFUSAL_BYTES    64 /* a Response that only says that it does not fit */
#define PENDING_ID_BYTES 10 /* the longest id in a reply's list of pending calls: a varint of 64 bits */

struct exchange;
struct peer;

/* A registered method. */
struct method_slot {
    uint64_t hash;
    struct fr_server_method declared;
    unsigned max_open;  /* 0: no limit */
    atomic_int running; /* late calls whose handler has not finished */
};

struct fr_server {
    atomic_uint refs; /* the owner, every batch, the sweep timer */
    nng_socket socket;
    nng_listener listener;
    char address[128];
    struct fr_server_limits limits; /* none is 0 */

    struct method_slot *methods; /* an open-addressing table, fixed once serving */
    size_t method_slots;         /* a power of two, or 0 */
    size_t method_count;
    const char **services; /* names, borrowed; for health */
    size_t service_count;

    atomic_bool serving;
    atomic_bool draining;
    atomic_bool freeing;  /* received messages are dropped, and new connections refused */

    pthread_mutex_t mu;
    bool stopping;               /* guarded by mu */
    struct exchange **exchanges; /* guarded by mu; owned */
    atomic_uint exchange_count;  /* changed under mu */
    atomic_uint receiving;       /* exchanges that wait for a message */
    atomic_uint open_batches;    /* received and not yet sent: at most limits.messages */
    atomic_uint_fast64_t relieved_us; /* when a connection was last closed to make room */
    atomic_uint live_batches;    /* not yet freed: a handler still runs, or the answer is not sent */

    pthread_mutex_t peers_mu;
    struct fr_id_table peers; /* guarded by peers_mu; by pipe id */
    struct fr_timer sweep;
    unsigned sweeps;          /* used by the timer alone */
    atomic_uint ending;       /* threads that may be calling an on_over */
    atomic_int running;       /* late calls whose handler has not finished */
    atomic_size_t held_bytes; /* of messages with open calls, late answers not collected, and answers not read */
};

struct session {
    atomic_uint refs; /* its peer, every batch, a deferred flush */
    struct fr_server *server;
    int pipe;
    uint64_t id; /* 0: whole */
    atomic_int running;              /* late calls whose handler has not finished */
    struct session *next, *previous; /* of the peer; guarded by peers_mu; NULL once detached */

    pthread_mutex_t mu;
    bool dead;                 /* guarded by mu: the connection is gone */
    bool told_draining;        /* guarded by mu: a reply has said it */
    struct fr_id_table calls;  /* guarded by mu: late and not answered */
    struct fr_reply ready;     /* guarded by mu: late answers */
    unsigned round;            /* guarded by mu: counts the replies; tells which of them took an answer along */
    struct batch *dispatching; /* guarded by mu: the batches whose calls are being dispatched */
    struct batch *parked;      /* guarded by mu: is answered when there is something to say; holds a reference */
    uint64_t parked_us;        /* guarded by mu: since when */
    uint64_t heard_us;         /* guarded by mu: when the latest message came */
};

/* What nng has not handed to the kernel yet counts as unread. */
struct peer {
    struct fr_id_entry by_pipe;
    atomic_uint refs;           /* the connection, while it lasts, and each of its messages */
    atomic_bool closing;        /* it is shut, silent or beyond a limit: what it still sends is dropped */
    atomic_uint messages;       /* under way: received, and their answers not read */
    atomic_uint sent;           /* counts the answers that were read */
    atomic_size_t unread_bytes; /* of answers */
    /* The rest is guarded by peers_mu. */
    unsigned seen_sent; /* at the latest look for connections that do not read */
    bool seen_unread;
    uint64_t moved_us;       /* when such a look last found no unread answers, or others */
    struct session sessions; /* head of a ring */
    unsigned count;          /* of sessions with an id */
    bool seen_closed;        /* at the latest look for connections whose end was not told */
    bool gone;               /* the connection has ended */
};

enum over_state { OVER_NOT_RUN, OVER_RUNNING, OVER_RAN };

struct fr_call {
    struct fr_id_entry by_id; /* in session->calls */
    struct batch *batch;
    struct method_slot *target;
    struct fr_wire_request request;
    uint64_t deadline_us;
    struct fr_timer timer;
    struct fr_arena *arena;  /* owned by the handler's side; made at first use */
    struct fr_buffer extras; /* metadata and details of the answer, encoded; owned by the handler's side */
    uint16_t metadata_count, metadata_bytes, details_count;
    uint64_t retry_after_us;
    bool inlined;  /* answered within the dispatch, or never started; dispatcher only */
    bool late;     /* in session->calls; guarded by session->mu */
    bool answered; /* guarded by session->mu */
    bool cancelled; /* while its batch was dispatched; guarded by session->mu */
    unsigned round; /* of the session when it was answered late; guarded by session->mu */
    atomic_bool over;
    atomic_uint over_state; /* enum over_state */
    pthread_t over_thread;
    void (*on_over)(void *argument); /* guarded by session->mu */
    void *over_argument;
    struct fr_metadata_entry *received; /* decoded at first use; owned */
};

struct batch {
    atomic_uint refs;
    struct fr_server *server;
    struct exchange *exchange;
    struct session *session;
    struct batch *next_dispatching; /* of the session; guarded by session->mu */
    nng_msg *message; /* the received one; requests borrow it */
    size_t held_bytes;
    uint32_t max_reply_bytes;
    bool collect;
    bool hurried;          /* is not parked, for want of room */
    bool left_out;         /* calls were not started since the server drains */
    struct fr_reply reply; /* inline answers; the dispatcher's, then under session->mu */
    struct fr_arena *arena; /* of requests unpacked within the dispatch */
    struct fr_buffer spare; /* for the extras of the next call, empty; dispatcher only */
    size_t inline_count;   /* handlers that finished within the dispatch */
    size_t call_count;
    struct fr_call calls[];
};

/* ---- exchange.c ---- */
FR_MUST_CHECK enum fr_code fr_exchange_open(struct fr_server *server, struct fr_error *reterr);
void fr_exchange_free(struct exchange *self);
/* Stops its operation and waits for a running callback; it answers nothing from now on. */
void fr_exchange_stop(struct exchange *self);
/* Once stopped: gives back what it has of nng. Calls that are still open may answer, into the void. */
void fr_exchange_close(struct exchange *self);
/* Sends reply, which it takes over. NULL, for want of memory, sends an empty batch if it can. */
void fr_exchange_answer(struct exchange *self, nng_msg *reply);

/* ---- batch.c ---- */
/* A received message. */
struct arrival {
    struct exchange *exchange;
    struct peer *peer;
    nng_msg *message;
    bool overloaded; /* there is no room for messages that are not answered at once */
};
/* Runs every call of the message, which it takes over; answers through the exchange. */
void fr_batch_dispatch(struct fr_server *server, const struct arrival *arrival);
void fr_batch_unref(struct batch *self);
/*
 * What answers must leave free of max_reply_bytes for what the reply has to say besides: that the server drains, and of
 * each call without an answer in it that it is pending, or, since without a session nothing can be said later, that its
 * answer does not fit.
 */
size_t fr_batch_reserved_bytes(const struct batch *self);
/* Answers the call within the dispatch. false: it does not fit the reply; nothing was done. */
bool fr_batch_put(struct batch *self, const struct fr_wire_response *response, uint8_t **ret_payload);
/* The call whose handler this thread is just dispatching; NULL when it was answered, or outside a dispatch. */
extern _Thread_local struct fr_call *fr_dispatched_call;

/* ---- server_call.c ---- */
/* Counts a late call; the handler's end, on another thread, may be counted before its beginning. */
void fr_call_count_running(struct fr_call *self, int change);
/* From now on the deadline may answer; the caller holds session->mu. */
void fr_call_watch_deadline_locked(struct fr_call *self);
/* Answers and finishes a call whose handler did not run. */
void fr_call_refuse(struct fr_call *self, enum fr_code code, const char *message, uint64_t retry_after_us);
void fr_call_fini(struct fr_call *self);
/* Ends a call before its handler answers, with this response if it is not NULL. false: it was answered. */
bool fr_call_end(struct fr_call *self, const struct fr_wire_response *response);

/* ---- session.c ---- */
/* NULL without memory. */
struct session *fr_session_new(struct fr_server *server, int pipe, uint64_t id);
void fr_session_unref(struct session *self);
/* The dispatch of batch begins; fr_session_finish_batch ends it. */
void fr_session_begin_batch(struct session *self, struct batch *batch);
/* Ends calls without a word, if the session knows them or is dispatching them in another batch than by. Sorts ids. */
void fr_session_cancel(struct session *self, const struct batch *by, uint64_t *ids, size_t count);
/* After its handler returned without an answer: the session knows call from now on, unless it was answered since. */
void fr_session_admit(struct session *self, struct fr_call *call);
/* Answers call, without a word if response is NULL; then the caller calls fr_session_flush. false: it was answered. */
bool fr_session_answer_locked(struct session *self, struct fr_call *call, const struct fr_wire_response *response);
/* Sends the answer of the parked message if there is something to say. Waits for an uncork. */
void fr_session_flush(struct session *self);
/* Answers batch, or parks it. The dispatch is over. */
void fr_session_finish_batch(struct session *self, struct batch *batch);
/* Answers what is parked, whatever there is to say. */
void fr_session_release(struct session *self);
/* Ends every call. */
void fr_session_kill(struct session *self);

/* ---- peer.c ---- */
FR_MUST_CHECK enum fr_code fr_peers_init(struct fr_server *server, struct fr_error *reterr);
void fr_peers_fini(struct fr_server *server);
/*
 * A message came from pipe; it is under way until fr_peer_end_message. NULL: it is to be dropped, as the connection is
 * gone, or is being closed because of a limit.
 */
struct peer *fr_peers_begin_message(struct fr_server *server, nng_pipe pipe);
/* Its answer, with so many bytes, is about to be sent. */
void fr_peer_begin_answer(struct fr_server *server, struct peer *self, size_t bytes);
/* The answer, with so many bytes, was read, or never will be. */
void fr_peer_end_message(struct fr_server *server, struct peer *self, size_t bytes);
void fr_peer_unref(struct peer *self);
/*
 * The session of a message, with a reference.
 *   FR_RESOURCE_EXHAUSTED  too many sessions, or no memory
 *   FR_UNAVAILABLE         the connection is gone
 */
FR_MUST_CHECK enum fr_code fr_peers_session(struct fr_server *server, struct peer *peer, uint64_t id,
                                            struct session **ret_session, struct fr_error *reterr);
/* The connection forgets a whole session, which is over. */
void fr_peers_detach(struct session *session);
/* NULL: no such connection, or no more. */
struct peer *fr_peers_find_locked(struct fr_server *server, nng_pipe pipe);
/* A connection has ended: so do its calls. */
void fr_peers_lost(struct fr_server *server, nng_pipe pipe);
/* Ends every call and waits until no on_over runs. */
void fr_peers_kill_all(struct fr_server *server);

/* ---- peer_watch.c ---- */
/* Watches over parked messages, and clients that are silent or do not read, from now on. */
void fr_peers_watch(struct fr_server *server);
/* Answers what is parked, so that every client learns of the drain. */
void fr_peers_release_all(struct fr_server *server);
/* Closes connections that have read nothing of their answers for so long, as far as this function was called then. */
void fr_peers_close_stuck(struct fr_server *server, uint64_t patience_us);
/* Every connection, from malloc; NULL without memory. */
nng_pipe *fr_peers_pipes(struct fr_server *server, size_t *ret_count);

/* ---- server.c ---- */
struct method_slot *fr_server_find(const struct fr_server *self, struct fr_bytes name);
void fr_server_unref(struct fr_server *self);

/* ---- health.c ---- */
FR_MUST_CHECK enum fr_code fr_health_register(struct fr_server *server, struct fr_error *reterr);

#endif
