/* SPDX-License-Identifier: MIT */
/*
 * batch.c - dispatches the calls of one received message.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/worker_pool.h"
#include "rpc/cork.h"
#include "rpc/nng_threads.h"
#include "rpc/server_internal.h"

#define SHOWN_METHOD_BYTES 64

_Thread_local struct fr_call *fr_dispatched_call;

void fr_batch_unref(struct batch *self)
{
    if (atomic_fetch_sub(&self->refs, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < self->call_count; i++) {
        fr_call_fini(&self->calls[i]);
    }
    struct fr_server *server = self->server;
    atomic_fetch_sub(&server->held_bytes, self->held_bytes);
    fr_arena_free(self->arena);
    fr_reply_fini(&self->reply);
    fr_buffer_fini(&self->spare);
    nng_msg_free(self->message);
    fr_session_unref(self->session);
    free(self);
    atomic_fetch_sub(&server->live_batches, 1);
    fr_server_unref(server);
}

size_t fr_batch_reserved_bytes(const struct batch *self)
{
    size_t left = self->call_count - self->inline_count;
    size_t each = self->session->id == 0 ? REFUSAL_BYTES : PENDING_ID_BYTES;
    return SP_HEADER_BYTES + FR_WIRE_DRAINING_BYTES + left * each;
}

static bool fits(const struct batch *self, size_t size)
{
    return size <= FR_MAX_MESSAGE_BYTES &&
           self->reply.size + size + fr_batch_reserved_bytes(self) <= self->max_reply_bytes;
}

bool fr_batch_put(struct batch *self, const struct fr_wire_response *response, uint8_t **ret_payload)
{
    size_t size = fr_wire_response_size(response);
    if (!fits(self, size)) {
        return false;
    }
    if (self->reply.size == 0) {
        self->reply.expected = self->call_count * size; /* if all are like this one */
    }
    uint8_t *to = fr_reply_extend(&self->reply, size);
    if (to != NULL) {
        to = fr_wire_put_response(to, response);
        *ret_payload = to - response->payload.size;
    }
    return to != NULL;
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
    fr_call_refuse(call, FR_UNIMPLEMENTED, message, 0);
}

static bool is_full(atomic_int *running, unsigned limit)
{
    int count = atomic_load_explicit(running, memory_order_relaxed);
    return limit != 0 && count > 0 && (unsigned)count >= limit;
}

/* Why the call cannot be run now; NULL when it can. */
static const char *overload(struct fr_server *server, const struct fr_call *call)
{
    struct method_slot *method = call->target;
    return is_full(&server->running, server->limits.open_calls) ? "the server has too many open calls"
           : is_full(&method->running, method->max_open)
               ? "the server has too many open calls of this method"
           : is_full(&call->batch->session->running, server->limits.session_calls)
               ? "this session has too many open calls"
               : NULL;
}

/* Health, whose context is the server, answers until the end. */
static bool is_turned_away(const struct fr_server *server, const struct fr_call *call)
{
    return atomic_load_explicit(&server->draining, memory_order_relaxed) &&
           call->target->declared.context != server;
}

static void turn_away(struct fr_call *call)
{
    if (call->batch->session->id == 0) {
        fr_call_refuse(call, FR_UNAVAILABLE, "the server is shutting down", 0);
    } else {
        /* Neither answered nor pending: the client knows that it was not started. */
        call->inlined = true;
        call->batch->inline_count++;
        call->batch->left_out = true;
    }
}

/* Most batches ask for one method, over and over. */
static struct method_slot *find_target(const struct fr_call *call)
{
    const struct batch *batch = call->batch;
    const struct fr_call *previous = call == batch->calls ? NULL : call - 1;
    return previous != NULL && previous->target != NULL &&
                   fr_bytes_equal(previous->request.method, call->request.method)
               ? previous->target
               : fr_server_find(batch->server, call->request.method);
}

