/* SPDX-License-Identifier: MIT */
/*
 * connection.c - a channel's one connection: dials in the background and knows early when there will be none.
 *
 * nng reports pipes that come and go, but a background dial that is refused, or that meets another protocol, only shows
 * in its statistics. So while calls wait for a connection a timer looks at the dialer's counts of both; the statistics
 * are not read at any other time. Another timer looks at the messages under way and shuts a connection that answers
 * none; it also sees when nng has closed the connection without telling.
 */
#include <nng/nng.h>

#include <nng/protocol/reqrep0/req.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "rpc/channel_internal.h"
#include "rpc/nng_error.h"
#include "rpc/nng_shut.h"

#define WATCH_US         (10 * FR_MILLISECOND_US)
#define RECONNECT_MIN_MS 10
#define RECONNECT_MAX_MS 250

/* The value called name among stat's children; 0: there is none. */
static uint64_t value_of(nng_stat *stat, const char *name)
{
    for (nng_stat *child = nng_stat_child(stat); child != NULL; child = nng_stat_next(child)) {
        if (strcmp(nng_stat_name(child), name) == 0) {
            return nng_stat_value(child);
        }
    }
    return 0;
}

/* nng_stat_find_dialer of nng 1.5.2 finds the first dialer of the process, whichever is asked for. */
static struct attempts read_attempts(nng_dialer dialer)
{
    nng_stat *root;
    struct attempts count = {0};
    if (nng_stats_get(&root) != 0) {
        return count;
    }
    for (nng_stat *stat = nng_stat_child(root); stat != NULL; stat = nng_stat_next(stat)) {
        if (strcmp(nng_stat_name(stat), "dialer") == 0 &&
            value_of(stat, "id") == (uint64_t)nng_dialer_id(dialer)) {
            count.refused = value_of(stat, "refused");
            count.strange = value_of(stat, "proto") + value_of(stat, "reject");
        }
    }
    nng_stats_free(root);
    return count;
}

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
    struct fr_channel *self = argument;
    if (event == NNG_PIPE_EV_ADD_POST) {
        fr_channel_connected(self, nng_pipe_id(pipe), nng_dialer_id(nng_pipe_dialer(pipe)));
    } else {
        fr_channel_lost(self, nng_pipe_id(pipe));
    }
}

