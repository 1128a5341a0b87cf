/* SPDX-License-Identifier: MIT */
/*
 * server_call.c - one call as its handler sees it, and its end.
 *
 * Each call is answered exactly once: by its handler, or before that by its deadline, a cancellation or the end of
 * its connection. The handler ends its side exactly once too; an answer that comes too late is dropped.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "message/utf8.h"
#include "rpc/server_internal.h"

/* Small enough for the allocator's per-thread lists. */
#define ARENA_CHUNK_BYTES       896
#define BATCH_ARENA_CHUNK_BYTES 8000

void fr_call_fini(struct fr_call *self)
{
    fr_arena_free(self->arena);
    fr_buffer_fini(&self->extras);
    free(self->received);
}

void fr_call_count_running(struct fr_call *self, int change)
{
    struct session *session = self->batch->session;
    atomic_fetch_add_explicit(&session->running, change, memory_order_relaxed);
    atomic_fetch_add_explicit(&session->server->running, change, memory_order_relaxed);
    if (self->target != NULL) {
        atomic_fetch_add_explicit(&self->target->running, change, memory_order_relaxed);
    }
}

/* ---- the end before the answer ---- */

/* on_over must not outlive the server, which waits for "ending". */
static void run_over(struct fr_call *call)
{
    call->on_over(call->over_argument);
    atomic_store(&call->over_state, OVER_RAN);
    fr_batch_unref(call->batch);
}

bool fr_call_end(struct fr_call *self, const struct fr_wire_response *response)
{
    struct session *session = self->batch->session;
    struct fr_server *server = session->server;
    atomic_fetch_add(&server->ending, 1);
    pthread_mutex_lock(&session->mu);
    bool ended = fr_session_answer_locked(session, self, response);
    bool tell = ended && self->on_over != NULL;
    if (ended) {
        atomic_store(&self->over, true);
    }
    if (tell) {
        self->over_thread = pthread_self();
        atomic_store(&self->over_state, OVER_RUNNING);
        atomic_fetch_add(&self->batch->refs, 1);
    }
    pthread_mutex_unlock(&session->mu);
    if (ended) {
        fr_session_flush(session);
    }
    if (tell) {
        run_over(self);
    }
    atomic_fetch_sub(&server->ending, 1);
    return ended;
}

static void on_deadline(struct fr_timer *timer)
{
    struct fr_call *call = FR_CONTAINER(timer, struct fr_call, timer);
    struct batch *batch = call->batch;
    const struct fr_wire_response response = {
        .id = call->request.id,
        .code = FR_DEADLINE_EXCEEDED,
        .message = fr_bytes_of("the server did not finish in time"),
    };
    fr_call_end(call, &response);
    fr_batch_unref(batch);
}

void fr_call_watch_deadline_locked(struct fr_call *self)
{
    atomic_fetch_add(&self->batch->refs, 1);
    fr_timer_start(&self->timer, self->deadline_us, on_deadline);
}

void fr_call_on_over(struct fr_call *self, void (*on_over)(void *argument), void *argument)
{
    struct session *session = self->batch->session;
    pthread_mutex_lock(&session->mu);
    bool over = atomic_load(&self->over);
    if (!over) {
        self->on_over = on_over;
        self->over_argument = argument;
    }
    pthread_mutex_unlock(&session->mu);
    if (over) {
        on_over(argument);
    }
}

/* What a handler gave to on_over may go once the call is finished, so a running one is waited for. */
static void wait_for_over(const struct fr_call *call)
{
    while (atomic_load(&call->over_state) == OVER_RUNNING && !pthread_equal(call->over_thread, pthread_self())) {
        sched_yield();
    }
}

/* ---- the answer ---- */

static void finish_late(struct fr_call *call, const struct fr_wire_response *response)
{
    struct batch *batch = call->batch;
    struct session *session = batch->session;
    /* Before the answer leaves, or a client that waits for it could find itself over a limit with its next call. */
    fr_call_count_running(call, -1);
    pthread_mutex_lock(&session->mu);
    bool answered = fr_session_answer_locked(session, call, response);
    pthread_mutex_unlock(&session->mu);
    if (answered) {
        fr_session_flush(session);
    } else {
        wait_for_over(call);
    }
    if (call->deadline_us != 0 && fr_timer_stop(&call->timer)) {
        fr_batch_unref(batch);
    }
    fr_batch_unref(batch);
}

