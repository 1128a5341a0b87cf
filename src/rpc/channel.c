/* SPDX-License-Identifier: MIT */
/*
 * channel.c - calls to one server: from start to done, over lanes.
 */
#include "rpc/channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "rpc/address.h"
#include "rpc/channel_internal.h"
#include "rpc/nng_close.h"

#define DEFAULT_CONNECT_TIMEOUT_US FR_SECOND_US
#define MAX_LANES                  4096
#define LONGEST_TIMEOUT_US         (UINT64_C(365) * 86400 * FR_SECOND_US)

static void list_append(struct call_list *list, struct fr_pending *call)
{
    call->next = NULL;
    call->previous = list->last;
    *(list->last == NULL ? &list->first : &list->last->next) = call;
    list->last = call;
}

static void list_remove(struct call_list *list, struct fr_pending *call)
{
    *(call->previous == NULL ? &list->first : &call->previous->next) = call->next;
    *(call->next == NULL ? &list->last : &call->next->previous) = call->previous;
    call->next = call->previous = NULL;
}

void fr_pending_unref(struct fr_pending *self)
{
    if (self != NULL && atomic_fetch_sub(&self->refs, 1) == 1) {
        nng_msg_free(self->message);
        free(self);
    }
}

void fr_channel_finished(struct fr_channel *self, size_t count)
{
    pthread_mutex_lock(&self->mu);
    self->unfinished -= count;
    if (self->unfinished == 0) {
        pthread_cond_broadcast(&self->idle);
    }
    pthread_mutex_unlock(&self->mu);
}

/* Moves a call to DONE; false when somebody else did. Its lane, if any, is left to its callback. */
static bool claim_locked(struct fr_channel *self, struct fr_pending *call)
{
    if (call->state == CALL_DONE) {
        return false;
    }
    list_remove(call->state == CALL_WAITING ? &self->waiting : &self->active, call);
    call->state = CALL_DONE;
    if (call->lane != NULL) {
        call->lane->call = NULL;
    }
    return true;
}

/* Cancels what the lane has posted, or leaves that to who is about to post. */
static void poke_locked(struct lane *lane)
{
    atomic_store(&lane->poked, true);
    nng_aio_cancel(lane->aio);
}

/* Ends a call that the caller has claimed. */
static void complete(struct fr_channel *self, struct fr_pending *call, const struct fr_result *result)
{
    bool stopped = call->deadline_us != 0 && fr_timer_stop(&call->timer);
    if (stopped) {
        fr_pending_unref(call);
    }
    call->done(call->argument, result);
    fr_pending_unref(call);
    fr_channel_finished(self, stopped ? 2 : 1);
}

static void complete_error(struct fr_channel *self, struct fr_pending *call, enum fr_code code, const char *message,
                           bool not_sent)
{
    struct fr_result result = {.code = code, .message = message, .not_sent = not_sent};
    complete(self, call, &result);
}

/* Ends a call early, wherever it is, unless it has ended. */
static void end_early(struct fr_channel *self, struct fr_pending *call, enum fr_code code, const char *message)
{
    pthread_mutex_lock(&self->mu);
    struct lane *lane = call->lane;
    bool waiting = call->state == CALL_WAITING;
    bool mine = claim_locked(self, call);
    if (mine && lane != NULL) {
        poke_locked(lane);
    }
    pthread_mutex_unlock(&self->mu);
    if (mine) {
        complete_error(self, call, code, message, waiting);
    }
}

static void on_deadline(struct fr_timer *timer)
{
    struct fr_pending *call = (struct fr_pending *)((char *)timer - offsetof(struct fr_pending, timer));
    struct fr_channel *channel = call->channel;
    end_early(channel, call, FR_DEADLINE_EXCEEDED, "no answer in time");
    fr_pending_unref(call);
    fr_channel_finished(channel, 1);
}

/* ---- lanes ---- */

