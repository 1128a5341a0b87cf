/* SPDX-License-Identifier: MIT */
/*
 * channel.c - the calls of a channel as a whole: how they end, what the connection's news mean for them, and the
 * channel's life.
 */
#include "rpc/channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/random.h"
#include "rpc/channel_internal.h"
#include "rpc/nng_close.h"

#define DEFAULT_CONNECT_TIMEOUT_US FR_SECOND_US
#define DEFAULT_KEEPALIVE_US       (20 * FR_SECOND_US)
#define DEFAULT_MAX_WAITING        65536

/* ---- rings ---- */

void fr_ring_append(struct call_link *head, struct call_link *link)
{
    link->next = head;
    link->previous = head->previous;
    link->previous->next = link;
    head->previous = link;
}

void fr_ring_remove(struct call_link *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    link->next = link->previous = NULL;
}

static void prepend_all(struct call_link *to, struct call_link *from)
{
    if (fr_ring_empty(from)) {
        return;
    }
    from->previous->next = to->next;
    to->next->previous = from->previous;
    from->next->previous = to;
    to->next = from->next;
    fr_ring_init(from);
}

struct fr_pending *fr_call_of_link(struct call_link *link)
{
    return FR_CONTAINER(link, struct fr_pending, link);
}

/* ---- the end of a call ---- */

void fr_channel_finished_locked(struct fr_channel *self, size_t count)
{
    self->unfinished -= count;
    if (self->unfinished == 0) {
        pthread_cond_broadcast(&self->idle);
    }
}

void fr_channel_finished(struct fr_channel *self, size_t count)
{
    pthread_mutex_lock(&self->mu);
    fr_channel_finished_locked(self, count);
    pthread_mutex_unlock(&self->mu);
}

void fr_call_wait_locked(struct fr_channel *self, struct fr_pending *call)
{
    call->state = CALL_WAITING;
    fr_ring_append(&self->waiting, &call->link);
    self->waiting_count++;
    if (!self->connected || self->leaving) {
        fr_connection_watch_locked(self);
    }
}

static void on_paused(struct fr_timer *timer)
{
    struct fr_pending *call = FR_CONTAINER(timer, struct fr_pending, pause);
    struct fr_channel *self = call->channel;
    pthread_mutex_lock(&self->mu);
    if (call->state == CALL_PAUSED) {
        fr_ring_remove(&call->link);
        fr_call_wait_locked(self, call);
    }
    pthread_mutex_unlock(&self->mu);
    fr_lanes_kick(self);
    fr_pending_unref(call);
    fr_channel_finished(self, 1);
}

static void pause_locked(struct fr_channel *self, struct fr_pending *call, uint64_t until_us)
{
    call->state = CALL_PAUSED;
    fr_ring_append(&self->paused, &call->link);
    self->unfinished++;
    atomic_fetch_add(&call->refs, 1);
    fr_timer_start(&call->pause, until_us, on_paused);
}

void fr_call_detach_locked(struct fr_channel *self, struct fr_pending *call)
{
    fr_ring_remove(&call->link);
    if (call->state == CALL_WAITING) {
        self->waiting_count--;
    } else if (call->state == CALL_SENT) {
        fr_id_table_remove(&self->calls, &call->by_id);
    } else if (fr_timer_stop(&call->pause)) {
        fr_pending_unref(call); /* not the last one */
        self->unfinished--;     /* nor here: the call itself counts */
    }
}

/* Retries a call that was detached, if it may be. */
static bool retry_locked(struct fr_channel *self, struct fr_pending *call, const struct call_end *end)
{
    uint64_t now_us = fr_clock_now_us(), delay_us;
    struct fr_retry_failure failure = {
        .code = end->code,
        .retry_after_us = end->retry_after_us,
        .attempts = call->attempts,
        .refusals = call->refusals,
        .together = end->together,
        .not_started = end->not_started,
        .idempotent = call->idempotent,
        .time_left_us = call->deadline_us == 0       ? UINT64_MAX
                        : call->deadline_us > now_us ? call->deadline_us - now_us
                                                     : 0,
    };
    bool retried = !self->closed &&
                   fr_retry_failed(&self->throttle, &self->policy, &failure, fr_random_u64(), &delay_us);
    if (retried) {
        pause_locked(self, call, fr_clock_deadline_us(now_us, delay_us));
    }
    return retried;
}

bool fr_call_settle_locked(struct fr_channel *self, struct fr_pending *call, const struct call_end *end)
{
    fr_call_detach_locked(self, call);
    call->attempts += !end->not_started;
    call->refusals += end->not_started;
    if (self->retries && end->code == FR_OK) {
        fr_retry_succeeded(&self->throttle, &self->policy, end->together);
    } else if (self->retries && retry_locked(self, call, end)) {
        return false;
    }
    call->state = CALL_DONE;
    return true;
}

