/* SPDX-License-Identifier: MIT */
/*
 * lane.c - the messages of a channel: which calls leave together, and the way of a message through nng.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/container.h"
#include "rpc/channel_internal.h"

#define BATCH_CALLS 1024       /* at most FR_MAX_BATCH_CALLS */
#define BATCH_BYTES (1u << 20) /* a call that is larger leaves alone */
/* For so long calls are left to a lane that will send soon, after a done that is quick or an answer that is due. */
#define JOIN_US FR_MILLISECOND_US
/* After so many messages in a row that left while another was under way, one waits for that. */
#define MAX_CROSSINGS 32

static uint64_t timeout_left_us(const struct fr_pending *call, uint64_t now_us)
{
    if (call->deadline_us == 0) {
        return 0;
    }
    return call->deadline_us > now_us ? call->deadline_us - now_us : 1;
}

/* Gives waiting calls to the lane, the oldest first, as far as they fit; returns the bytes of their Requests. */
static size_t take_calls_locked(struct fr_channel *self, struct lane *lane, uint64_t now_us)
{
    size_t bytes = 0, count = 0;
    while (!fr_ring_empty(&self->waiting) && count < BATCH_CALLS) {
        struct fr_pending *call = fr_call_of_link(self->waiting.next);
        uint64_t id = self->last_id + 1;
        size_t size = fr_wire_request_size(id, timeout_left_us(call, now_us), call->rest_size);
        if (count > 0 && bytes + size > BATCH_BYTES) {
            break;
        }
        fr_ring_remove(&call->link);
        fr_ring_append(&lane->calls, &call->link);
        call->state = CALL_SENT;
        call->by_id.id = self->last_id = id;
        fr_id_table_insert(&self->calls, &call->by_id);
        bytes += size;
        count++;
    }
    self->waiting_count -= count;
    return bytes;
}

/* The calls and everything else that a RequestBatch says. */
static nng_msg *write_message_locked(struct fr_channel *self, struct lane *lane, size_t bytes, uint64_t now_us)
{
    nng_msg *message;
    size_t ids_size = fr_wire_ids_size(self->cancelled, self->cancelled_count);
    if (nng_msg_alloc(&message, bytes + ids_size + FR_WIRE_SESSION_MAX_BYTES) != 0) {
        return NULL;
    }
    uint8_t *to = nng_msg_body(message);
    for (struct call_link *link = lane->calls.next; link != &lane->calls; link = link->next) {
        struct fr_pending *call = fr_call_of_link(link);
        to = fr_wire_put_request(to, call->by_id.id, timeout_left_us(call, now_us),
                                 (struct fr_bytes){call->rest, call->rest_size});
    }
    to = fr_wire_put_ids(to, FR_WIRE_CANCEL, self->cancelled, self->cancelled_count);
    to = fr_wire_put_session(to, self->session, lane->collect);
    nng_msg_chop(message, nng_msg_len(message) - (size_t)(to - (uint8_t *)nng_msg_body(message)));
    self->cancelled_count = 0;
    return message;
}

static struct lane *idle_lane_locked(struct fr_channel *self)
{
    struct lane *idle = NULL;
    for (unsigned i = FR_LANES; i-- > 0;) {
        idle = self->lanes[i].state == LANE_IDLE ? &self->lanes[i] : idle;
    }
    return idle;
}

/* What goes on on the lanes. */
struct traffic {
    bool collecting; /* a message under way has collect set */
    bool crossing;   /* a message under way has calls without an answer */
    bool expected;   /* an answer to it is due, by what the latest one took */
    bool completing; /* a lane is about to send, and has not been for long */
};

static struct traffic traffic_locked(const struct fr_channel *self, uint64_t now_us)
{
    struct traffic traffic = {0};
    for (unsigned i = 0; i < FR_LANES; i++) {
        const struct lane *lane = &self->lanes[i];
        uint64_t age_us = now_us - lane->since_us;
        bool under_way = lane->state == LANE_SENDING || lane->state == LANE_RECEIVING;
        bool crossing = under_way && !fr_ring_empty(&lane->calls);
        traffic.collecting |= under_way && lane->collect;
        traffic.crossing |= crossing;
        traffic.expected |= crossing && age_us < self->answer_us && self->answer_us < JOIN_US;
        traffic.completing |= lane->state == LANE_COMPLETING && age_us < JOIN_US;
    }
    return traffic;
}