struct answer {
    struct fr_result result;
    bool found;
    char message[FR_ERROR_MESSAGE_BYTES];
    struct fr_metadata_entry entries[FR_METADATA_MAX_ENTRIES];
};

static void on_response(void *argument, const struct fr_wire_response *response)
{
    struct answer *answer = argument;
    size_t size = response->message.size;
    if (size >= sizeof answer->message) {
        size = sizeof answer->message - 1;
    }
    memcpy(answer->message, size > 0 ? (const void *)response->message.data : "", size);
    answer->message[size] = '\0';
    answer->found = true;
    answer->result.code = fr_code_from_wire(response->code);
    answer->result.payload = response->payload;
    answer->result.retry_after_us = response->retry_after_us;
    if (response->metadata_count > 0) {
        answer->result.metadata.count = fr_wire_metadata(response->encoded, answer->entries);
    }
}

/* The answer in body, which the result borrows; what is no answer ends as INTERNAL. */
static void read_answer(struct fr_bytes body, struct answer *answer)
{
    struct fr_error error = {0};
    bool draining;
    answer->found = false;
    answer->result = (struct fr_result){.metadata.entries = answer->entries, .message = answer->message};
    enum fr_code code = fr_wire_decode_response_batch(body, on_response, answer, &draining, &error);
    if (code == FR_OK && !answer->found) {
        code = fr_error_set(&error, FR_INTERNAL, "the server's answer holds no response");
    }
    if (code != FR_OK) {
        answer->result.code = code;
        memcpy(answer->message, error.message, sizeof error.message);
    }
}

/* Gives a call to an idle lane; the caller then posts it with send_on. */
static void assign_locked(struct lane *lane, struct fr_pending *call)
{
    lane->call = call;
    atomic_store(&lane->poked, false);
    call->lane = lane;
    call->state = CALL_SENDING;
    list_append(&lane->channel->active, call);
    nng_aio_set_msg(lane->aio, call->message);
    call->message = NULL;
}

/* After posting: was the lane poked before there was anything to cancel? */
static void look_again(struct lane *lane, unsigned generation)
{
    struct fr_channel *self = lane->channel;
    if (!atomic_load(&lane->poked)) {
        return;
    }
    pthread_mutex_lock(&self->mu);
    bool ended = lane->call == NULL || (lane->call->state == CALL_SENDING && !self->connected);
    if (lane->generation == generation && ended) {
        nng_aio_cancel(lane->aio);
    }
    pthread_mutex_unlock(&self->mu);
}

/* generation was read under the mutex, with the lane assigned. */
static void send_on(struct lane *lane, unsigned generation)
{
    nng_ctx_send(lane->ctx, lane->aio);
    look_again(lane, generation);
}

/* The lane's call is over: takes the next one, which the caller posts, or lets the lane idle. */
static bool retire_lane_locked(struct lane *lane)
{
    struct fr_channel *self = lane->channel;
    struct fr_pending *next = self->waiting.first;
    lane->call = NULL;
    lane->generation++;
    if (next != NULL && self->connected && !self->closed) {
        list_remove(&self->waiting, next);
        assign_locked(lane, next);
        return true;
    }
    lane->next_idle = self->idle_lanes;
    self->idle_lanes = lane;
    return false;
}

static void complete_answered(struct fr_channel *self, struct fr_pending *call, nng_msg *message)
{
    struct answer answer;
    read_answer((struct fr_bytes){nng_msg_body(message), nng_msg_len(message)}, &answer);
    if (call->deadline_us != 0 && fr_clock_now_us() >= call->deadline_us) {
        complete_error(self, call, FR_DEADLINE_EXCEEDED, "the answer came too late", false);
    } else {
        complete(self, call, &answer.result);
    }
}