size_t fr_call_complete(struct fr_pending *self, const struct fr_result *result)
{
    bool stopped = self->deadline_us != 0 && fr_timer_stop(&self->timer);
    self->done(self->argument, result);
    if (stopped) {
        fr_pending_unref(self);
    }
    fr_pending_unref(self);
    return stopped ? 2 : 1;
}

void fr_calls_complete(struct fr_channel *self, struct call_link *ring, const struct fr_result *result)
{
    size_t count = 0;
    while (!fr_ring_empty(ring)) {
        struct fr_pending *call = fr_call_of_link(ring->next);
        struct fr_result own = *result;
        own.not_sent = result->not_sent && call->attempts == 0;
        fr_ring_remove(&call->link);
        count += fr_call_complete(call, &own);
    }
    if (count > 0) {
        fr_channel_finished(self, count);
    }
}

void fr_calls_settle_locked(struct fr_channel *self, struct call_link *from, struct call_link *to,
                            struct call_end end)
{
    end.together = 0;
    for (const struct call_link *link = from->next; link != from; link = link->next) {
        end.together++;
    }
    while (!fr_ring_empty(from)) {
        struct fr_pending *call = fr_call_of_link(from->next);
        if (fr_call_settle_locked(self, call, &end)) {
            fr_ring_append(to, &call->link);
        }
    }
}

void fr_calls_requeue_locked(struct fr_channel *self, struct call_link *calls)
{
    for (struct call_link *link = calls->next; link != calls; link = link->next) {
        struct fr_pending *call = fr_call_of_link(link);
        fr_id_table_remove(&self->calls, &call->by_id);
        call->state = CALL_WAITING;
        self->waiting_count++;
    }
    prepend_all(&self->waiting, calls);
    if ((!self->connected || self->leaving) && self->waiting_count > 0 && !self->closed) {
        fr_connection_watch_locked(self);
    }
}

/* ---- the connection's news ---- */

void fr_channel_connected(struct fr_channel *self, int pipe, int dialer)
{
    pthread_mutex_lock(&self->mu);
    if (pipe == self->lost_early || dialer <= 0 || dialer != nng_dialer_id(self->dialer)) {
        pthread_mutex_unlock(&self->mu);
        return;
    }
    self->pipe = pipe;
    self->connected = true;
    self->dialer_stale = false;
    self->connected_us = fr_clock_now_us();
    self->useful = false;
    self->leaving = false;
    self->refused = false;
    self->cancelled_count = 0; /* they were for the previous connection */
    pthread_mutex_unlock(&self->mu);
    fr_lanes_kick(self);
}

static void complete_unavailable(struct fr_channel *self, struct call_link *ring, const char *message, bool not_sent)
{
    struct fr_result result = {.code = FR_UNAVAILABLE, .message = message, .not_sent = not_sent};
    fr_calls_complete(self, ring, &result);
}

void fr_calls_complete_broken(struct fr_channel *self, struct call_link *ring)
{
    char message[FR_ERROR_MESSAGE_BYTES];
    snprintf(message, sizeof message, "the connection to %s broke before the answer", self->title);
    complete_unavailable(self, ring, message, false);
}

void fr_channel_lost(struct fr_channel *self, int pipe)
{
    struct call_link ended;
    fr_ring_init(&ended);
    pthread_mutex_lock(&self->mu);
    if (pipe != self->pipe || !self->connected) {
        /* Taken for a connection when that news comes, it would hold calls for which nobody watches. One is remembered:
           a dialer dials again only after both. (Where two dialers' news mix, the guard sees it.) */
        self->lost_early = pipe;
        pthread_mutex_unlock(&self->mu);
        return;
    }
    self->connected = false;
    fr_connection_unusable_locked(self);
    /* Calls on a lane end, or wait again, when the lane does. */
    fr_lanes_poke_locked(self);
    fr_calls_settle_locked(self, &self->late, &ended, (struct call_end){.code = FR_UNAVAILABLE});
    if (self->waiting_count > 0 && !self->closed) {
        fr_connection_watch_locked(self);
    }
    pthread_mutex_unlock(&self->mu);
    fr_calls_complete_broken(self, &ended);
}