/* The handler's side of an answer. Within the dispatch nobody else knows the call yet. */
static void finish(struct fr_call *call, const struct fr_wire_response *response)
{
    uint8_t *payload;
    if (fr_dispatched_call == call && fr_batch_put(call->batch, response, &payload)) {
        fr_dispatched_call = NULL;
        call->inlined = true;
        call->batch->inline_count++;
    } else {
        finish_late(call, response);
    }
}

void fr_call_refuse(struct fr_call *self, enum fr_code code, const char *message, uint64_t retry_after_us)
{
    struct fr_wire_response response = {
        .id = self->request.id,
        .code = code,
        .message = fr_bytes_of(message),
        .retry_after_us = retry_after_us,
    };
    finish(self, &response);
}

/* ---- what a handler asks ---- */

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

/* Within the dispatch the calls of a batch share an arena, which lives as long as they all do. */
static struct fr_arena *unpack_arena(struct fr_call *self)
{
    struct batch *batch = self->batch;
    if (fr_dispatched_call != self) {
        return fr_call_arena(self);
    }
    if (batch->arena == NULL) {
        batch->arena = fr_arena_new(batch->call_count == 1 ? ARENA_CHUNK_BYTES : BATCH_ARENA_CHUNK_BYTES);
    }
    return batch->arena;
}

enum fr_code fr_call_unpack(struct fr_call *self, struct ProtobufCMessage **ret_request, struct fr_error *reterr)
{
    struct fr_arena *arena = unpack_arena(self);
    if (arena == NULL) {
        return fr_error_no_memory(reterr);
    }
    return fr_message_unpack(self->target->declared.method->request, self->request.payload, arena, ret_request, reterr);
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
    return atomic_load(&self->over) || (self->deadline_us != 0 && fr_clock_now_us() >= self->deadline_us);
}

void fr_call_set_metadata(struct fr_call *self, const char *key, struct fr_bytes value)
{
    struct fr_bytes key_bytes = fr_bytes_of(key);
    if (self->metadata_count < FR_METADATA_MAX_ENTRIES &&
        self->metadata_bytes + key_bytes.size + value.size <= FR_METADATA_MAX_BYTES) {
        fr_wire_put_metadata(&self->extras, key_bytes, value);
        self->metadata_bytes = (uint16_t)(self->metadata_bytes + key_bytes.size + value.size);
        self->metadata_count++;
    }
}

void fr_call_add_detail(struct fr_call *self, const char *type_url, struct fr_bytes value)
{
    if (self->details_count < FR_MAX_DETAILS) {
        fr_wire_put_detail(&self->extras, fr_bytes_of(type_url), value);
        self->details_count++;
    }
}

void fr_call_set_retry_after(struct fr_call *self, uint64_t retry_after_us)
{
    self->retry_after_us = retry_after_us;
}

void fr_call_reply(struct fr_call *self, struct fr_bytes payload)
{
    struct fr_wire_response response = {
        .id = self->request.id,
        .payload = payload,
        .encoded = fr_buffer_bytes(&self->extras),
    };
    finish(self, &response);
}

/* Packs straight into the reply; false if it is not to be had now. */
static bool pack_inline(struct fr_call *call, const struct ProtobufCMessage *message)
{
    size_t size = fr_message_size(message);
    struct fr_wire_response response = {
        .id = call->request.id,
        .payload = {NULL, size},
        .encoded = fr_buffer_bytes(&call->extras),
    };
    uint8_t *payload;
    if (fr_dispatched_call != call || !fr_batch_put(call->batch, &response, &payload)) {
        return false;
    }
    fr_message_write(message, payload);
    fr_dispatched_call = NULL;
    call->inlined = true;
    call->batch->inline_count++;
    return true;
}

void fr_call_reply_message(struct fr_call *self, const struct ProtobufCMessage *response)
{
    struct fr_buffer payload = {0};
    if (pack_inline(self, response)) {
        return;
    }
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
    struct fr_wire_response response = {
        .id = self->request.id,
        .code = shown.code,
        .message = fr_bytes_of(shown.message),
        .encoded = fr_buffer_bytes(&self->extras),
        .retry_after_us = self->retry_after_us,
    };
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
