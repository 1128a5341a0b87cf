/* SPDX-License-Identifier: MIT */
/*
 * pending.c - one call of a channel: its start, its deadline and its cancellation.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/worker_pool.h"
#include "rpc/channel_internal.h"
#include "rpc/cork.h"

#define MAX_CANCELLED 4096 /* ids that wait to be sent; cancellation is only a favour to the server */

void fr_pending_unref(struct fr_pending *self)
{
    if (self != NULL && atomic_fetch_sub(&self->refs, 1) == 1) {
        free(self);
    }
}

/* The server is told with the next message. */
static void cancel_at_server_locked(struct fr_channel *self, uint64_t id)
{
    if (self->cancelled_count == self->cancelled_room) {
        size_t room = self->cancelled_room == 0 ? 16 : 2 * self->cancelled_room;
        uint64_t *grown = room > MAX_CANCELLED ? NULL : realloc(self->cancelled, room * sizeof grown[0]);
        if (grown == NULL) {
            return;
        }
        self->cancelled = grown;
        self->cancelled_room = room;
    }
    self->cancelled[self->cancelled_count++] = id;
}

/* Ends a call early, wherever it is, unless it has ended. The caller keeps the channel. */
static void end_early(struct fr_channel *self, struct fr_pending *call, enum fr_code code, const char *message)
{
    pthread_mutex_lock(&self->mu);
    enum call_state state = call->state;
    if (state != CALL_DONE) {
        fr_call_detach_locked(self, call);
        call->state = CALL_DONE;
        if (state == CALL_SENT && code == FR_CANCELLED) {
            cancel_at_server_locked(self, call->by_id.id);
        }
    }
    pthread_mutex_unlock(&self->mu);
    if (state != CALL_DONE) {
        struct fr_result result = {
            .code = code,
            .message = message,
            .not_sent = state != CALL_SENT && call->attempts == 0,
        };
        fr_lanes_kick(self);
        fr_channel_finished(self, fr_call_complete(call, &result));
    }
}

static void on_deadline(struct fr_timer *timer)
{
    struct fr_pending *call = FR_CONTAINER(timer, struct fr_pending, timer);
    struct fr_channel *channel = call->channel;
    end_early(channel, call, FR_DEADLINE_EXCEEDED, "no answer in time");
    fr_pending_unref(call);
    fr_channel_finished(channel, 1);
}

void fr_pending_cancel(struct fr_pending *self)
{
    if (self != NULL && atomic_load(&self->state) != CALL_DONE) {
        end_early(self->channel, self, FR_CANCELLED, "the call was cancelled");
    }
}

/* Queues a new call. Fails when it must end at once. */
static enum fr_code submit(struct fr_channel *self, struct fr_pending *call, struct fr_error *reterr)
{
    enum fr_code code = FR_OK;
    pthread_mutex_lock(&self->mu);
    if (self->closed) {
        code = fr_error_set(reterr, FR_CANCELLED, "the channel was closed");
    } else if (self->waiting_count >= self->max_waiting) {
        code = fr_error_set(reterr, FR_RESOURCE_EXHAUSTED, "%zu %s for %s already", self->waiting_count,
                            self->waiting_count == 1 ? "call waits" : "calls wait", self->title);
    } else if (!self->connected || self->leaving) {
        if (!call->patient && fr_connection_hopeless_locked(self, reterr)) {
            code = FR_UNAVAILABLE;
        }
    }
    if (code == FR_OK) {
        self->unfinished++;
        if (call->deadline_us != 0) {
            self->unfinished++;
            atomic_fetch_add(&call->refs, 1);
            fr_timer_start(&call->timer, call->deadline_us, on_deadline);
        }
        fr_call_wait_locked(self, call);
    } else {
        call->state = CALL_DONE;
    }
    pthread_mutex_unlock(&self->mu);
    return code;
}

static void kick_deferred(void *target)
{
    struct fr_channel *self = target;
    fr_lanes_kick(self);
    fr_channel_finished(self, 1);
}

