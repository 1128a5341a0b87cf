/* SPDX-License-Identifier: MIT */
/*
 * reader.c - reads one key through Redis: the driver of read_path.h.
 *
 * A read belongs to the loop thread alone; the load hands its result over by posting a task.
 */
#include "cached/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

/* A load that takes longer lets another one start; its own fill is then refused. */
#define LEASE_US           (1 * FR_SECOND_US)
#define PAUSE_INITIAL_US   (2 * FR_MILLISECOND_US)
#define PAUSE_MAX_US       (50 * FR_MILLISECOND_US)

struct fr_read {
    struct fr_task task; /* start, end of a pause, end of the load */
    struct fr_read_options options;
    struct fr_read_state state;
    struct fr_backoff pause;
    uint64_t token, floor; /* of our lease */
    /* The value at hand: a hit's is borrowed only within its callback, a loaded one is kept here. */
    struct fr_buffer payload;
    struct fr_read_result result;
    char message[FR_ERROR_MESSAGE_BYTES];
};

static void feed(struct fr_read *self, enum fr_read_event_kind event);

const char *fr_source_name(enum fr_source source)
{
    return source == FR_SOURCE_REDIS ? "redis" : "origin";
}

static struct fr_log_field key_field(const struct fr_read *self)
{
    return fr_log_text("key", self->options.key.text);
}

static void end(struct fr_read *self)
{
    self->options.done(self->options.argument, &self->result);
    fr_buffer_fini(&self->payload);
    free(self);
}

/* "user 'user-999' does not exist", for the key user:user-999. */
static void set_not_found(struct fr_read *self)
{
    const char *reference = self->options.key.text + strlen(self->options.policy->kind) + 1;
    snprintf(self->message, sizeof self->message, "%s '%.200s' does not exist", self->options.policy->kind, reference);
    self->result.code = FR_NOT_FOUND;
    self->result.message = self->message;
}

static void on_value(void *argument, const struct fr_shared_value *value)
{
    struct fr_read *self = argument;
    if (value->code != FR_OK) {
        feed(self, FR_EVENT_UNREACHABLE);
    } else if (value->granted) {
        self->floor = value->floor;
        feed(self, FR_EVENT_GRANTED);
    } else if (value->kind != FR_VALUE_NONE) {
        self->result = (struct fr_read_result){
            .code = FR_OK,
            .message = "",
            .version = value->version,
            .payload = value->payload,
            .source = FR_SOURCE_REDIS,
        };
        if (value->kind == FR_VALUE_NOT_FOUND) {
            set_not_found(self);
        }
        fr_log_request("cache hit", key_field(self), fr_log_number("version", value->version));
        feed(self, FR_EVENT_HIT);
    } else {
        feed(self, value->wait ? FR_EVENT_BUSY : FR_EVENT_MISS);
    }
}

static void on_filled(void *argument, enum fr_code code, bool stored)
{
    struct fr_read *self = argument;
    if (stored) {
        bool found = self->result.code == FR_OK;
        uint64_t ttl_us = found ? self->options.policy->ttl_us : self->options.policy->not_found_ttl_us;
        fr_log_request("cache fill", key_field(self), fr_log_number("ttl_s", ttl_us / FR_SECOND_US),
                       fr_log_number("version", self->result.version), fr_log_number("found", found));
    } else {
        fr_log_request("cache fill refused", key_field(self), fr_log_text("reason", fr_code_name(code)));
    }
    feed(self, FR_EVENT_FILLED);
}

static void fill(struct fr_read *self)
{
    bool found = self->result.code == FR_OK;
    if (!found) {
        /* Any insert from now on draws a version above the floor, so it invalidates this. */
        self->result.version = self->floor;
    }
    fr_shared_cache_fill(self->options.shared, &self->options.key, self->token,
                         found ? FR_VALUE_FOUND : FR_VALUE_NOT_FOUND, self->result.version, self->result.payload,
                         found ? self->options.policy->ttl_us : self->options.policy->not_found_ttl_us, on_filled,
                         self);
}

/* Who waited too long must not take the lease: it would load for nobody. */
static void on_paused(struct fr_task *task)
{
    struct fr_read *self = (struct fr_read *)task;
    if (self->options.deadline_us != 0 && fr_clock_now_us() >= self->options.deadline_us) {
        self->result = (struct fr_read_result){
            .code = FR_DEADLINE_EXCEEDED,
            .message = "another load of this key did not end in time",
        };
        end(self);
    } else {
        feed(self, FR_EVENT_PAUSED);
    }
}

static void on_released(void *argument, const struct fr_shared_value *value)
{
    (void)value;
    feed(argument, FR_EVENT_RELEASED);
}

static void perform(struct fr_read *self, enum fr_read_action action)
{
    switch (action) {
    case FR_READ_GET:
        fr_shared_cache_get(self->options.shared, &self->options.key, on_value, self);
        break;
    case FR_READ_LEASE:
        self->token = fr_random_u64();
        fr_shared_cache_lease(self->options.shared, &self->options.key, self->token, LEASE_US, on_value, self);
        break;
    case FR_READ_PAUSE:
        self->task.run = on_paused;
        fr_loop_post_later(self->options.loop, &self->task, fr_backoff_next_us(&self->pause));
        break;
    case FR_READ_LOAD:
        fr_log_request(self->state.leased ? "lease granted" : "cache miss", key_field(self));
        self->options.load(self, self->options.argument);
        break;
    case FR_READ_FILL:
        fill(self);
        break;
    case FR_READ_RELEASE:
        /* Whoever holds a lease is granted it again, so one of no length ends it. */
        fr_shared_cache_lease(self->options.shared, &self->options.key, self->token, 0, on_released, self);
        break;
    case FR_READ_ANSWER:
        end(self);
        break;
    }
}

static void feed(struct fr_read *self, enum fr_read_event_kind event)
{
    perform(self, fr_read_step(&self->state, event));
}

static void on_started(struct fr_task *task)
{
    feed((struct fr_read *)task, FR_EVENT_START);
}

void fr_read_start(const struct fr_read_options *options)
{
    struct fr_read *self = calloc(1, sizeof *self);
    if (self == NULL) {
        struct fr_read_result result = {.code = FR_RESOURCE_EXHAUSTED, .message = "out of memory"};
        options->done(options->argument, &result);
        return;
    }
    self->options = *options;
    self->state.role = options->role;
    self->pause = (struct fr_backoff){.initial_us = PAUSE_INITIAL_US, .max_us = PAUSE_MAX_US};
    self->task.run = on_started;
    fr_loop_post(options->loop, &self->task);
}

static void on_loaded(struct fr_task *task)
{
    struct fr_read *self = (struct fr_read *)task;
    bool usable = self->result.code == FR_OK || self->result.code == FR_NOT_FOUND;
    feed(self, usable ? FR_EVENT_LOADED : FR_EVENT_LOAD_FAILED);
}

void fr_read_loaded(struct fr_read *self, const struct fr_read_result *result)
{
    fr_buffer_append(&self->payload, result->payload.data, result->payload.size);
    snprintf(self->message, sizeof self->message, "%s", result->message);
    self->result = *result;
    self->result.message = self->message;
    self->result.payload = fr_buffer_bytes(&self->payload);
    if (result->code == FR_NOT_FOUND) {
        set_not_found(self);
    }
    if (self->payload.failed) {
        self->result = (struct fr_read_result){.code = FR_RESOURCE_EXHAUSTED, .message = "out of memory"};
    }
    self->task.run = on_loaded;
    fr_loop_post(self->options.loop, &self->task);
}