static void run(struct fr_call *call, uint64_t now_us, const char *refusal)
{
    struct fr_server *server = call->batch->server;
    struct fr_error error;
    call->target = find_target(call);
    if (call->request.timeout_us != 0) {
        call->deadline_us = fr_clock_deadline_us(now_us, call->request.timeout_us);
    }
    if (call->request.too_large) {
        fr_call_refuse(call, FR_RESOURCE_EXHAUSTED, "the request is larger than 4 MiB", 0);
    } else if (call->request.metadata_count > 0 && fr_metadata_check(fr_call_metadata(call), &error) != FR_OK) {
        fr_call_refuse(call, error.code, error.message, 0);
    } else if (call->target == NULL || call->target->declared.handler == NULL) {
        refuse_unknown_method(call);
    } else if (is_turned_away(server, call)) {
        turn_away(call);
    } else if (refusal != NULL || (refusal = overload(server, call)) != NULL) {
        fr_call_refuse(call, FR_RESOURCE_EXHAUSTED, refusal, FR_OVERLOAD_PAUSE_US);
    } else {
        call->target->declared.handler(call, call->target->declared.context);
    }
}

/* Runs one call and, if it is still open then, makes it known to its session. */
static void dispatch(struct fr_call *call, uint64_t now_us, const char *refusal, bool repeated)
{
    struct batch *batch = call->batch;
    fr_dispatched_call = call;
    call->extras = batch->spare;
    batch->spare = (struct fr_buffer){0};
    if (repeated) {
        fr_call_refuse(call, FR_INVALID_ARGUMENT, "this id stands in the batch already", 0);
    } else {
        run(call, now_us, refusal);
    }
    fr_dispatched_call = NULL;
    if (call->inlined) {
        batch->spare = call->extras;
        fr_buffer_clear(&batch->spare);
        call->extras = (struct fr_buffer){0};
    } else {
        fr_call_count_running(call, 1);
        fr_session_admit(batch->session, call);
    }
}

/* A set of the ids seen so far. Clients count upwards, so the table is needed only for ids that do not rise. */
struct id_set {
    uint64_t greatest;
    size_t count;
    uint32_t *slots; /* open addressing; indices + 1 */
    size_t mask;
};