static void on_join(struct fr_timer *timer)
{
    struct fr_channel *self = FR_CONTAINER(timer, struct fr_channel, join);
    pthread_mutex_lock(&self->mu);
    self->joining = false;
    pthread_mutex_unlock(&self->mu);
    fr_lanes_kick(self);
    fr_channel_finished(self, 1);
}

/* In case that the lane does not send soon. */
static void watch_join_locked(struct fr_channel *self, uint64_t now_us)
{
    if (!self->joining) {
        self->joining = true;
        self->unfinished++;
        fr_timer_start(&self->join, now_us + JOIN_US, on_join);
    }
}

/* Loads an idle lane with what is to be sent; NULL when there is nothing, or no lane. The caller posts it. */
static struct lane *load_locked(struct fr_channel *self, bool join, nng_msg **ret_message)
{
    struct lane *lane = idle_lane_locked(self);
    bool calls = self->waiting_count > 0 && !self->leaving;
    bool collect = !fr_ring_empty(&self->late);
    if (lane == NULL || !self->connected || self->closed || !(calls || collect || self->cancelled_count > 0)) {
        return NULL;
    }
    uint64_t now_us = fr_clock_now_us();
    struct traffic traffic = traffic_locked(self, now_us);
    if (traffic.collecting && !calls && self->cancelled_count == 0) {
        return NULL;
    }
    if (join && (traffic.completing || (traffic.expected && self->crossings >= MAX_CROSSINGS))) {
        watch_join_locked(self, now_us);
        return NULL;
    }
    self->crossings = traffic.crossing && self->crossings < MAX_CROSSINGS ? self->crossings + 1 : 0;
    lane->collect = !traffic.collecting;
    size_t bytes = calls ? take_calls_locked(self, lane, now_us) : 0;
    *ret_message = write_message_locked(self, lane, bytes, now_us);
    if (*ret_message == NULL) {
        /* Without memory they wait for the next occasion. */
        fr_calls_requeue_locked(self, &lane->calls);
        return NULL;
    }
    lane->state = LANE_SENDING;
    lane->since_us = now_us;
    lane->late_count = self->late_count;
    lane->generation++;
    atomic_store(&lane->poked, false);
    fr_connection_guard_locked(self);
    return lane;
}

/* After posting: was the connection lost before there was anything to cancel? */
static void look_again(struct lane *lane, unsigned generation)
{
    struct fr_channel *self = lane->channel;
    if (!atomic_load(&lane->poked)) {
        return;
    }
    pthread_mutex_lock(&self->mu);
    if (lane->generation == generation && lane->state == LANE_SENDING && !self->connected) {
        nng_aio_cancel(lane->sending);
    }
    pthread_mutex_unlock(&self->mu);
}

static void post(struct lane *lane, nng_msg *message, unsigned generation)
{
    nng_aio_set_msg(lane->sending, message);
    nng_ctx_send(lane->ctx, lane->sending);
    look_again(lane, generation);
}

void fr_lanes_kick(struct fr_channel *self)
{
    nng_msg *message;
    struct lane *lane;
    size_t kicks = 0;
    pthread_mutex_lock(&self->mu);
    while ((lane = load_locked(self, true, &message)) != NULL) {
        unsigned generation = lane->generation;
        lane->sending = lane->aio;
        self->unfinished++; /* or the lane might be freed before it is posted */
        kicks++;
        pthread_mutex_unlock(&self->mu);
        post(lane, message, generation);
        pthread_mutex_lock(&self->mu);
    }
    if (kicks > 0) {
        fr_channel_finished_locked(self, kicks);
    }
    pthread_mutex_unlock(&self->mu);
}

static void on_unsent(struct fr_channel *self, struct lane *lane, nng_msg *message);

static void receive(struct fr_channel *self, struct lane *lane)
{
    pthread_mutex_lock(&self->mu);
    lane->state = LANE_RECEIVING;
    pthread_mutex_unlock(&self->mu);
    nng_ctx_recv(lane->ctx, lane->aio);
}