static void on_lane(void *argument)
{
    struct lane *lane = argument;
    struct fr_channel *self = lane->channel;
    int result = nng_aio_result(lane->aio);
    pthread_mutex_lock(&self->mu);
    struct fr_pending *call = lane->call;
    bool sending = call != NULL && call->state == CALL_SENDING;
    unsigned generation = lane->generation;
    if (sending && result == 0) {
        call->state = CALL_RECEIVING;
        pthread_mutex_unlock(&self->mu);
        nng_ctx_recv(lane->ctx, lane->aio);
        look_again(lane, generation);
        return;
    }
    /* An aio holds a message after a failed send and after a successful receive; a send that succeeded after its
       call had ended holds none. */
    nng_msg *message = nng_aio_get_msg(lane->aio);
    nng_aio_set_msg(lane->aio, NULL);
    if (call != NULL) {
        claim_locked(self, call);
    }
    bool again = retire_lane_locked(lane);
    generation = lane->generation;
    pthread_mutex_unlock(&self->mu);
    if (again) {
        send_on(lane, generation);
    }
    if (call != NULL && result == 0) {
        complete_answered(self, call, message);
    } else if (call != NULL) {
        char text[FR_ERROR_MESSAGE_BYTES];
        snprintf(text, sizeof text, sending ? "no connection to %s" : "the connection to %s broke before the answer",
                 self->title);
        complete_error(self, call, FR_UNAVAILABLE, text, sending);
    }
    nng_msg_free(message);
}

static struct lane *take_lane_locked(struct fr_channel *self)
{
    struct lane *lane = self->idle_lanes;
    if (lane != NULL) {
        self->idle_lanes = lane->next_idle;
        return lane;
    }
    if (self->lane_count >= MAX_LANES) {
        return NULL;
    }
    struct lane **grown = realloc(self->lanes, (self->lane_count + 1) * sizeof grown[0]);
    if (grown == NULL) {
        return NULL;
    }
    self->lanes = grown;
    lane = calloc(1, sizeof *lane);
    if (lane == NULL) {
        return NULL;
    }
    lane->channel = self;
    if (nng_ctx_open(&lane->ctx, self->socket) != 0 || nng_aio_alloc(&lane->aio, on_lane, lane) != 0) {
        if (nng_ctx_id(lane->ctx) > 0) {
            nng_ctx_close(lane->ctx);
        }
        free(lane);
        return NULL;
    }
    self->lanes[self->lane_count++] = lane;
    return lane;
}

/* ---- the connection's news ---- */

void fr_channel_connected(struct fr_channel *self, int pipe)
{
    pthread_mutex_lock(&self->mu);
    self->pipe = pipe;
    self->connected = true;
    self->refused = false;
    while (self->waiting.first != NULL && self->connected && !self->closed) {
        struct lane *lane = take_lane_locked(self);
        if (lane == NULL) {
            break;
        }
        struct fr_pending *call = self->waiting.first;
        unsigned generation = lane->generation;
        list_remove(&self->waiting, call);
        assign_locked(lane, call);
        self->unfinished++; /* the call may end meanwhile, and the channel must not be freed before we looked again */
        pthread_mutex_unlock(&self->mu);
        send_on(lane, generation);
        pthread_mutex_lock(&self->mu);
        if (--self->unfinished == 0) {
            pthread_cond_broadcast(&self->idle);
        }
    }
    bool stuck = self->waiting.first != NULL && self->connected && !self->closed && self->lane_count == 0;
    pthread_mutex_unlock(&self->mu);
    if (stuck) {
        fr_channel_fail_waiting(self, "out of memory");
    }
}

void fr_channel_lost(struct fr_channel *self, int pipe)
{
    pthread_mutex_lock(&self->mu);
    if (pipe != self->pipe) {
        pthread_mutex_unlock(&self->mu);
        return;
    }
    self->connected = false;
    self->unconnected_us = fr_clock_now_us();
    self->refusals_known = false;
    for (struct fr_pending *call = self->active.first; call != NULL; call = call->next) {
        if (call->state == CALL_SENDING) {
            poke_locked(call->lane);
        }
    }
    if (self->waiting.first != NULL && !self->closed) {
        fr_connection_watch_locked(self);
    }
    pthread_mutex_unlock(&self->mu);
}

