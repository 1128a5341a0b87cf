/* SPDX-License-Identifier: MIT */
/*
 * lane_answer.c - what the answer to a channel's message says, and to whom.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "rpc/channel_internal.h"
#include "rpc/cork.h"
#include "rpc/nng_threads.h"

static bool make_room(struct lane *lane, size_t count)
{
    if (count <= lane->room) {
        return true;
    }
    size_t room = count < 64 ? 64 : count;
    struct fr_wire_response *responses = realloc(lane->responses, room * sizeof responses[0]);
    if (responses == NULL) {
        return false;
    }
    lane->responses = responses;
    struct fr_pending **answered = realloc(lane->answered, room * sizeof answered[0]);
    if (answered == NULL) {
        return false;
    }
    lane->answered = answered;
    lane->room = room;
    return true;
}

/* Reads the whole answer before anything is done with it. */
static enum fr_code read_answer(struct lane *lane, struct fr_bytes body, struct fr_wire_response_batch *ret_batch,
                                struct fr_error *reterr)
{
    enum fr_code code = fr_wire_read_response_batch(body, ret_batch, reterr);
    if (code != FR_OK) {
        return code;
    }
    if (!make_room(lane, ret_batch->count)) {
        return fr_error_no_memory(reterr);
    }
    struct fr_wire_cursor cursor = ret_batch->responses;
    for (uint32_t i = 0; i < ret_batch->count; i++) {
        if (fr_wire_next_response(&cursor, &lane->responses[i]) != FR_WIRE_ITEM) {
            return fr_error_set(reterr, FR_INTERNAL, "the server's answer holds a malformed Response");
        }
    }
    return FR_OK;
}

/* Where the calls go that an answer names as pending. */
struct pending_move {
    struct fr_channel *channel;
    struct call_link *to;
};

static void on_pending(void *argument, uint64_t id)
{
    const struct pending_move *move = argument;
    struct fr_id_entry *entry = fr_id_table_find(&move->channel->calls, id);
    if (entry != NULL) {
        struct fr_pending *call = FR_CONTAINER(entry, struct fr_pending, by_id);
        fr_ring_remove(&call->link);
        fr_ring_append(move->to, &call->link);
        call->late_number = ++move->channel->late_count;
    }
}

static void move_pending_locked(struct fr_channel *self, struct fr_bytes body,
                                const struct fr_wire_response_batch *batch, struct call_link *to)
{
    if (batch->pending_count > 0) {
        struct pending_move move = {self, to};
        fr_wire_ids(body, FR_WIRE_PENDING, on_pending, &move);
    }
}

/* Whom each response answers: NULL for a call that has ended, or that is tried again. */
static void match_locked(struct fr_channel *self, struct lane *lane, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct fr_wire_response *response = &lane->responses[i];
        struct fr_id_entry *entry = fr_id_table_find(&self->calls, response->id);
        lane->answered[i] = NULL;
        if (entry != NULL) {
            struct fr_pending *call = FR_CONTAINER(entry, struct fr_pending, by_id);
            const struct call_end end = {
                .code = fr_code_from_wire(response->code),
                .retry_after_us = response->retry_after_us,
                .together = count,
            };
            if (fr_call_settle_locked(self, call, &end)) {
                lane->answered[i] = call;
            }
        }
    }
}

/* No other message is under way. */
static bool alone_locked(const struct fr_channel *self, const struct lane *lane)
{
    for (unsigned i = 0; i < FR_LANES; i++) {
        if (&self->lanes[i] != lane && self->lanes[i].state != LANE_IDLE) {
            return false;
        }
    }
    return true;
}

static void start_leaving_locked(struct fr_channel *self)
{
    if (!self->leaving) {
        self->leaving = true;
        fr_connection_unusable_locked(self);
    }
    if (self->waiting_count > 0) {
        fr_connection_watch_locked(self);
    }
}

/* What a well-formed answer means for the lane's calls; those that it does not mention stay with the lane. */
static void apply_locked(struct fr_channel *self, struct lane *lane, struct fr_bytes body,
                         const struct fr_wire_response_batch *batch)
{
    match_locked(self, lane, batch->count);
    move_pending_locked(self, body, batch, &self->late);
    if (batch->draining) {
        start_leaving_locked(self);
        fr_calls_requeue_locked(self, &lane->calls);
    } else {
        self->useful = true;
    }
}

/* Whether the connection that brought the message still stands: the news of its loss, even the next connection, can
   come before the callback that brings the message. */
static bool is_current_locked(const struct fr_channel *self, nng_msg *message)
{
    return self->connected && nng_pipe_id(nng_msg_get_pipe(message)) == self->pipe;
}

/* What the answer means when its connection is lost. What was pending there broke with it, after fr_channel_lost ended
   such calls: nobody else would. The rest that it says of itself means nothing to the next connection. */
static void apply_outlived_locked(struct fr_channel *self, struct lane *lane, struct fr_bytes body,
                                  const struct fr_wire_response_batch *batch, struct call_link *broken)
{
    struct call_link pending;
    fr_ring_init(&pending);
    match_locked(self, lane, batch->count);
    move_pending_locked(self, body, batch, &pending);
    fr_calls_settle_locked(self, &pending, broken, (struct call_end){.code = FR_UNAVAILABLE});
    if (batch->draining) {
        fr_calls_requeue_locked(self, &lane->calls);
    }
}

/* The server knew of no open call: those that were late when it was asked end, or we would ask it again and again. Those
   that became late since may be newer than its answer, which other answers can have overtaken. */