enum fr_code fr_connection_open(struct fr_channel *self, struct fr_error *reterr)
{
    int result = nng_req0_open(&self->socket);
    if (result != 0) {
        return fr_nng_error(reterr, result, "cannot open", "a REQ socket");
    }
    /* A resend would run a call twice; retries are ours. */
    nng_socket_set_ms(self->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
    nng_socket_set_size(self->socket, NNG_OPT_RECVMAXSZ, FR_MAX_BATCH_BYTES);
    nng_socket_set_ms(self->socket, NNG_OPT_RECONNMINT, RECONNECT_MIN_MS);
    nng_socket_set_ms(self->socket, NNG_OPT_RECONNMAXT, RECONNECT_MAX_MS);
    nng_pipe_notify(self->socket, NNG_PIPE_EV_ADD_POST, on_pipe, self);
    nng_pipe_notify(self->socket, NNG_PIPE_EV_REM_POST, on_pipe, self);
    self->unconnected_us = fr_clock_now_us();
    self->reconnect_ms = RECONNECT_MIN_MS;
    nng_socket_set_bool(self->socket, NNG_OPT_TCP_KEEPALIVE, true);
    enum fr_code code = fr_lanes_open(self, reterr);
    if (code != FR_OK) {
        return code;
    }
    result = nng_dialer_create(&self->dialer, self->socket, self->target);
    if (result == 0) {
        result = nng_dialer_start(self->dialer, NNG_FLAG_NONBLOCK);
    }
    return result == 0 ? FR_OK : fr_nng_error(reterr, result, "cannot dial", self->target);
}

void fr_connection_unusable_locked(struct fr_channel *self)
{
    uint64_t now_us = fr_clock_now_us();
    /* Waiting begins anew only after a connection that was of use, or a call would wait for ever on a server that takes
       connections and serves none. */
    if (self->useful || now_us - self->connected_us > self->connect_timeout_us) {
        self->unconnected_us = now_us;
    }
    /* nng starts from the shortest pause after every connection, of use or not. */
    int longer_ms = 2 * self->reconnect_ms < RECONNECT_MAX_MS ? 2 * self->reconnect_ms : RECONNECT_MAX_MS;
    self->reconnect_ms = self->useful ? RECONNECT_MIN_MS : longer_ms;
    nng_dialer_set_ms(self->dialer, NNG_OPT_RECONNMINT, self->reconnect_ms);
    self->attempts_known = false;
    self->strange = false;
}

bool fr_connection_hopeless_locked(struct fr_channel *self, struct fr_error *reterr)
{
    if (self->refused) {
        fr_error_set(reterr, FR_UNAVAILABLE, "cannot connect to %s: connection refused", self->title);
        return true;
    }
    bool late = fr_clock_now_us() - self->unconnected_us >= self->connect_timeout_us;
    if (late && self->leaving) {
        fr_error_set(reterr, FR_UNAVAILABLE, "%s is shutting down", self->title);
        return true;
    }
    if (late) {
        fr_error_set(reterr, FR_UNAVAILABLE, "cannot connect to %s: no connection within %u ms%s", self->title,
                     (unsigned)(self->connect_timeout_us / FR_MILLISECOND_US),
                     self->strange ? "; what listens there does not speak Freshet's protocol" : "");
        return true;
    }
    return false;
}

/*
 * Instead of a dialer that dials no more. On a thread of its own: to close the old one can wait for a callback. From
 * then on it is none of ours: a connection that it still makes gets no call, so it is not closed amid an answer.
 */
static void *change_dialer(void *argument)
{
    struct fr_channel *self = argument;
    nng_dialer dialer;
    pthread_mutex_lock(&self->mu);
    bool needed = self->dialer_stale && !self->closed;
    nng_dialer old = self->dialer;
    if (needed) {
        self->dialer = (nng_dialer){0};
    }
    pthread_mutex_unlock(&self->mu);
    if (needed) {
        nng_dialer_close(old);
        if (nng_dialer_create(&dialer, self->socket, self->target) == 0) {
            pthread_mutex_lock(&self->mu);
            self->dialer = dialer;
            self->dialer_stale = false;
            self->seen = (struct attempts){0};
            self->attempts_known = true;
            nng_dialer_set_ms(dialer, NNG_OPT_RECONNMINT, self->reconnect_ms);
            pthread_mutex_unlock(&self->mu);
            nng_dialer_start(dialer, NNG_FLAG_NONBLOCK);
        }
    }
    pthread_mutex_lock(&self->mu);
    self->redialing = false;
    fr_channel_finished_locked(self, 1);
    pthread_mutex_unlock(&self->mu);
    return NULL;
}

static void redial_locked(struct fr_channel *self)
{
    pthread_t thread;
    if (!self->redialing && pthread_create(&thread, NULL, change_dialer, self) == 0) {
        pthread_detach(thread);
        self->redialing = true;
        self->unfinished++;
    }
}

static void on_watch(struct fr_timer *timer)
{
    struct fr_channel *self = FR_CONTAINER(timer, struct fr_channel, watch);
    struct fr_error error;
    pthread_mutex_lock(&self->mu);
    nng_dialer dialer = self->dialer;
    pthread_mutex_unlock(&self->mu);
    struct attempts count = read_attempts(dialer);
    pthread_mutex_lock(&self->mu);
    self->watching = false;
    bool hopeless = false;
    if ((!self->connected || self->leaving) && !self->closed) {
        if (nng_dialer_id(dialer) != nng_dialer_id(self->dialer)) {
            count = self->seen; /* what was read is of the dialer before */
        }
        bool strange = self->attempts_known && count.strange > self->seen.strange;
        self->refused = self->attempts_known && count.refused > self->seen.refused;
        self->strange = strange || (self->strange && !self->refused); /* who refused has taken the port over */
        self->attempts_known = true;
        self->seen = count;
        hopeless = fr_connection_hopeless_locked(self, &error);
        if (!hopeless && self->waiting_count > 0) {
            fr_connection_watch_locked(self);
        }
        if (self->dialer_stale) {
            redial_locked(self);
        }
    }
    pthread_mutex_unlock(&self->mu);
    if (hopeless) {
        fr_channel_fail_waiting(self, error.message);
    }
    fr_channel_finished(self, 1);
}

void fr_connection_watch_locked(struct fr_channel *self)
{
    if (!self->watching) {
        self->watching = true;
        self->unfinished++;
        fr_timer_start(&self->watch, fr_clock_now_us() + WATCH_US, on_watch);
    }
}

#define GUARDS       4 /* looks at the messages under way within keepalive_us */
#define GUARD_MAX_US (250 * FR_MILLISECOND_US) /* calls wait so much longer than UNTOLD_US at most */
#define UNTOLD_US    (2 * FR_SECOND_US) /* until a connection is lost that nng has not told of: it may just be slow */

static void start_guard_locked(struct fr_channel *self);

/* Looks whether nng has closed the connection, or should have. true: it has not told for a while. */
static bool look_for_end_locked(struct fr_channel *self, uint64_t now_us)
{
    bool closed = self->connected && (self->pipe == self->shut_pipe ||
                                      !fr_nng_is_connected((nng_pipe){(uint32_t)self->pipe}));
    if (!closed) {
        self->closed_pipe = 0;
    } else if (self->pipe != self->closed_pipe) {
        self->closed_pipe = self->pipe;
        self->closed_us = now_us;
    }
    return closed && now_us - self->closed_us >= UNTOLD_US;
}

static void on_guard(struct fr_timer *timer)
{
    struct fr_channel *self = FR_CONTAINER(timer, struct fr_channel, guard);
    bool busy = false, dead = false;
    pthread_mutex_lock(&self->mu);
    uint64_t now_us = fr_clock_now_us();
    for (unsigned i = 0; i < FR_LANES; i++) {
        const struct lane *lane = &self->lanes[i];
        bool under_way = lane->state == LANE_SENDING || lane->state == LANE_RECEIVING;
        busy |= lane->state != LANE_IDLE;
        dead |= under_way && fr_clock_elapsed_us(lane->since_us, now_us) >= self->keepalive_us;
    }
    int pipe = self->pipe;
    bool untold = look_for_end_locked(self, now_us);
    bool shut = dead && !untold && pipe != self->shut_pipe;
    self->guarding = false;
    if ((busy || (self->closed_pipe != 0 && !untold)) && !self->closed) {
        start_guard_locked(self);
    }
    if (self->dialer_stale) {
        redial_locked(self);
    }
    pthread_mutex_unlock(&self->mu);
    if (untold) {
        fr_channel_lost(self, pipe);
        pthread_mutex_lock(&self->mu);
        self->dialer_stale = !self->connected;
        redial_locked(self);
        pthread_mutex_unlock(&self->mu);
    } else if (shut) {
        shut = fr_nng_shut_pipes(&(nng_pipe){(uint32_t)pipe}, 1);
        pthread_mutex_lock(&self->mu);
        self->shut_pipe = shut ? pipe : 0; /* otherwise at the next look */
        pthread_mutex_unlock(&self->mu);
    }
    fr_channel_finished(self, 1);
}

static void start_guard_locked(struct fr_channel *self)
{
    uint64_t pause_us = self->keepalive_us / GUARDS;
    self->guarding = true;
    self->unfinished++;
    fr_timer_start(&self->guard, fr_clock_now_us() + (pause_us < GUARD_MAX_US ? pause_us : GUARD_MAX_US), on_guard);
}

void fr_connection_guard_locked(struct fr_channel *self)
{
    if (!self->guarding) {
        start_guard_locked(self);
    }
}