void fr_lanes_kick_and_wait(struct fr_channel *self)
{
    nng_msg *message;
    struct lane *lane;
    bool join = false;
    pthread_mutex_lock(&self->mu);
    self->unfinished++;
    while ((lane = load_locked(self, join, &message)) != NULL) {
        join = true; /* what is left is not the caller's */
        unsigned generation = lane->generation;
        lane->sending = lane->blocking_send;
        pthread_mutex_unlock(&self->mu);
        post(lane, message, generation);
        nng_aio_wait(lane->sending);
        if (nng_aio_result(lane->sending) == 0) {
            receive(self, lane);
        } else {
            on_unsent(self, lane, nng_aio_get_msg(lane->sending));
        }
        pthread_mutex_lock(&self->mu);
    }
    pthread_mutex_unlock(&self->mu);
    fr_channel_finished(self, 1);
}

void fr_lanes_poke_locked(struct fr_channel *self)
{
    for (unsigned i = 0; i < FR_LANES; i++) {
        if (self->lanes[i].state == LANE_SENDING) {
            atomic_store(&self->lanes[i].poked, true);
            nng_aio_cancel(self->lanes[i].sending);
        }
    }
}

void fr_lane_retire_locked(struct lane *lane)
{
    lane->state = LANE_IDLE;
    lane->generation++;
}

/* The send failed: the calls never left. */
static void on_unsent(struct fr_channel *self, struct lane *lane, nng_msg *message)
{
    nng_msg_free(message);
    pthread_mutex_lock(&self->mu);
    fr_calls_requeue_locked(self, &lane->calls);
    fr_lane_retire_locked(lane);
    pthread_mutex_unlock(&self->mu);
}

/* The connection broke before the answer. */
static void on_broken(struct fr_channel *self, struct lane *lane)
{
    struct call_link ended;
    fr_ring_init(&ended);
    pthread_mutex_lock(&self->mu);
    fr_calls_settle_locked(self, &lane->calls, &ended, (struct call_end){.code = FR_UNAVAILABLE});
    fr_lane_retire_locked(lane);
    pthread_mutex_unlock(&self->mu);
    fr_calls_complete_broken(self, &ended);
}

static void on_lane(void *argument)
{
    struct lane *lane = argument;
    struct fr_channel *self = lane->channel;
    int result = nng_aio_result(lane->aio);
    pthread_mutex_lock(&self->mu);
    bool sending = lane->state == LANE_SENDING;
    pthread_mutex_unlock(&self->mu);
    if (sending && result == 0) {
        receive(self, lane);
        return;
    }
    /* An aio holds a message after a failed send and after a successful receive. */
    nng_msg *message = nng_aio_get_msg(lane->aio);
    nng_aio_set_msg(lane->aio, NULL);
    if (sending) {
        on_unsent(self, lane, message);
    } else if (result != 0) {
        on_broken(self, lane);
    } else {
        fr_lane_answered(self, lane, message);
    }
    fr_lanes_kick(self);
}

static int open_lane(struct fr_channel *self, struct lane *lane)
{
    fr_ring_init(&lane->calls);
    int result = nng_ctx_open(&lane->ctx, self->socket);
    if (result == 0) {
        lane->channel = self;
        result = nng_aio_alloc(&lane->aio, on_lane, lane);
    }
    if (result == 0) {
        result = nng_aio_alloc(&lane->blocking_send, NULL, NULL);
    }
    return result;
}

enum fr_code fr_lanes_open(struct fr_channel *self, struct fr_error *reterr)
{
    for (unsigned i = 0; i < FR_LANES; i++) {
        if (open_lane(self, &self->lanes[i]) != 0) {
            return fr_error_no_memory(reterr);
        }
    }
    return FR_OK;
}

void fr_lanes_close(struct fr_channel *self)
{
    for (unsigned i = 0; i < FR_LANES; i++) {
        if (self->lanes[i].aio != NULL) {
            nng_aio_stop(self->lanes[i].aio);
        }
        if (self->lanes[i].blocking_send != NULL) {
            nng_aio_stop(self->lanes[i].blocking_send);
        }
    }
    for (unsigned i = 0; i < FR_LANES; i++) {
        struct lane *lane = &self->lanes[i];
        if (lane->aio != NULL) {
            nng_aio_free(lane->aio);
        }
        if (lane->blocking_send != NULL) {
            nng_aio_free(lane->blocking_send);
        }
        if (lane->channel != NULL) {
            nng_ctx_close(lane->ctx);
        }
        free(lane->responses);
        free(lane->answered);
    }
}
