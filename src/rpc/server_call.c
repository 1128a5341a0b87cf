/* SPDX-License-Identifier: MIT */
/*
 * server_call.c - the calls of one received message, from dispatch to answer.
 *
 * Each call is answered exactly once: by its handler, by its deadline, or here when it cannot be run. The handler
 * ends its side exactly once too, possibly after the deadline has answered; then its answer is dropped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "message/utf8.h"
#include "rpc/server_internal.h"

/* Small enough for the allocator's per-thread lists. */
#define ARENA_CHUNK_BYTES   896
#define SP_HEADER_BYTES     4
#define REFUSAL_BYTES       64 /* a Response that only says that it does not fit */
#define SHOWN_METHOD_BYTES  64
#define LONGEST_TIMEOUT_US  (UINT64_C(365) * 86400 * FR_SECOND_US)

static void end_call(struct fr_call *call)
{
    fr_arena_free(call->arena);
    fr_buffer_fini(&call->metadata);
    free(call->received);
}

static void unref(struct batch *self)
{
    if (atomic_fetch_sub(&self->refs, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < self->call_count; i++) {
        end_call(&self->calls[i]);
    }
    nng_msg_free(self->message);
    nng_msg_free(self->reply);
    pthread_mutex_destroy(&self->mu);
    fr_server_unref(self->server);
    free(self);
}

/* Room for size more bytes at the end of message; NULL without memory. */
static uint8_t *extend(nng_msg *message, size_t size)
{
    size_t used = nng_msg_len(message);
    size_t needed = used + size;
    if (needed > nng_msg_capacity(message) && nng_msg_reserve(message, needed * 2) != 0) {
        return NULL;
    }
    return nng_msg_realloc(message, needed) == 0 ? (uint8_t *)nng_msg_body(message) + used : NULL;
}

static struct fr_wire_response error_response(uint64_t id, enum fr_code code, const char *message)
{
    return (struct fr_wire_response){.id = id, .code = (uint32_t)code, .message = fr_bytes_of(message)};
}

static void append_locked(struct batch *batch, const struct fr_wire_response *response)
{
    struct fr_wire_response too_large;
    size_t size = fr_wire_response_size(response);
    /* Room for what must still fit: the SP header, the calls after this one if they are refused, and draining. */
    size_t reserved = SP_HEADER_BYTES + FR_WIRE_DRAINING_BYTES + batch->open * REFUSAL_BYTES;
    if (size > FR_MAX_MESSAGE_BYTES || nng_msg_len(batch->reply) + size + reserved > batch->max_reply_bytes) {
        too_large = error_response(response->id, FR_RESOURCE_EXHAUSTED,
                                   size > FR_MAX_MESSAGE_BYTES ? "the answer is larger than 4 MiB"
                                                               : "the answers do not fit max_reply_bytes");
        response = &too_large;
        size = fr_wire_response_size(response);
    }
    uint8_t *to = extend(batch->reply, size);
    if (to != NULL) {
        fr_wire_put_response(response, to);
    }
}

/* Gives up one count of batch->open; sends the answer with the last. */
static void close_one(struct batch *batch)
{
    nng_msg *reply = NULL;
    pthread_mutex_lock(&batch->mu);
    if (--batch->open == 0) {
        reply = batch->reply;
        batch->reply = NULL;
    }
    pthread_mutex_unlock(&batch->mu);
    if (reply == NULL) {
        return;
    }
    if (atomic_load_explicit(&batch->server->draining, memory_order_relaxed)) {
        uint8_t *to = extend(reply, FR_WIRE_DRAINING_BYTES);
        if (to != NULL) {
            fr_wire_put_draining(to);
        }
    }
    fr_exchange_answer(batch->exchange, reply);
}

static void answer(struct fr_call *call, const struct fr_wire_response *response)
{
    struct batch *batch = call->batch;
    pthread_mutex_lock(&batch->mu);
    bool first = !call->answered;
    if (first) {
        call->answered = true;
        append_locked(batch, response);
    }
    pthread_mutex_unlock(&batch->mu);
    if (first) {
        close_one(batch);
    }
}

static void on_deadline(struct fr_timer *timer)
{
    struct fr_call *call = (struct fr_call *)((char *)timer - offsetof(struct fr_call, timer));
    struct fr_wire_response response =
        error_response(call->request.id, FR_DEADLINE_EXCEEDED, "the server did not finish in time");
    answer(call, &response);
    unref(call->batch);
}

/* After the handler returned without an answer: from now on the deadline may answer. */
static void watch_deadline(struct fr_call *call)
{
    struct batch *batch = call->batch;
    pthread_mutex_lock(&batch->mu);
    if (!call->answered) {
        atomic_fetch_add(&batch->refs, 1);
        fr_timer_start(&call->timer, call->deadline_us, on_deadline);
    }
    pthread_mutex_unlock(&batch->mu);
}

/* The handler's side of an answer. */
static void finish(struct fr_call *call, const struct fr_wire_response *response)
{
    struct batch *batch = call->batch;
    answer(call, response);
    if (call->deadline_us != 0 && fr_timer_stop(&call->timer)) {
        unref(batch);
    }
    unref(batch);
}

static void refuse(struct fr_call *call, enum fr_code code, const char *message)
{
    struct fr_wire_response response = error_response(call->request.id, code, message);
    finish(call, &response);
}

static void refuse_unknown_method(struct fr_call *call)
{
    struct fr_bytes name = call->request.method;
    char shown[SHOWN_METHOD_BYTES + 1];
    size_t size = name.size > SHOWN_METHOD_BYTES ? SHOWN_METHOD_BYTES : name.size;
    for (size_t i = 0; i < size; i++) {
        shown[i] = name.data[i] > ' ' && name.data[i] < 0x7F ? (char)name.data[i] : '?';
    }
    shown[size] = '\0';
    char message[SHOWN_METHOD_BYTES + 64];
    snprintf(message, sizeof message, "this server has no method '%s'%s", shown,
             size < name.size ? " (cut)" : "");
    refuse(call, FR_UNIMPLEMENTED, message);
}

static void run(struct fr_call *call, uint64_t now_us, bool repeated, bool overloaded)
{
    struct fr_server *server = call->batch->server;
    struct fr_error error;
    call->target = fr_server_find(server, call->request.method);
    if (call->request.timeout_us != 0) {
        uint64_t timeout_us = call->request.timeout_us;
        call->deadline_us = now_us + (timeout_us < LONGEST_TIMEOUT_US ? timeout_us : LONGEST_TIMEOUT_US);
    }
    if (repeated) {
        refuse(call, FR_INVALID_ARGUMENT, "this id stands in the batch already");
    } else if (call->request.too_large) {
        refuse(call, FR_RESOURCE_EXHAUSTED, "the request is larger than 4 MiB");
    } else if (call->request.metadata_count > 0 &&
               fr_metadata_check(fr_call_metadata(call), &error) != FR_OK) {
        refuse(call, error.code, error.message);
    } else if (call->target == NULL || call->target->handler == NULL) {
        refuse_unknown_method(call);
    } else if (overloaded) {
        refuse(call, FR_RESOURCE_EXHAUSTED, "the server has too many open calls");
    } else if (atomic_load_explicit(&server->draining, memory_order_relaxed) &&
               call->target->context != server) {
        /* Health, whose context is the server, answers until the end. */
        refuse(call, FR_UNAVAILABLE, "the server is shutting down");
    } else {
        call->target->handler(call, call->target->context);
        if (call->deadline_us != 0) {
            watch_deadline(call);
        }
    }
}

/* A set of the ids seen so far: an open-addressing table of indices + 1, NULL for a batch of one. */
struct id_set {
    uint32_t *slots;
    size_t mask;
};

static struct id_set id_set_for(size_t count)
{
    size_t slots = 4;
    while (slots < 2 * count) {
        slots *= 2;
    }
    return (struct id_set){count > 1 ? calloc(slots, sizeof(uint32_t)) : NULL, slots - 1};
}

static bool add_id(struct id_set *set, const struct batch *batch, size_t index)
{
    if (set->slots == NULL) {
        return true;
    }
    uint64_t id = batch->calls[index].request.id;
    size_t slot = (size_t)((id * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & set->mask;
    for (; set->slots[slot] != 0; slot = (slot + 1) & set->mask) {
        if (batch->calls[set->slots[slot] - 1].request.id == id) {
            return false;
        }
    }
    set->slots[slot] = (uint32_t)index + 1;
    return true;
}

static struct batch *new_batch(struct fr_server *server, struct exchange *exchange, nng_msg *message,
                               const struct fr_wire_request_batch *decoded)
{
    struct batch *self = calloc(1, sizeof *self + decoded->count * sizeof self->calls[0]);
    nng_msg *reply = NULL;
    if (self == NULL || nng_msg_alloc(&reply, 0) != 0) {
        free(self);
        return NULL;
    }
    self->server = server;
    self->exchange = exchange;
    self->message = message;
    self->max_reply_bytes = decoded->max_reply_bytes;
    self->reply = reply;
    self->open = decoded->count + 1;
    self->call_count = decoded->count;
    atomic_init(&self->refs, (unsigned)decoded->count + 1);
    atomic_fetch_add(&server->refs, 1);
    pthread_mutex_init(&self->mu, NULL);
    for (size_t i = 0; i < decoded->count; i++) {
        self->calls[i].batch = self;
        self->calls[i].request = decoded->requests[i];
    }
    return self;
}

/* Answers a message that gave no batch: one Response with id 0. */
static void answer_undecodable(struct exchange *exchange, nng_msg *message, const struct fr_error *error)
{
    struct fr_wire_response response = error_response(0, error->code, error->message);
    size_t size = fr_wire_response_size(&response);
    nng_msg_clear(message);
    uint8_t *to = extend(message, size);
    if (to != NULL) {
        fr_wire_put_response(&response, to);
    }
    fr_exchange_answer(exchange, message);
}

void fr_batch_dispatch(struct fr_server *server, struct exchange *exchange, nng_msg *message, bool overloaded)
{
    struct fr_wire_request_batch decoded;
    struct fr_error error = {0};
    struct batch *batch = NULL;
    struct fr_bytes body = {nng_msg_body(message), nng_msg_len(message)};
    if (fr_wire_decode_request_batch(body, &decoded, &error) == FR_OK) {
        batch = new_batch(server, exchange, message, &decoded);
        fr_wire_request_batch_fini(&decoded);
        if (batch == NULL) {
            fr_error_no_memory(&error);
        }
    }
    if (batch == NULL) {
        answer_undecodable(exchange, message, &error);
        return;
    }
    uint64_t now_us = fr_clock_now_us();
    struct id_set ids = id_set_for(batch->call_count);
    for (size_t i = 0; i < batch->call_count; i++) {
        bool repeated = !add_id(&ids, batch, i);
        run(&batch->calls[i], now_us, repeated, overloaded);
    }
    free(ids.slots);
    close_one(batch);
    unref(batch);
}

const struct fr_method *fr_call_method(const struct fr_call *self)
{
    return self->target->method;
}

struct fr_bytes fr_call_request(const struct fr_call *self)
{
    return self->request.payload;
}

struct fr_arena *fr_call_arena(struct fr_call *self)
{
    if (self->arena == NULL) {
        self->arena = fr_arena_new(ARENA_CHUNK_BYTES);
    }
    return self->arena;
}

enum fr_code fr_call_unpack(struct fr_call *self, struct ProtobufCMessage **ret_request, struct fr_error *reterr)
{
    struct fr_arena *arena = fr_call_arena(self);
    if (arena == NULL) {
        return fr_error_no_memory(reterr);
    }
    return fr_message_unpack(self->target->method->request, self->request.payload, arena, ret_request, reterr);
}

struct fr_metadata fr_call_metadata(struct fr_call *self)
{
    if (self->request.metadata_count == 0) {
        return (struct fr_metadata){0};
    }
    if (self->received == NULL) {
        self->received = calloc(FR_METADATA_MAX_ENTRIES, sizeof self->received[0]);
        if (self->received == NULL) {
            return (struct fr_metadata){0};
        }
        fr_wire_metadata(self->request.encoded, self->received);
    }
    /* A count over the limit is refused before any handler sees it. */
    return (struct fr_metadata){self->received, self->request.metadata_count};
}

uint64_t fr_call_deadline_us(const struct fr_call *self)
{
    return self->deadline_us;
}

uint64_t fr_call_timeout_us(const struct fr_call *self)
{
    if (self->deadline_us == 0) {
        return 0;
    }
    uint64_t now_us = fr_clock_now_us();
    return now_us < self->deadline_us ? self->deadline_us - now_us : 1;
}

bool fr_call_is_over(const struct fr_call *self)
{
    return self->deadline_us != 0 && fr_clock_now_us() >= self->deadline_us;
}

void fr_call_set_metadata(struct fr_call *self, const char *key, const char *value)
{
    struct fr_bytes value_bytes = fr_bytes_of(value);
    if (self->metadata_count < FR_METADATA_MAX_ENTRIES &&
        self->metadata.size + value_bytes.size <= FR_METADATA_MAX_BYTES) {
        fr_wire_put_metadata(&self->metadata, fr_bytes_of(key), value_bytes);
        self->metadata_count++;
    }
}

void fr_call_reply(struct fr_call *self, struct fr_bytes payload)
{
    struct fr_wire_response response = {
        .id = self->request.id,
        .payload = payload,
        .encoded_metadata = fr_buffer_bytes(&self->metadata),
    };
    finish(self, &response);
}

void fr_call_reply_message(struct fr_call *self, const struct ProtobufCMessage *response)
{
    struct fr_buffer payload = {0};
    fr_message_pack(response, &payload);
    if (payload.failed) {
        fr_call_fail(self, FR_RESOURCE_EXHAUSTED, "out of memory");
    } else {
        fr_call_reply(self, fr_buffer_bytes(&payload));
    }
    fr_buffer_fini(&payload);
}

/* Replaces every byte that is no part of a character: a protobuf string must be UTF-8, or the whole batch is lost on
   clients that check. */
static void make_utf8(char *text)
{
    uint8_t *at = (uint8_t *)text;
    size_t left = strlen(text);
    while (left > 0) {
        size_t width = 1;
        while (width <= 4 && width <= left && !fr_utf8_valid(at, width)) {
            width++;
        }
        if (width > 4 || width > left) {
            *at = '?';
            width = 1;
        }
        at += width;
        left -= width;
    }
}

void fr_call_fail_error(struct fr_call *self, const struct fr_error *error)
{
    struct fr_error shown = *error;
    make_utf8(shown.message);
    struct fr_wire_response response = error_response(self->request.id, shown.code, shown.message);
    response.encoded_metadata = fr_buffer_bytes(&self->metadata);
    finish(self, &response);
}

void fr_call_fail(struct fr_call *self, enum fr_code code, const char *format, ...)
{
    struct fr_error error;
    va_list arguments;
    va_start(arguments, format);
    fr_error_setv(&error, code, format, arguments);
    va_end(arguments);
    fr_call_fail_error(self, &error);
}
