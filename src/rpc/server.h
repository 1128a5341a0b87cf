/* SPDX-License-Identifier: MIT */
/*
 * server.h - answers calls on one address.
 */
#ifndef FR_RPC_SERVER_H
#define FR_RPC_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "message/message.h"
#include "rpc/metadata.h"
#include "rpc/method.h"

struct fr_server;
struct fr_call; /* one call being answered; the handler owns it until it calls fr_call_reply or fr_call_fail */

/*
 * Runs on a library thread and must not block. It answers call exactly once, now or later and from any thread.
 * Deadlines need no care: a late answer is dropped. Long work asks fr_call_is_over or sets fr_call_on_over.
 */
typedef void fr_handler(struct fr_call *call, void *context);

struct fr_server_method {
    const struct fr_method *method;
    fr_handler *handler; /* NULL answers UNIMPLEMENTED */
    void *context;       /* for the handler; borrowed until the server is freed */
    fr_any_function *typed; /* of generated code: what its handler calls with an unpacked request */
};

/* Beyond a limit calls are answered with RESOURCE_EXHAUSTED at once, and connections are closed. 0: the default. */
struct fr_server_limits {
    unsigned connections;   /* 10000. Each may have a message of FR_MAX_BATCH_BYTES reserved that has arrived in part,
                               which no other limit counts */
    unsigned messages;      /* received and not answered yet: 4 for each connection, and 4096. When seven eighths are
                               taken, the connection with the most of them is closed, if it has more than 4 */
    unsigned connection_messages; /* the same of one connection: 1024. One that has more is closed */
    size_t connection_bytes;      /* answers that one connection has not read: 64 MiB, which must not be less than one
                                     answer. One that has more is closed, or that reads nothing of them for
                                     3 x park_us */
    unsigned open_calls;    /* calls whose handler has not answered: 65536 */
    unsigned session_calls; /* the same in one session: 16384 */
    size_t session_bytes;   /* late answers that the client has not collected: 32 MiB */
    size_t held_bytes;      /* messages with open calls, late answers and unread ones of all clients: 512 MiB */
    uint64_t park_us;       /* longest time a message is parked: 10 s. A client that is silent for three times as long
                               while its calls are open is taken for dead */
};

/* *ret_server is owned; it has no address yet. */
FR_MUST_CHECK enum fr_code fr_server_new(struct fr_server **ret_server, struct fr_error *reterr);

/* Before fr_server_listen. */
void fr_server_set_limits(struct fr_server *self, const struct fr_server_limits *limits);

/* Before fr_server_serve. name ("users.v1.Users") and each method's fr_method are borrowed until the server is freed. */
FR_MUST_CHECK enum fr_code fr_server_register(struct fr_server *self, const char *name,
                                              const struct fr_server_method *methods, size_t count,
                                              struct fr_error *reterr);

/*
 * At most max_open calls of a registered method have a handler that has not answered; more are answered with
 * RESOURCE_EXHAUSTED at once. 0: no limit of its own. Before fr_server_serve.
 *   FR_NOT_FOUND  no such method
 */
FR_MUST_CHECK enum fr_code fr_server_limit_method(struct fr_server *self, const char *method, unsigned max_open,
                                                  struct fr_error *reterr);

/*
 * Takes the address "tcp://host:port"; port 0 takes a free one. Clients can connect, but their calls wait until
 * fr_server_serve. Once only.
 *   FR_UNAVAILABLE       the address is taken or not ours
 *   FR_INVALID_ARGUMENT  not such an address
 */
FR_MUST_CHECK enum fr_code fr_server_listen(struct fr_server *self, const char *address, struct fr_error *reterr);

/* Answers calls from now on; every method is registered. Once only. */
FR_MUST_CHECK enum fr_code fr_server_serve(struct fr_server *self, struct fr_error *reterr);

/* The address with the port that was taken, "tcp://127.0.0.1:41234"; borrowed, "" before fr_server_listen. */
const char *fr_server_address(const struct fr_server *self);

/* grpc.health.v1 answers from this: SERVING (the state after fr_server_serve) or NOT_SERVING. Thread-safe. */
void fr_server_set_serving(struct fr_server *self, bool serving);

/*
 * Starts no new calls: those of a session are left out of the answer, which says that the server drains, others are
 * answered with UNAVAILABLE. Waits until the open ones are answered and sent, at most timeout_us, but not for clients
 * that do not read. Returns how many were still open. Once only.
 */
size_t fr_server_drain(struct fr_server *self, uint64_t timeout_us);

/* Stops at once and frees; handlers must have answered or never will. NULL is fine. */
void fr_server_free(struct fr_server *self);

/* ---- inside a handler; everything borrowed lives until the call is answered ---- */

/* The serialized request, within the received message. */
struct fr_bytes fr_call_request(const struct fr_call *self);
/* Validates and unpacks the request. FR_INVALID_ARGUMENT: answer it with fr_call_fail_error. */
FR_MUST_CHECK enum fr_code fr_call_unpack(struct fr_call *self, struct ProtobufCMessage **ret_request,
                                          struct fr_error *reterr);
/* Memory that lasts until the call is answered; NULL when there is none. Of one thread at a time. */
struct fr_arena *fr_call_arena(struct fr_call *self);
struct fr_metadata fr_call_metadata(struct fr_call *self);
/* Monotonic time (fr_clock_now_us) by which the client wants the answer; 0: none. */
uint64_t fr_call_deadline_us(const struct fr_call *self);
/* Time left; 0: none was set; never less than 1 otherwise. */
uint64_t fr_call_timeout_us(const struct fr_call *self);
/* Nobody waits for the answer: the deadline has passed, the client cancelled the call or has gone. */
bool fr_call_is_over(const struct fr_call *self);
/*
 * Has on_over(argument) called once if the call is over before it is answered: on a library thread, or at once when
 * it is over already. It must not block. It neither runs nor will run once the function that answers the call has
 * returned, unless on_over itself called that. Once per call.
 */
void fr_call_on_over(struct fr_call *self, void (*on_over)(void *argument), void *argument);
/* Adds metadata to the answer; both are copied. Other bytes than printable ASCII need a key in -bin. Silently dropped
   beyond the limits. */
void fr_call_set_metadata(struct fr_call *self, const char *key, struct fr_bytes value);

/* Adds a detail to an error; both are copied. Dropped beyond FR_MAX_DETAILS. */
void fr_call_add_detail(struct fr_call *self, const char *type_url, struct fr_bytes value);
/* Asks the client to wait that long before it tries again, should the call fail. */
void fr_call_set_retry_after(struct fr_call *self, uint64_t retry_after_us);

/* Each answers the call and ends its life. Payloads are copied at once. */
void fr_call_reply(struct fr_call *self, struct fr_bytes payload);
void fr_call_reply_message(struct fr_call *self, const struct ProtobufCMessage *response);
void fr_call_fail(struct fr_call *self, enum fr_code code, const char *format, ...) FR_PRINTF(3, 4);
void fr_call_fail_error(struct fr_call *self, const struct fr_error *error);

#endif
