/* SPDX-License-Identifier: MIT */
/*
 * wire.h - the other side of a channel or a server, on a plain socket and one thread: a test sees every message.
 */
#ifndef FR_TESTS_RPC_WIRE_H
#define FR_TESTS_RPC_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "freshet/rpc/v1/rpc.pb-c.h"

typedef Freshet__Rpc__V1__RequestBatch request_batch;
typedef Freshet__Rpc__V1__ResponseBatch response_batch;
typedef Freshet__Rpc__V1__Response wire_response;

/* A message that was read before somebody asked for it. */
struct wire_message {
    struct wire_message *next;
    uint32_t tag;
    size_t size;
    uint8_t body[];
};

/* One connection; every wait has a deadline and fails the test after it. */
struct wire {
    int fd;
    uint32_t last_tag;
    bool closed; /* by the other side */
    bool may_close; /* while we send: set by the test */
    struct wire_message *early;
};

/* A port of our own; with a backlog connections succeed. Returns the socket. */
int wire_listen(bool listening, char ret_target[64]);
/* The server's side of the next connection; connections that end during the handshake are passed over. */
void wire_accept(struct wire *self, int listener);
/* The client's side. */
void wire_connect(struct wire *self, const char *address);
void wire_close(struct wire *self);
/* As a server: closes when the client has read everything and closed its side, so that it is not busy with a message
   while its channel is freed. */
void wire_finish(struct wire *self);
/* Waits until the other side has closed the connection; drops what it still said. */
void wire_wait_closed(struct wire *self);
/* Whether nothing has come so far that was not asked for. */
bool wire_is_silent(struct wire *self);

/* ---- as a client ---- */

struct wire_call {
    uint64_t id;
    const char *method, *payload;
    uint64_t timeout_us;
};

#define WIRE_CALLS   20
#define WIRE_UNKNOWN 4096

struct wire_request {
    uint64_t session;
    bool collect;
    uint32_t max_reply_bytes;
    struct wire_call calls[WIRE_CALLS]; /* up to the first without a method */
    uint64_t cancel[4];                 /* up to the first 0 */
    unsigned unknown;                   /* that many ids of no call stand before them, at most WIRE_UNKNOWN */
};

/* Sends a message; the tag is for wire_answer. */
uint32_t wire_ask(struct wire *self, const struct wire_request *request);
/* The answer, which the caller frees with wire_forget. */
response_batch *wire_answer(struct wire *self, uint32_t tag);
bool wire_is_answered(struct wire *self, uint32_t tag);
/* Waits for one of the two; returns which was first. */
uint32_t wire_wait_either(struct wire *self, uint32_t one, uint32_t other);
void wire_forget(response_batch *batch);

#define ASK(wire, ...)      wire_ask(wire, &(struct wire_request){__VA_ARGS__})
#define EXCHANGE(wire, ...) wire_answer(wire, ASK(wire, __VA_ARGS__))

/* The one answer with this id; NULL when there is none. */
const wire_response *wire_find(const response_batch *batch, uint64_t id);
bool wire_is_pending(const response_batch *batch, uint64_t id);
bool wire_payload_is(const wire_response *response, const char *text);

/* ---- as a server ---- */

/* The next message, which the caller gives back with wire_drop; its tag is for wire_reply. */
request_batch *wire_receive(struct wire *self, uint32_t *ret_tag);
void wire_drop(request_batch *batch);

struct wire_answer {
    uint64_t id;
    uint32_t code;
    const char *payload;
    uint64_t retry_after_us;
};

struct wire_reply {
    struct wire_answer answers[WIRE_CALLS]; /* answer_count of them */
    size_t answer_count;
    uint64_t pending[WIRE_CALLS]; /* up to the first 0 */
    bool draining;
};

void wire_reply(struct wire *self, uint32_t tag, const struct wire_reply *reply);
/* Answers every call with its own payload. */
void wire_reply_echo(struct wire *self, uint32_t tag, const request_batch *batch);
/* The same with the next message; returns how many calls it had. */
size_t wire_echo_next(struct wire *self);
/* Answers that every call will be answered later. */
void wire_reply_pending(struct wire *self, uint32_t tag, const request_batch *batch);

#define REPLY(wire, tag, ...) wire_reply(wire, tag, &(struct wire_reply){__VA_ARGS__})

#endif