/* Now, or together with what else this thread sends. */
static void kick_soon(struct fr_channel *self)
{
    switch (fr_cork_defer(kick_deferred, self)) {
    case FR_CORK_ADDED:
        pthread_mutex_lock(&self->mu);
        self->unfinished++;
        pthread_mutex_unlock(&self->mu);
        break;
    case FR_CORK_KNOWN:
        break;
    case FR_CORK_NONE:
        fr_lanes_kick(self);
        break;
    }
}

enum fr_code fr_pending_new(const char *method, size_t payload_size, const struct fr_call_options *options,
                            struct fr_pending **ret_call, uint8_t **ret_payload, struct fr_error *reterr)
{
    struct fr_bytes name = fr_bytes_of(method);
    enum fr_code code = options->metadata.count == 0 ? FR_OK : fr_metadata_check(options->metadata, reterr);
    if (code != FR_OK) {
        return code;
    }
    size_t size = fr_wire_rest_size(name, options->metadata, payload_size);
    size_t whole = fr_wire_request_size(UINT64_MAX, UINT64_MAX, size);
    if (whole > FR_MAX_MESSAGE_BYTES) {
        return fr_error_set(reterr, FR_RESOURCE_EXHAUSTED, "the request has %zu bytes; %u are allowed", whole,
                            FR_MAX_MESSAGE_BYTES);
    }
    struct fr_pending *call = malloc(sizeof *call + size);
    if (call == NULL) {
        return fr_error_no_memory(reterr);
    }
    *call = (struct fr_pending){.idempotent = options->idempotent, .rest_size = size};
    atomic_init(&call->refs, 1);
    if (options->timeout_us != 0) {
        call->deadline_us = fr_clock_deadline_us(fr_clock_now_us(), options->timeout_us);
    }
    *ret_payload = fr_wire_put_rest(call->rest, name, options->metadata, payload_size);
    *ret_call = call;
    return FR_OK;
}

enum fr_code fr_pending_new_from(const char *method, struct fr_bytes request, const struct fr_call_options *options,
                                 struct fr_pending **ret_call, struct fr_error *reterr)
{
    static const struct fr_call_options no_options;
    uint8_t *payload = NULL;
    enum fr_code code = fr_pending_new(method, request.size, options == NULL ? &no_options : options, ret_call,
                                       &payload, reterr);
    if (code == FR_OK && request.size > 0) {
        memcpy(payload, request.data, request.size);
    }
    return code;
}

/* Queues the call; false when it has ended at once. */
static bool start(struct fr_channel *self, struct fr_pending *call, fr_call_done *done, void *argument)
{
    struct fr_error error;
    call->channel = self;
    call->done = done;
    call->argument = argument;
    call->patient = self->retries && call->deadline_us != 0;
    enum fr_code code = submit(self, call, &error);
    if (code == FR_OK) {
        return true;
    }
    struct fr_result result = {
        .code = code,
        .message = error.message,
        .retry_after_us = code == FR_RESOURCE_EXHAUSTED ? FR_OVERLOAD_PAUSE_US : 0,
        .not_sent = true,
    };
    done(argument, &result);
    fr_pending_unref(call);
    return false;
}

void fr_pending_start(struct fr_channel *self, struct fr_pending *call, fr_call_done *done, void *argument,
                      struct fr_pending **ret_pending)
{
    if (ret_pending != NULL) {
        *ret_pending = call;
        atomic_fetch_add(&call->refs, 1);
    }
    if (start(self, call, done, argument)) {
        kick_soon(self);
    }
}

void fr_pending_start_blocking(struct fr_channel *self, struct fr_pending *call, fr_call_done *done, void *argument)
{
    if (start(self, call, done, argument)) {
        fr_lanes_kick_and_wait(self);
    }
}

void fr_channel_start(struct fr_channel *self, const char *method, struct fr_bytes request,
                      const struct fr_call_options *options, fr_call_done *done, void *argument,
                      struct fr_pending **ret_pending)
{
    struct fr_pending *call;
    struct fr_error error;
    enum fr_code code = fr_pending_new_from(method, request, options, &call, &error);
    if (code == FR_OK) {
        fr_pending_start(self, call, done, argument, ret_pending);
        return;
    }
    struct fr_result result = {.code = code, .message = error.message, .not_sent = true};
    if (ret_pending != NULL) {
        *ret_pending = NULL;
    }
    done(argument, &result);
}