static void forget_late_locked(struct fr_channel *self, const struct lane *lane,
                               const struct fr_wire_response_batch *batch, struct call_link *forgotten)
{
    if (lane->collect && batch->count == 0 && batch->pending_count == 0 && !batch->draining &&
        alone_locked(self, lane)) {
        struct call_link asked_for;
        fr_ring_init(&asked_for);
        while (!fr_ring_empty(&self->late) && fr_call_of_link(self->late.next)->late_number <= lane->late_count) {
            struct call_link *link = self->late.next;
            fr_ring_remove(link);
            fr_ring_append(&asked_for, link);
        }
        fr_calls_settle_locked(self, &asked_for, forgotten, (struct call_end){.code = FR_UNAVAILABLE});
    }
}

/* The metadata, details and text of one answer, where the result can borrow them. */
struct answer {
    struct fr_result result;
    char message[FR_ERROR_MESSAGE_BYTES];
    struct fr_metadata_entry entries[FR_METADATA_MAX_ENTRIES];
    struct fr_detail details[FR_MAX_DETAILS];
};

static void read_response(const struct fr_wire_response *response, struct answer *answer)
{
    size_t size = response->message.size;
    size = size < sizeof answer->message ? size : sizeof answer->message - 1;
    memcpy(answer->message, size > 0 ? (const void *)response->message.data : "", size);
    answer->message[size] = '\0';
    answer->result = (struct fr_result){
        .code = fr_code_from_wire(response->code),
        .message = answer->message,
        .payload = response->payload,
        .metadata.entries = answer->entries,
        .details.entries = answer->details,
        .retry_after_us = response->retry_after_us,
    };
    if (response->metadata_count > 0) {
        answer->result.metadata.count = fr_wire_metadata(response->encoded, answer->entries);
    }
    if (response->details_count > 0) {
        answer->result.details.count = fr_wire_details(response->encoded, answer->details);
    }
}

static void complete_answered(struct fr_channel *self, struct lane *lane, uint32_t count, uint64_t now_us)
{
    static const struct fr_result too_late = {.code = FR_DEADLINE_EXCEEDED, .message = "the answer came too late"};
    static const struct fr_result too_large = {.code = FR_RESOURCE_EXHAUSTED, .message = "the answer is over 4 MiB"};
    struct answer answer;
    size_t finished = 0;
    fr_nng_thread_tick(now_us);
    for (uint32_t i = 0; i < count; i++) {
        struct fr_pending *call = lane->answered[i];
        if (call == NULL) {
            continue;
        }
        bool late = call->deadline_us != 0 && now_us >= call->deadline_us;
        bool large = lane->responses[i].encoded.size > FR_MAX_MESSAGE_BYTES;
        if (!late && !large) {
            read_response(&lane->responses[i], &answer);
        }
        finished += fr_call_complete(call, late ? &too_late : large ? &too_large : &answer.result);
    }
    if (finished > 0) {
        fr_channel_finished(self, finished);
    }
}

/* Why calls end that the answer does not mention: what the server says of a message that it could not take, if it
   says something. ret_result borrows error. */
static void explain_unmentioned(const struct lane *lane, const struct fr_wire_response_batch *batch,
                                struct fr_error *error, struct fr_result *ret_result)
{
    const struct fr_wire_response *only = batch->count == 1 ? &lane->responses[0] : NULL;
    if (only != NULL && only->id == 0 && only->code != FR_OK) {
        fr_error_set(error, fr_code_from_wire(only->code), "%.*s", (int)only->message.size,
                     only->message.size > 0 ? (const char *)only->message.data : "");
        ret_result->retry_after_us = only->retry_after_us;
        ret_result->not_sent = true;
    } else {
        fr_error_set(error, FR_INTERNAL, "the server's answer does not mention this call");
    }
}

void fr_lane_answered(struct fr_channel *self, struct lane *lane, nng_msg *message)
{
    struct fr_bytes body = {nng_msg_body(message), nng_msg_len(message)};
    struct fr_wire_response_batch batch = {0};
    struct fr_error error;
    struct fr_result unmentioned = {.message = error.message};
    struct call_link lost, forgotten, broken;
    fr_ring_init(&lost);
    fr_ring_init(&forgotten);
    fr_ring_init(&broken);
    bool readable = read_answer(lane, body, &batch, &error) == FR_OK;
    if (readable) {
        explain_unmentioned(lane, &batch, &error, &unmentioned);
    } else {
        batch.count = 0;
    }
    pthread_mutex_lock(&self->mu);
    if (readable && is_current_locked(self, message)) {
        apply_locked(self, lane, body, &batch);
        forget_late_locked(self, lane, &batch, &forgotten);
    } else if (readable) {
        apply_outlived_locked(self, lane, body, &batch, &broken);
    }
    unmentioned.code = error.code;
    fr_calls_settle_locked(self, &lane->calls, &lost,
                           (struct call_end){
                               .code = unmentioned.code,
                               .retry_after_us = unmentioned.retry_after_us,
                               .not_started = unmentioned.not_sent,
                           });
    uint64_t now_us = fr_clock_now_us();
    self->answer_us = now_us - lane->since_us;
    lane->state = LANE_COMPLETING;
    lane->since_us = now_us;
    pthread_mutex_unlock(&self->mu);
    fr_cork();
    complete_answered(self, lane, batch.count, now_us);
    fr_calls_complete(self, &lost, &unmentioned);
    struct fr_result unknown = {.code = FR_UNAVAILABLE, .message = "the server does not know this call any more"};
    fr_calls_complete(self, &forgotten, &unknown);
    if (!fr_ring_empty(&broken)) { /* rare, and its text costs */
        fr_calls_complete_broken(self, &broken);
    }
    pthread_mutex_lock(&self->mu);
    fr_lane_retire_locked(lane);
    pthread_mutex_unlock(&self->mu);
    fr_uncork();
    nng_msg_free(message);
}