static size_t slot_of(const struct id_set *set, const struct batch *batch, uint64_t id)
{
    size_t slot = (size_t)((id * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & set->mask;
    while (set->slots[slot] != 0 && batch->calls[set->slots[slot] - 1].request.id != id) {
        slot = (slot + 1) & set->mask;
    }
    return slot;
}

static void make_table(struct id_set *set, const struct batch *batch)
{
    size_t slots = 4;
    while (slots < 2 * batch->call_count) {
        slots *= 2;
    }
    set->mask = slots - 1;
    set->slots = calloc(slots, sizeof set->slots[0]);
    for (size_t i = 0; set->slots != NULL && i < set->count; i++) {
        set->slots[slot_of(set, batch, batch->calls[i].request.id)] = (uint32_t)i + 1;
    }
}

/* Calls come in their order; false when this call's id was seen before. */
static bool add_id(struct id_set *set, const struct batch *batch, size_t index)
{
    uint64_t id = batch->calls[index].request.id;
    bool rises = set->count == 0 || id > set->greatest;
    if (!rises && set->slots == NULL) {
        make_table(set, batch);
    }
    if (rises) {
        set->greatest = id;
    }
    set->count = index + 1;
    if (set->slots == NULL) {
        return rises; /* without memory, what does not rise counts as seen */
    }
    size_t slot = slot_of(set, batch, id);
    bool seen = set->slots[slot] != 0;
    set->slots[slot] = seen ? set->slots[slot] : (uint32_t)index + 1;
    return !seen;
}

static struct batch *new_batch(const struct arrival *arrival, struct session *session,
                               const struct fr_wire_request_batch *header)
{
    struct fr_server *server = session->server;
    size_t size = sizeof(struct batch) + header->count * sizeof(struct fr_call);
    struct batch *self = calloc(1, size);
    if (self == NULL) {
        return NULL;
    }
    self->server = server;
    self->exchange = arrival->exchange;
    self->session = session;
    self->message = arrival->message;
    self->max_reply_bytes = header->max_reply_bytes;
    self->collect = header->collect;
    self->hurried = arrival->overloaded;
    self->call_count = header->count;
    self->held_bytes = size + nng_msg_len(arrival->message);
    atomic_init(&self->refs, header->count + 1);
    atomic_fetch_add(&server->refs, 1);
    atomic_fetch_add(&server->live_batches, 1);
    atomic_fetch_add(&server->held_bytes, self->held_bytes);
    return self;
}

static bool read_requests(struct batch *self, struct fr_wire_cursor cursor)
{
    for (size_t i = 0; i < self->call_count; i++) {
        self->calls[i].batch = self;
        if (fr_wire_next_request(&cursor, &self->calls[i].request) != FR_WIRE_ITEM) {
            return false;
        }
    }
    return true;
}

/* Takes over the message only on FR_OK. */
static enum fr_code open_batch(struct fr_server *server, const struct arrival *arrival,
                               const struct fr_wire_request_batch *header, struct batch **ret_batch,
                               struct fr_error *reterr)
{
    struct session *session;
    enum fr_code code = fr_peers_session(server, arrival->peer, header->session, &session, reterr);
    if (code != FR_OK) {
        return code;
    }
    struct batch *batch = new_batch(arrival, session, header);
    if (batch == NULL) {
        fr_peers_detach(session);
        fr_session_unref(session);
        return fr_error_no_memory(reterr);
    }
    if (!read_requests(batch, header->requests)) {
        batch->message = NULL;
        fr_peers_detach(session);
        atomic_store(&batch->refs, 1);
        fr_batch_unref(batch);
        return fr_error_set(reterr, FR_INTERNAL, "the request is no freshet.rpc.v1.RequestBatch");
    }
    *ret_batch = batch;
    return FR_OK;
}

/* Answers a message that gave no batch: one Response with id 0. */
static void answer_unopened(struct exchange *exchange, nng_msg *message, const struct fr_error *error,
                            uint64_t retry_after_us)
{
    struct fr_wire_response response = {
        .code = error->code,
        .message = fr_bytes_of(error->message),
        .retry_after_us = retry_after_us,
    };
    struct fr_reply reply = {0};
    uint8_t *to = fr_reply_extend(&reply, fr_wire_response_size(&response));
    nng_msg_free(message);
    if (to != NULL) {
        fr_wire_put_response(to, &response);
    }
    fr_exchange_answer(exchange, fr_reply_take(&reply));
}

struct id_list {
    size_t count;
    uint64_t ids[FR_MAX_CANCELLED];
};

/* What is too much is ignored: cancelling is only a favour to us. */
static void add_cancelled(void *argument, uint64_t id)
{
    struct id_list *list = argument;
    if (list->count < FR_MAX_CANCELLED) {
        list->ids[list->count++] = id;
    }
}

static void cancel(struct batch *batch)
{
    struct id_list list;
    list.count = 0;
    fr_wire_ids((struct fr_bytes){nng_msg_body(batch->message), nng_msg_len(batch->message)}, FR_WIRE_CANCEL,
                add_cancelled, &list);
    fr_session_cancel(batch->session, batch, list.ids, list.count);
}

void fr_batch_dispatch(struct fr_server *server, const struct arrival *arrival)
{
    struct fr_wire_request_batch header;
    struct fr_error error = {0};
    struct batch *batch = NULL;
    struct fr_bytes body = {nng_msg_body(arrival->message), nng_msg_len(arrival->message)};
    if (fr_wire_read_request_batch(body, &header, &error) != FR_OK) {
        answer_unopened(arrival->exchange, arrival->message, &error, 0);
        return;
    }
    if (open_batch(server, arrival, &header, &batch, &error) != FR_OK) {
        /* What is exhausted here is the server, not a bound on the message: there may be room later. */
        uint64_t retry_after_us = error.code == FR_RESOURCE_EXHAUSTED ? FR_OVERLOAD_PAUSE_US : 0;
        answer_unopened(arrival->exchange, arrival->message, &error, retry_after_us);
        return;
    }
    struct session *session = batch->session;
    fr_session_begin_batch(session, batch);
    const char *refusal = NULL;
    if (arrival->overloaded || atomic_load(&server->held_bytes) > server->limits.held_bytes) {
        refusal = arrival->overloaded ? "the server has too many open messages"
                                      : "the server's memory for open calls is full";
    }
    uint64_t now_us = fr_clock_now_us();
    fr_nng_thread_tick(now_us);
    struct id_set ids = {0};
    fr_cork();
    if (header.cancel_count > 0) {
        cancel(batch);
    }
    for (size_t i = 0; i < batch->call_count; i++) {
        dispatch(&batch->calls[i], now_us, refusal, !add_id(&ids, batch, i));
    }
    free(ids.slots);
    fr_session_finish_batch(session, batch);
    fr_uncork();
    /* One for each call that the dispatch finished, and its own. */
    atomic_fetch_sub(&batch->refs, (unsigned)batch->inline_count);
    fr_batch_unref(batch);
}
