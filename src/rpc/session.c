/* SPDX-License-Identifier: MIT */
/*
 * session.c - where late answers gather until a message of the session can carry them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "rpc/cork.h"
#include "rpc/server_internal.h"

struct session *fr_session_new(struct fr_server *server, int pipe, uint64_t id)
{
    struct session *self = calloc(1, sizeof *self);
    if (self == NULL || !fr_id_table_init(&self->calls)) {
        free(self);
        return NULL;
    }
    atomic_init(&self->refs, 1);
    pthread_mutex_init(&self->mu, NULL);
    self->server = server;
    self->pipe = pipe;
    self->id = id;
    return self;
}

void fr_session_unref(struct session *self)
{
    if (atomic_fetch_sub(&self->refs, 1) != 1) {
        return;
    }
    fr_id_table_fini(&self->calls);
    fr_reply_fini(&self->ready);
    pthread_mutex_destroy(&self->mu);
    free(self);
}

void fr_session_admit(struct session *self, struct fr_call *call)
{
    pthread_mutex_lock(&self->mu);
    bool ends = (self->dead || call->cancelled) && !call->answered;
    if (!call->answered) {
        call->late = true;
        call->by_id.id = call->request.id;
        fr_id_table_insert(&self->calls, &call->by_id);
        if (call->deadline_us != 0) {
            fr_call_watch_deadline_locked(call);
        }
    }
    pthread_mutex_unlock(&self->mu);
    if (ends) {
        fr_call_end(call, NULL);
    }
}

void fr_session_begin_batch(struct session *self, struct batch *batch)
{
    pthread_mutex_lock(&self->mu);
    batch->next_dispatching = self->dispatching;
    self->dispatching = batch;
    pthread_mutex_unlock(&self->mu);
}

static void end_dispatch_locked(struct session *self, struct batch *batch)
{
    struct batch **link = &self->dispatching;
    while (*link != batch) {
        link = &(*link)->next_dispatching;
    }
    *link = batch->next_dispatching;
}

static struct fr_call *call_of(struct fr_id_entry *entry)
{
    return FR_CONTAINER(entry, struct fr_call, by_id);
}

static int compare_ids(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

/* A cancellation can overtake the calls of a batch that is still being dispatched. Looks at each such call once, since
   a client may send as many ids as there are calls, in many messages. */
static void cancel_dispatching(struct session *self, const struct batch *by, const uint64_t *sorted_ids, size_t count)
{
    pthread_mutex_lock(&self->mu);
    for (struct batch *batch = self->dispatching; batch != NULL; batch = batch->next_dispatching) {
        for (size_t i = 0; i < batch->call_count && batch != by; i++) {
            struct fr_call *call = &batch->calls[i];
            call->cancelled |= bsearch(&call->request.id, sorted_ids, count, sizeof sorted_ids[0], compare_ids) != NULL;
        }
    }
    pthread_mutex_unlock(&self->mu);
}

static void cancel_known(struct session *self, uint64_t id)
{
    struct fr_call *call = NULL;
    pthread_mutex_lock(&self->mu);
    struct fr_id_entry *entry = fr_id_table_find(&self->calls, id);
    if (entry != NULL) {
        call = call_of(entry);
        atomic_fetch_add(&call->batch->refs, 1);
    }
    pthread_mutex_unlock(&self->mu);
    if (call != NULL) {
        struct batch *batch = call->batch;
        fr_call_end(call, NULL);
        fr_batch_unref(batch);
    }
}

void fr_session_cancel(struct session *self, const struct batch *by, uint64_t *ids, size_t count)
{
    qsort(ids, count, sizeof ids[0], compare_ids);
    /* First: a call that becomes known meanwhile ends then, or is found afterwards. */
    cancel_dispatching(self, by, ids, count);
    for (size_t i = 0; i < count; i++) {
        cancel_known(self, ids[i]);
    }
}

/* ---- answers ---- */

static void too_large(struct fr_wire_response *response, const char *message)
{
    *response = (struct fr_wire_response){
        .id = response->id,
        .code = FR_RESOURCE_EXHAUSTED,
        .message = fr_bytes_of(message),
    };
}

/* What can never be delivered becomes a refusal. */
static void bound_locked(const struct session *self, struct fr_wire_response *response)
{
    const struct fr_server_limits *limits = &self->server->limits;
    size_t size = fr_wire_response_size(response);
    if (size > FR_MAX_MESSAGE_BYTES) {
        too_large(response, "the answer is larger than 4 MiB");
    } else if (self->ready.size + size > limits->session_bytes) {
        too_large(response, "the client does not collect its answers");
    } else if (atomic_load(&self->server->held_bytes) + size > limits->held_bytes) {
        too_large(response, "the server's memory for answers is full");
    }
}

