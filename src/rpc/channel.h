/* SPDX-License-Identifier: MIT */
/*
 * channel.h - calls to one server. Thread-safe; one per target is enough for a whole process.
 *
 * A channel connects in the background and reconnects by itself. A call made while it has no connection waits at
 * most connect_timeout_us from the moment the connection was lost (or first tried); after that, calls fail at
 * once until it is back. A refused connection fails them at once. With a retry policy, calls that have a deadline
 * wait for a connection until then.
 *
 * A call leaves at once when the channel has nothing under way; calls issued meanwhile leave together with the next
 * message. Their order is not kept.
 */
#ifndef FR_RPC_CHANNEL_H
#define FR_RPC_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "message/message.h"
#include "rpc/metadata.h"
#include "rpc/method.h"
#include "rpc/retry.h"

struct fr_channel;
struct fr_pending; /* a call under way, shared: see fr_channel_start */

struct fr_channel_options {
    uint64_t connect_timeout_us; /* 0: 1 s */
    const char *name;            /* what messages call the server, such as "data"; copied; NULL: none */
    uint64_t keepalive_us;       /* a server that leaves a message unanswered for so long is taken for dead; 0: 20 s;
                                    more than a server's park_us */
    size_t max_waiting;          /* calls that wait for the connection or for room; more fail; 0: 65536 */
    const struct fr_retry_policy *retry; /* copied; NULL: no retries */
};

/*
 * What comes beside the reply or the error of a blocking call, in the caller's storage, which need not be initialized.
 * The call sets all of it, however it ends; fr_answer_fini frees it, also before it serves for another call.
 */
struct fr_answer {
    struct fr_metadata metadata; /* that the server sent with its reply or error; owned */
    struct fr_details details;   /* of an error; owned */
    uint64_t retry_after_us;     /* the server asks for this pause before a retry; 0: it does not say */
    bool not_sent;               /* the server certainly never started the call */
    void *memory;                /* of metadata and details; private */
};

/* Zeroed memory and NULL are fine. */
void fr_answer_fini(struct fr_answer *self);

struct fr_call_options {
    uint64_t timeout_us;         /* 0: none. One deadline for all attempts */
    struct fr_metadata metadata; /* sent with the request; borrowed until the call function returns */
    bool idempotent;             /* may be run more than once; typed calls know that from their method */
    struct fr_answer *answer;    /* filled by a blocking call, not by the others, whose done has it all; NULL: not
                                    wanted. Without memory for it a reply ends as FR_RESOURCE_EXHAUSTED; an error
                                    keeps its code, without metadata and details */
};

/*
 * target is "tcp://host:port". *ret_channel is owned. Does not wait for the connection.
 *   FR_INVALID_ARGUMENT  target is not such an address
 */
FR_MUST_CHECK enum fr_code fr_channel_new(const char *target, const struct fr_channel_options *options,
                                          struct fr_channel **ret_channel, struct fr_error *reterr);

/* Ends open calls as CANCELLED, waits until every done has returned, then frees. Not from a done. NULL is fine. */
void fr_channel_free(struct fr_channel *self);

/* What a call came to; everything in it is borrowed until done returns. */
struct fr_result {
    enum fr_code code;
    const char *message; /* "" for FR_OK */
    struct fr_bytes payload;
    struct fr_metadata metadata;
    struct fr_details details; /* of an error */
    uint64_t retry_after_us;   /* the server asks for this pause before a retry; 0: it does not say */
    bool not_sent;             /* the server certainly never started it */
};

typedef void fr_call_done(void *argument, const struct fr_result *result);

/*
 * Starts a call with a serialized request (copied). done runs exactly once, on a library thread or inside this
 * function, and must not block. ret_pending may be NULL; otherwise *ret_pending is a reference, given back with
 * fr_pending_unref.
 *   FR_DEADLINE_EXCEEDED   no answer in time; the server may still have run it
 *   FR_UNAVAILABLE         no connection, or it broke before the answer
 *   FR_CANCELLED           fr_pending_cancel, or the channel was freed
 *   FR_RESOURCE_EXHAUSTED  the request is over FR_MAX_MESSAGE_BYTES, too many calls wait (then
 *                          retry_after_us is set), or no memory
 *   FR_INVALID_ARGUMENT    bad metadata
 * and whatever the server answers.
 */
void fr_channel_start(struct fr_channel *self, const char *method, struct fr_bytes request,
                      const struct fr_call_options *options, fr_call_done *done, void *argument,
                      struct fr_pending **ret_pending);

/*
 * Ends the call as CANCELLED unless it has ended, and tells the server; done has been or will be called all the same.
 * Neither after nor at the same time as fr_channel_free.
 */
void fr_pending_cancel(struct fr_pending *self);
void fr_pending_unref(struct fr_pending *self);

/*
 * The same as one blocking call; result->payload and the rest are copied into arena. The code is result->code.
 * Not from a done or a handler.
 */
FR_MUST_CHECK enum fr_code fr_channel_call(struct fr_channel *self, const char *method, struct fr_bytes request,
                                           const struct fr_call_options *options, struct fr_arena *arena,
                                           struct fr_result *ret_result);

/*
 * Typed blocking call, for stubs. *ret_response is owned by the caller (free with its free_unpacked, or
 * protobuf_c_message_free_unpacked: protoc-c makes none for nested types).
 *   FR_INTERNAL  the answer cannot be unpacked; otherwise as fr_channel_start
 */
FR_MUST_CHECK enum fr_code fr_channel_call_message(struct fr_channel *self, const struct fr_method *method,
                                                   const struct ProtobufCMessage *request,
                                                   const struct fr_call_options *options,
                                                   struct ProtobufCMessage **ret_response, struct fr_error *reterr);

#endif