/* Ends every call of one of the two lists. */
static void end_all(struct fr_channel *self, struct call_list *list, enum fr_code code, const char *message)
{
    for (;;) {
        pthread_mutex_lock(&self->mu);
        struct fr_pending *call = list->first;
        if (call != NULL) {
            bool waiting = call->state == CALL_WAITING;
            struct lane *lane = call->lane;
            claim_locked(self, call);
            if (lane != NULL) {
                poke_locked(lane);
            }
            pthread_mutex_unlock(&self->mu);
            complete_error(self, call, code, message, waiting);
            continue;
        }
        pthread_mutex_unlock(&self->mu);
        return;
    }
}

void fr_channel_fail_waiting(struct fr_channel *self, const char *message)
{
    end_all(self, &self->waiting, FR_UNAVAILABLE, message);
}

/* ---- starting a call ---- */

static enum fr_code encode_request(const char *method, struct fr_bytes payload, const struct fr_call_options *options,
                                   nng_msg **ret_message, struct fr_error *reterr)
{
    struct fr_wire_request request = {
        .id = 1,
        .method = fr_bytes_of(method),
        .timeout_us = options->timeout_us,
        .payload = payload,
    };
    enum fr_code code = fr_metadata_check(options->metadata, reterr);
    if (code != FR_OK) {
        return code;
    }
    size_t size = fr_wire_request_size(&request, options->metadata);
    if (size > FR_MAX_MESSAGE_BYTES) {
        return fr_error_set(reterr, FR_RESOURCE_EXHAUSTED, "the request has %zu bytes; %u are allowed", size,
                            FR_MAX_MESSAGE_BYTES);
    }
    if (nng_msg_alloc(ret_message, size) != 0) {
        return fr_error_no_memory(reterr);
    }
    fr_wire_put_request(&request, options->metadata, nng_msg_body(*ret_message));
    return FR_OK;
}

/* Queues a new call, or gives it to *ret_lane for the caller to post. Fails when it must end at once. */
static enum fr_code submit_locked(struct fr_channel *self, struct fr_pending *call, struct lane **ret_lane,
                                  struct fr_error *reterr)
{
    if (self->closed) {
        return fr_error_set(reterr, FR_CANCELLED, "the channel was closed");
    }
    struct lane *lane = NULL;
    if (!self->connected) {
        if (fr_connection_hopeless_locked(self, reterr)) {
            return FR_UNAVAILABLE;
        }
        fr_connection_watch_locked(self);
    } else {
        lane = take_lane_locked(self);
        if (lane == NULL && self->lane_count == 0) {
            return fr_error_no_memory(reterr);
        }
    }
    self->unfinished++;
    if (call->deadline_us != 0) {
        self->unfinished++;
        atomic_fetch_add(&call->refs, 1);
        fr_timer_start(&call->timer, call->deadline_us, on_deadline);
    }
    if (lane != NULL) {
        assign_locked(lane, call);
    } else {
        list_append(&self->waiting, call);
    }
    *ret_lane = lane;
    return FR_OK;
}

static enum fr_code new_call(struct fr_channel *self, const char *method, struct fr_bytes request,
                             const struct fr_call_options *options, struct fr_pending **ret_call,
                             struct fr_error *reterr)
{
    struct fr_pending *call = calloc(1, sizeof *call);
    if (call == NULL) {
        return fr_error_no_memory(reterr);
    }
    call->channel = self;
    atomic_init(&call->refs, 1);
    if (options->timeout_us != 0) {
        uint64_t timeout_us = options->timeout_us;
        call->deadline_us = fr_clock_now_us() + (timeout_us < LONGEST_TIMEOUT_US ? timeout_us : LONGEST_TIMEOUT_US);
    }
    enum fr_code code = encode_request(method, request, options, &call->message, reterr);
    if (code != FR_OK) {
        fr_pending_unref(call);
        return code;
    }
    *ret_call = call;
    return FR_OK;
}