bool fr_session_answer_locked(struct session *self, struct fr_call *call, const struct fr_wire_response *response)
{
    if (call->answered) {
        return false;
    }
    call->answered = true;
    call->round = self->round;
    if (call->late) {
        fr_id_table_remove(&self->calls, &call->by_id);
    }
    if (response == NULL || self->dead) {
        return true;
    }
    struct fr_wire_response bounded = *response;
    bound_locked(self, &bounded);
    size_t size = fr_wire_response_size(&bounded);
    uint8_t *to = fr_reply_extend(&self->ready, size);
    if (to != NULL) {
        fr_wire_put_response(to, &bounded);
        atomic_fetch_add(&self->server->held_bytes, size);
    }
    return true;
}

/* ---- replies ---- */

static struct fr_bytes ready_bytes(const struct session *self)
{
    return (struct fr_bytes){self->ready.body, self->ready.size};
}

static void drop_ready_front(struct session *self, size_t size)
{
    self->ready.size -= size;
    memmove(self->ready.body, self->ready.body + size, self->ready.size);
    atomic_fetch_sub(&self->server->held_bytes, size);
}

/* Appends a refusal instead of the first ready answer. */
static void refuse_first_locked(struct session *self, struct batch *batch)
{
    struct fr_wire_cursor cursor = {self->ready.body, self->ready.body + self->ready.size};
    struct fr_wire_response response;
    if (fr_wire_next_response(&cursor, &response) == FR_WIRE_ITEM) {
        too_large(&response, "the answers do not fit max_reply_bytes");
        uint8_t *to = fr_reply_extend(&batch->reply, fr_wire_response_size(&response));
        if (to != NULL) {
            fr_wire_put_response(to, &response);
        }
    }
    drop_ready_front(self, (size_t)(cursor.at - self->ready.body));
}

/* Moves the ready answers behind the inline ones as far as they fit; false if some are left. */
static bool move_ready_locked(struct session *self, struct batch *batch)
{
    size_t reserved = fr_batch_reserved_bytes(batch);
    struct fr_reply *reply = &batch->reply;
    size_t limit = batch->max_reply_bytes > reserved ? batch->max_reply_bytes - reserved : 0;
    if (reply->size == 0 && self->ready.size <= limit) {
        atomic_fetch_sub(&self->server->held_bytes, self->ready.size);
        fr_reply_fini(reply);
        *reply = self->ready;
        /* The next ones are most likely as many; ids of what is pending follow them in the same message. */
        self->ready = (struct fr_reply){.expected = reply->size + reply->size / 8};
        return true;
    }
    size_t room = limit > reply->size ? limit - reply->size : 0;
    size_t size = fr_wire_whole_elements(ready_bytes(self), room);
    uint8_t *to = size == 0 ? NULL : fr_reply_extend(reply, size);
    if (to != NULL) {
        memcpy(to, self->ready.body, size);
        drop_ready_front(self, size);
    }
    /* What will fit no later message either is refused: without a session there is none, and an answer that does
       not fit alone fits nowhere. */
    while (self->ready.size > 0 && (self->id == 0 || reply->size == 0)) {
        refuse_first_locked(self, batch);
    }
    return self->ready.size == 0;
}

static void put_ids(struct batch *batch, const uint64_t *ids, size_t count)
{
    uint8_t *to = fr_reply_extend(&batch->reply, fr_wire_ids_size(ids, count));
    if (to != NULL) {
        fr_wire_put_ids(to, FR_WIRE_PENDING, ids, count);
    }
}

/* The calls of batch whose answer is not in this reply. It may be under way in another one, which the client may see
   later than this one. */
static void put_pending(struct batch *batch, bool all_moved, unsigned round)
{
    uint64_t ids[FR_MAX_BATCH_CALLS];
    size_t count = 0;
    for (size_t i = 0; i < batch->call_count; i++) {
        const struct fr_call *call = &batch->calls[i];
        bool here = call->inlined || (all_moved && call->answered && call->round == round);
        if (!here) {
            ids[count++] = call->request.id;
        }
    }
    put_ids(batch, ids, count);
}

/* An answer to collect that has nothing to say names open calls of the session, so that the client sees that they
   are not lost; any number will do. */
static void put_open_locked(struct session *self, struct batch *batch)
{
    uint64_t ids[FR_MAX_BATCH_CALLS];
    size_t count = 0;
    struct fr_id_entry *entry = NULL;
    while (count < FR_MAX_BATCH_CALLS && (entry = fr_id_table_next(&self->calls, entry)) != NULL) {
        ids[count++] = entry->id;
    }
    put_ids(batch, ids, count);
}