void fr_channel_fail_waiting(struct fr_channel *self, const char *message)
{
    struct call_link ended;
    fr_ring_init(&ended);
    pthread_mutex_lock(&self->mu);
    for (struct call_link *link = self->waiting.next, *next; link != &self->waiting; link = next) {
        struct fr_pending *call = fr_call_of_link(link);
        next = link->next;
        if (!call->patient) {
            fr_call_detach_locked(self, call);
            call->state = CALL_DONE;
            fr_ring_append(&ended, &call->link);
        }
    }
    pthread_mutex_unlock(&self->mu);
    complete_unavailable(self, &ended, message, true);
}

/* ---- the channel's life ---- */

static void set_options(struct fr_channel *self, const char *target, const struct fr_channel_options *options)
{
    static const struct fr_channel_options no_options;
    options = options == NULL ? &no_options : options;
    self->connect_timeout_us =
        options->connect_timeout_us != 0 ? options->connect_timeout_us : DEFAULT_CONNECT_TIMEOUT_US;
    self->keepalive_us = options->keepalive_us != 0 ? options->keepalive_us : DEFAULT_KEEPALIVE_US;
    self->max_waiting = options->max_waiting != 0 ? options->max_waiting : DEFAULT_MAX_WAITING;
    self->retries = options->retry != NULL;
    if (self->retries) {
        self->policy = fr_retry_policy_complete(options->retry);
        fr_retry_throttle_init(&self->throttle, &self->policy);
    }
    const char *name = options->name;
    snprintf(self->target, sizeof self->target, "%s", target);
    snprintf(self->title, sizeof self->title, "%.60s%s%s", name == NULL ? "" : name, name == NULL ? "" : " at ",
             self->target);
}

enum fr_code fr_channel_new(const char *target, const struct fr_channel_options *options,
                            struct fr_channel **ret_channel, struct fr_error *reterr)
{
    struct fr_channel *self = calloc(1, sizeof *self);
    if (self == NULL || !fr_id_table_init(&self->calls)) {
        free(self);
        return fr_error_no_memory(reterr);
    }
    pthread_mutex_init(&self->mu, NULL);
    pthread_cond_init(&self->idle, NULL);
    fr_ring_init(&self->waiting);
    fr_ring_init(&self->late);
    fr_ring_init(&self->paused);
    self->session = fr_random_u64() | 1;
    self->attempts_known = true; /* none yet */
    set_options(self, target, options);
    enum fr_code code = fr_address_check(target, reterr);
    if (code == FR_OK) {
        code = fr_connection_open(self, reterr);
    }
    if (code != FR_OK) {
        fr_channel_free(self);
        return code;
    }
    *ret_channel = self;
    return FR_OK;
}

/* Last of all: nng may still be in a pipe callback until its socket is closed. */
static void free_memory(void *argument)
{
    struct fr_channel *self = argument;
    fr_id_table_fini(&self->calls);
    free(self->cancelled);
    pthread_cond_destroy(&self->idle);
    pthread_mutex_destroy(&self->mu);
    free(self);
}

void fr_channel_free(struct fr_channel *self)
{
    if (self == NULL) {
        return;
    }
    const struct call_end cancelled = {.code = FR_CANCELLED};
    struct call_link ended;
    fr_ring_init(&ended);
    pthread_mutex_lock(&self->mu);
    self->closed = true;
    /* Closed, nothing is retried. */
    fr_calls_settle_locked(self, &self->waiting, &ended, cancelled);
    fr_calls_settle_locked(self, &self->late, &ended, cancelled);
    fr_calls_settle_locked(self, &self->paused, &ended, cancelled);
    for (unsigned i = 0; i < FR_LANES && self->lanes[i].channel != NULL; i++) {
        fr_calls_settle_locked(self, &self->lanes[i].calls, &ended, cancelled);
    }
    pthread_mutex_unlock(&self->mu);
    struct fr_result result = {.code = FR_CANCELLED, .message = "the channel was closed"};
    fr_calls_complete(self, &ended, &result);
    pthread_mutex_lock(&self->mu);
    size_t stopped = (self->guarding && fr_timer_stop(&self->guard)) + (self->joining && fr_timer_stop(&self->join));
    if (stopped > 0) {
        fr_channel_finished_locked(self, stopped);
    }
    while (self->unfinished > 0) {
        pthread_cond_wait(&self->idle, &self->mu);
    }
    nng_pipe *pipe = self->connected ? malloc(sizeof *pipe) : NULL;
    if (pipe != NULL) {
        *pipe = (nng_pipe){(uint32_t)self->pipe};
    }
    pthread_mutex_unlock(&self->mu);
    fr_lanes_close(self);
    fr_nng_close(&(struct fr_nng_closing){
        .socket = self->socket,
        .dialer = self->dialer,
        .pipes = pipe,
        .pipe_count = pipe != NULL,
        .closed = free_memory,
        .argument = self,
    });
}