void fr_channel_start(struct fr_channel *self, const char *method, struct fr_bytes request,
                      const struct fr_call_options *options, fr_call_done *done, void *argument,
                      struct fr_pending **ret_pending)
{
    static const struct fr_call_options no_options;
    struct fr_pending *call = NULL;
    struct fr_error error;
    enum fr_code code =
        new_call(self, method, request, options == NULL ? &no_options : options, &call, &error);
    if (ret_pending != NULL) {
        *ret_pending = call;
    }
    if (code == FR_OK) {
        call->done = done;
        call->argument = argument;
        if (ret_pending != NULL) {
            atomic_fetch_add(&call->refs, 1);
        }
        struct lane *lane = NULL;
        pthread_mutex_lock(&self->mu);
        code = submit_locked(self, call, &lane, &error);
        if (code != FR_OK) {
            atomic_store(&call->state, CALL_DONE);
        }
        unsigned generation = lane == NULL ? 0 : lane->generation;
        pthread_mutex_unlock(&self->mu);
        if (lane != NULL) {
            send_on(lane, generation);
        }
        if (code != FR_OK) {
            fr_pending_unref(call);
        }
    }
    if (code != FR_OK) {
        struct fr_result result = {.code = code, .message = error.message, .not_sent = true};
        done(argument, &result);
    }
}

void fr_pending_cancel(struct fr_pending *self)
{
    if (self != NULL && atomic_load(&self->state) != CALL_DONE) {
        end_early(self->channel, self, FR_CANCELLED, "the call was cancelled");
    }
}

/* ---- the channel's life ---- */

enum fr_code fr_channel_new(const char *target, const struct fr_channel_options *options,
                            struct fr_channel **ret_channel, struct fr_error *reterr)
{
    struct fr_channel *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return fr_error_no_memory(reterr);
    }
    pthread_mutex_init(&self->mu, NULL);
    pthread_cond_init(&self->idle, NULL);
    const char *name = options == NULL ? NULL : options->name;
    self->refusals_known = true; /* none yet */
    self->connect_timeout_us = options == NULL ? 0 : options->connect_timeout_us;
    if (self->connect_timeout_us == 0) {
        self->connect_timeout_us = DEFAULT_CONNECT_TIMEOUT_US;
    }
    snprintf(self->target, sizeof self->target, "%s", target);
    snprintf(self->title, sizeof self->title, "%.60s%s%s", name == NULL ? "" : name, name == NULL ? "" : " at ",
             self->target);
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
    free(self->lanes);
    pthread_cond_destroy(&self->idle);
    pthread_mutex_destroy(&self->mu);
    free(self);
}

void fr_channel_free(struct fr_channel *self)
{
    if (self == NULL) {
        return;
    }
    pthread_mutex_lock(&self->mu);
    self->closed = true;
    pthread_mutex_unlock(&self->mu);
    end_all(self, &self->waiting, FR_CANCELLED, "the channel was closed");
    end_all(self, &self->active, FR_CANCELLED, "the channel was closed");
    pthread_mutex_lock(&self->mu);
    while (self->unfinished > 0) {
        pthread_cond_wait(&self->idle, &self->mu);
    }
    pthread_mutex_unlock(&self->mu);
    for (size_t i = 0; i < self->lane_count; i++) {
        nng_aio_stop(self->lanes[i]->aio);
    }
    for (size_t i = 0; i < self->lane_count; i++) {
        nng_aio_free(self->lanes[i]->aio);
        nng_ctx_close(self->lanes[i]->ctx);
        free(self->lanes[i]);
    }
    if (nng_dialer_id(self->dialer) > 0) {
        /* Before the socket, or nng leaks it when it is just connecting. */
        nng_dialer_close(self->dialer);
    }
    fr_nng_close(self->socket, free_memory, self);
}