/* Everything that the answer of batch says. */
static nng_msg *assemble_locked(struct session *self, struct batch *batch)
{
    bool late = batch->inline_count < batch->call_count;
    bool silent = batch->reply.size == 0 && self->ready.size == 0;
    unsigned round = self->round++;
    bool all_moved = self->ready.size == 0 || move_ready_locked(self, batch);
    if (self->id != 0 && late) {
        put_pending(batch, all_moved, round);
    } else if (self->id != 0 && silent && batch->collect) {
        put_open_locked(self, batch);
    }
    if (batch->left_out || atomic_load(&self->server->draining)) {
        self->told_draining = true;
        uint8_t *to = fr_reply_extend(&batch->reply, FR_WIRE_DRAINING_BYTES);
        if (to != NULL) {
            fr_wire_put_draining(to);
        }
    }
    return fr_reply_take(&batch->reply);
}

/* Takes the parked message out, if it may be answered now. */
static struct batch *take_parked_locked(struct session *self, bool whatever, nng_msg **ret_reply)
{
    struct batch *batch = self->parked;
    bool done = self->calls.count == 0;
    if (batch == NULL || !(whatever || done || (self->id != 0 && self->ready.size > 0))) {
        return NULL;
    }
    self->parked = NULL;
    *ret_reply = assemble_locked(self, batch);
    return batch;
}

static void send_parked(struct session *self, struct batch *batch, nng_msg *reply)
{
    if (batch == NULL) {
        return;
    }
    if (self->id == 0) {
        fr_peers_detach(self);
    }
    fr_exchange_answer(batch->exchange, reply);
    fr_batch_unref(batch);
}

static void answer_parked(struct session *self, bool whatever)
{
    nng_msg *reply = NULL;
    pthread_mutex_lock(&self->mu);
    struct batch *batch = take_parked_locked(self, whatever, &reply);
    pthread_mutex_unlock(&self->mu);
    send_parked(self, batch, reply);
}

static void flush_deferred(void *target)
{
    struct session *self = target;
    answer_parked(self, false);
    fr_session_unref(self);
}

void fr_session_flush(struct session *self)
{
    switch (fr_cork_defer(flush_deferred, self)) {
    case FR_CORK_ADDED:
        atomic_fetch_add(&self->refs, 1);
        break;
    case FR_CORK_KNOWN:
        break;
    case FR_CORK_NONE:
        answer_parked(self, false);
        break;
    }
}

void fr_session_release(struct session *self)
{
    answer_parked(self, true);
}

void fr_session_finish_batch(struct session *self, struct batch *batch)
{
    nng_msg *reply = NULL, *previous_reply = NULL;
    struct batch *previous = NULL;
    pthread_mutex_lock(&self->mu);
    end_dispatch_locked(self, batch);
    self->heard_us = fr_clock_now_us();
    bool silent = batch->reply.size == 0 && self->ready.size == 0;
    bool untold = atomic_load(&self->server->draining) && !self->told_draining;
    bool may_wait = batch->collect && silent && !untold && !batch->hurried;
    bool park = !self->dead && self->calls.count > 0 && (self->id == 0 || may_wait);
    if (park) {
        /* One message is parked at most; a second one relieves the first. */
        previous = take_parked_locked(self, true, &previous_reply);
        atomic_fetch_add(&batch->refs, 1);
        self->parked = batch;
        self->parked_us = self->heard_us;
    } else {
        reply = assemble_locked(self, batch);
    }
    pthread_mutex_unlock(&self->mu);
    send_parked(self, previous, previous_reply);
    if (!park) {
        if (self->id == 0) {
            fr_peers_detach(self);
        }
        fr_exchange_answer(batch->exchange, reply);
    }
}

void fr_session_kill(struct session *self)
{
    pthread_mutex_lock(&self->mu);
    self->dead = true;
    struct fr_id_entry *open = fr_id_table_take_all(&self->calls);
    for (struct fr_id_entry *entry = open; entry != NULL; entry = entry->next) {
        call_of(entry)->late = false;
        atomic_fetch_add(&call_of(entry)->batch->refs, 1);
    }
    atomic_fetch_sub(&self->server->held_bytes, self->ready.size);
    fr_reply_fini(&self->ready);
    pthread_mutex_unlock(&self->mu);
    while (open != NULL) {
        struct fr_call *call = call_of(open);
        struct batch *batch = call->batch;
        open = open->next;
        fr_call_end(call, NULL);
        fr_batch_unref(batch);
    }
    fr_session_release(self);
}
