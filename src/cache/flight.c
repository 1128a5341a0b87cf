/* SPDX-License-Identifier: MIT */
/*
 * flight.c - one read of one key: the driver of read_path.h.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "cache/cache_state.h"
#include "cache/expiry.h"

/* A load that takes longer lets another one start; its own fill is then refused. */
#define LEASE_US         (1 * FR_SECOND_US)
#define PAUSE_INITIAL_US (2 * FR_MILLISECOND_US)
#define PAUSE_MAX_US     (50 * FR_MILLISECOND_US)

static struct fr_log_field key_field(const struct fr_flight *self)
{
    return fr_log_text("key", self->subject->key.text);
}

static bool is_found(const struct fr_read_result *result)
{
    return result->code == FR_OK;
}

static void set_not_found(struct fr_flight *self, struct fr_read_result *result)
{
    fr_not_found_message(self->message, sizeof self->message, self->kind, fr_key_bytes(&self->subject->key));
    result->code = FR_NOT_FOUND;
    result->message = self->message;
}

/* ---- what is kept in the near cache ---- */

static uint64_t rest_of(uint64_t life_us, uint64_t age_us)
{
    return life_us > age_us ? life_us - age_us : 0;
}

static void keep_near(struct fr_flight *self, const struct fr_read_result *result, uint64_t soft_us)
{
    if (self->cache->near == NULL || !self->kind->near || result->source == FR_SOURCE_STALE) {
        return;
    }
    uint64_t now_us = fr_clock_now_us();
    /* A value may be older than this machine's clock, which begins with it. */
    uint64_t filled_us = now_us > result->age_us ? now_us - result->age_us : 0;
    const struct fr_near_entry entry = {
        .found = is_found(result),
        .version = result->version,
        .filled_us = filled_us,
        .soft_expiry_us = now_us + rest_of(soft_us, result->age_us),
        .hard_expiry_us = now_us + rest_of(fr_kind_life_us(self->kind, is_found(result)), result->age_us),
        .payload = is_found(result) ? result->payload : (struct fr_bytes){0},
    };
    fr_near_cache_insert(self->cache->near, fr_key_bytes(&self->subject->key), self->mark, &entry, now_us);
}

static uint64_t soft_us(const struct fr_flight *self, bool found, uint64_t version)
{
    return fr_expiry_soft_us(fr_kind_ttl_us(self->kind, found), fr_key_bytes(&self->subject->key), version);
}

/* ---- what Redis answers ---- */

/* How much of its fresh time the value has left. A clock that differs from that of Redis counts as an age of 0. */
static uint64_t time_left(const struct fr_shared_value *value, uint64_t whole_us)
{
    uint64_t now_us = fr_clock_wall_us();
    if (value->soft_expiry_us == 0) {
        return whole_us;
    }
    uint64_t left_us = value->soft_expiry_us > now_us ? value->soft_expiry_us - now_us : 0;
    return left_us < whole_us ? left_us : whole_us;
}

static uint64_t age_of(const struct fr_shared_value *value, uint64_t whole_us)
{
    uint64_t now_us = fr_clock_wall_us();
    uint64_t filled_us = value->soft_expiry_us - (whole_us < value->soft_expiry_us ? whole_us : 0);
    return value->soft_expiry_us != 0 && now_us > filled_us ? now_us - filled_us : 0;
}

static bool meets_demand(const struct fr_flight *self, const struct fr_shared_value *value)
{
    return value->kind != FR_VALUE_NONE && !self->demand.no_cache && value->version >= self->demand.min_version;
}

/*
 * Keeps a value past its soft expiry, should there be no better one. Whoever asked before it was read may be answered
 * with it; others only where an event would have taken it away.
 */
static void keep_old(struct fr_flight *self, const struct fr_shared_value *value)
{
    for (struct fr_reader *reader = self->waiting.first; reader != NULL; reader = reader->next) {
        reader->beyond_old = reader->unproved;
    }
    bool found = value->kind == FR_VALUE_FOUND;
    uint64_t age_us = age_of(value, soft_us(self, found, value->version));
    self->old_kind = value->kind;
    self->old_version = value->version;
    self->old_filled_us = fr_clock_now_us() - age_us;
    fr_buffer_clear(&self->old_payload);
    fr_buffer_append(&self->old_payload, value->payload.data, value->payload.size);
    self->old_near = false;
    self->state.old = !self->old_payload.failed && !self->closed;
}

/*
 * The same for an entry of the near cache, where Redis has nothing that serves: it may have lost its record. An entry
 * that is still there was not invalidated, as far as a whole subscription tells.
 */
static void keep_old_near(struct fr_flight *self)
{
    struct fr_near_hit hit;
    if (self->cache->near == NULL || !self->kind->near ||
        !fr_near_cache_peek(self->cache->near, fr_key_bytes(&self->subject->key), fr_clock_now_us(), &hit)) {
        return;
    }
    self->old_kind = hit.found ? FR_VALUE_FOUND : FR_VALUE_NOT_FOUND;
    self->old_version = hit.version;
    self->old_filled_us = hit.filled_us;
    fr_buffer_clear(&self->old_payload);
    fr_buffer_append(&self->old_payload, hit.payload.data, hit.payload.size);
    fr_near_hit_release(&hit);
    self->state.old = self->old_near = !self->old_payload.failed;
}

/* What came from the near cache is subject to its rule: it serves only while the subscription is proved whole. */
static bool may_answer_old(const struct fr_flight *self)
{
    return !self->old_near || fr_clock_now_us() < fr_shared_cache_serves_until(self->cache->shared);
}

/* The value is fresh for whole_us, of which left_us are left. */
static void take_hit(struct fr_flight *self, const struct fr_shared_value *value, uint64_t whole_us, uint64_t left_us)
{
    bool found = value->kind == FR_VALUE_FOUND;
    uint64_t ttl_us = fr_kind_ttl_us(self->kind, found);
    uint64_t load_us = atomic_load_explicit(&self->kind->load_us, memory_order_relaxed);
    self->result = (struct fr_read_result){
        .code = FR_OK,
        .message = "",
        .version = value->version,
        .age_us = age_of(value, whole_us),
        .payload = value->payload,
        .source = FR_SOURCE_REDIS,
    };
    if (!found) {
        set_not_found(self, &self->result);
    }
    /* With none left our clock is ahead of that of Redis, which says that the value is fresh. */
    self->early = !self->refresh && !self->state.only_cached && left_us > 0 &&
                  fr_expiry_is_early(left_us, ttl_us, load_us, fr_random_u64());
    keep_near(self, &self->result, whole_us);
    fr_log_request("cache hit", key_field(self), fr_log_number("version", value->version),
                   fr_log_text("source", "redis"));
    fr_flight_feed(self, FR_EVENT_HIT);
}

/* A refresh takes only what somebody else has just refreshed. */
static bool is_fresh(const struct fr_flight *self, const struct fr_shared_value *value, uint64_t left_us)
{
    uint64_t ttl_us = fr_kind_ttl_us(self->kind, value->kind == FR_VALUE_FOUND);
    return left_us > 0 && (!self->refresh || fr_expiry_is_far(left_us, ttl_us, UINT64_MAX));
}

/* The read of Redis has ended; false: without an answer, and the flight goes on without Redis. */
static bool has_answered(struct fr_flight *self, const struct fr_shared_value *value)
{
    self->reading = false;
    if (value->code != FR_OK) {
        fr_count(self->cache, FR_COUNT_REDIS_FAILURES, 1);
        fr_flight_feed(self, FR_EVENT_UNREACHABLE);
        return false;
    }
    return true;
}

/* Once, though a GET may be followed by a LEASE, and that by others. Who wants it loaded anyhow has missed nothing. */
static void count_miss(struct fr_flight *self)
{
    fr_count(self->cache, FR_COUNT_MISSES, !self->missed && !self->demand.no_cache);
    self->missed = true;
}

static void on_get(void *argument, const struct fr_shared_value *value)
{
    struct fr_flight *self = argument;
    if (!has_answered(self, value)) {
        return;
    }
    if (!meets_demand(self, value)) {
        count_miss(self);
        fr_flight_feed(self, FR_EVENT_MISS);
        return;
    }
    bool found = value->kind == FR_VALUE_FOUND;
    uint64_t whole_us = soft_us(self, found, value->version), left_us = time_left(value, whole_us);
    if (is_fresh(self, value, left_us)) {
        take_hit(self, value, whole_us, left_us);
    } else {
        count_miss(self);
        keep_old(self, value);
        fr_flight_feed(self, FR_EVENT_OLD);
    }
}

static void on_lease(void *argument, const struct fr_shared_value *value)
{
    struct fr_flight *self = argument;
    if (!has_answered(self, value)) {
        return;
    }
    if (!value->granted && !value->wait) {
        uint64_t whole_us = soft_us(self, value->kind == FR_VALUE_FOUND, value->version);
        take_hit(self, value, whole_us, time_left(value, whole_us));
        return;
    }
    count_miss(self);
    /* What was kept before does not serve any more, if it does not now. */
    self->state.old = self->state.old && value->kind != FR_VALUE_NONE;
    if (meets_demand(self, value)) {
        keep_old(self, value);
    }
    if (value->granted) {
        self->floor = value->floor;
        fr_count(self->cache, FR_COUNT_LEASES_GRANTED, 1);
        fr_count(self->cache, FR_COUNT_LEASES_TAKEN_OVER, self->state.pauses > 0);
        fr_flight_feed(self, FR_EVENT_GRANTED);
    } else {
        fr_count(self->cache, FR_COUNT_LEASES_WAITED, 1);
        fr_flight_feed(self, FR_EVENT_BUSY);
    }
}

/* An INVALIDATE may have come during the load: the old value serves only if Redis still has one that does. */
static void on_released(void *argument, const struct fr_shared_value *value)
{
    struct fr_flight *self = argument;
    self->reading = false;
    if (value->code == FR_OK && self->state.old && !self->old_near) {
        self->state.old = false;
        if (value->kind != FR_VALUE_NONE) {
            keep_old(self, value);
        }
    }
    fr_flight_feed(self, FR_EVENT_RELEASED);
}

/* ---- loads and fills ---- */

void fr_flight_begin_reading(struct fr_flight *self)
{
    self->reading = true;
    self->closed = self->filling = false;
    self->demand = (struct fr_demand){.no_cache = self->refresh && self->state.refresh};
    for (struct fr_reader *reader = self->waiting.first; reader != NULL; reader = reader->next) {
        reader->late = reader->unproved = reader->barred = false;
        self->demand.no_cache = self->demand.no_cache || reader->demand.no_cache;
        if (reader->demand.min_version > self->demand.min_version) {
            self->demand.min_version = reader->demand.min_version;
        }
    }
    if (self->cache->near != NULL && self->kind->near) {
        self->mark = fr_near_cache_mark(self->cache->near, fr_key_bytes(&self->subject->key));
    }
}

static bool is_unreachable(enum fr_code code)
{
    return code == FR_UNAVAILABLE || code == FR_DEADLINE_EXCEEDED || code == FR_RESOURCE_EXHAUSTED ||
           code == FR_INTERNAL || code == FR_UNKNOWN || code == FR_CANCELLED;
}

void fr_flight_fail_load(struct fr_flight *self, const struct fr_read_result *failure)
{
    self->reading = false;
    self->result = *failure;
    fr_flight_feed(self, is_unreachable(failure->code) ? FR_EVENT_LOAD_FAILED : FR_EVENT_LOAD_REFUSED);
}

void fr_flight_loaded(struct fr_flight *self)
{
    const struct fr_read_result *result = &self->loading->result;
    bool loads_itself = self->kind->options.role != FR_READ_CONSUMER;
    if (result->code != FR_OK && result->code != FR_NOT_FOUND) {
        fr_count(self->cache, FR_COUNT_LOAD_FAILURES, 1);
        fr_flight_fail_load(self, result);
        return;
    }
    self->result = *result;
    self->loaded = true;
    if (loads_itself) {
        self->result.source = FR_SOURCE_ORIGIN;
        self->result.age_us = fr_clock_now_us() - self->loading->started_us;
    }
    if (!is_found(result)) {
        set_not_found(self, &self->result);
        if (loads_itself) {
            /* Any insert from now on draws a version above the floor, so it invalidates this. */
            self->result.version = self->state.leased ? self->floor : 0;
        }
    }
    keep_near(self, &self->result, soft_us(self, is_found(result), self->result.version));
    fr_flight_feed(self, FR_EVENT_LOADED);
}

static void on_filled(void *argument, enum fr_code code, bool stored)
{
    struct fr_flight *self = argument;
    bool found = is_found(&self->result);
    self->filled = stored;
    fr_count(self->cache, stored ? FR_COUNT_FILLS : FR_COUNT_REFUSED_FILLS, 1);
    if (stored) {
        fr_log_request("cache fill", key_field(self),
                       fr_log_number("ttl_s", fr_kind_ttl_us(self->kind, found) / FR_SECOND_US),
                       fr_log_number("version", self->result.version), fr_log_number("found", found));
    } else {
        fr_log_request("cache fill refused", key_field(self), fr_log_text("reason", fr_code_name(code)));
    }
    fr_flight_feed(self, FR_EVENT_FILLED);
}

static void fill(struct fr_flight *self)
{
    bool found = is_found(&self->result);
    self->filling = true;
    const struct fr_fill fill = {
        .token = self->token,
        .kind = found ? FR_VALUE_FOUND : FR_VALUE_NOT_FOUND,
        .version = self->result.version,
        .payload = self->result.payload,
        .soft_us = soft_us(self, found, self->result.version),
        .hard_us = fr_kind_life_us(self->kind, found),
    };
    fr_shared_cache_fill(self->cache->shared, &self->subject->key, &fill, on_filled, self);
}

/* ---- waiting for somebody else's load ---- */

/* Who waited too long must not take the lease: it would load for nobody. */
static void on_paused(struct fr_task *task)
{
    struct fr_flight *self = (struct fr_flight *)task;
    bool late = self->waiting.first == NULL || self->cache->stopping ||
                fr_clock_now_us() >= self->started_us + fr_loads_patience_us(self);
    if (late) {
        self->result = (struct fr_read_result){
            .code = FR_DEADLINE_EXCEEDED,
            .message = "another load of this key did not end in time",
        };
    }
    fr_flight_feed(self, late ? FR_EVENT_LATE : FR_EVENT_PAUSED);
}

static void pause_flight(struct fr_flight *self)
{
    if (self->pause.initial_us == 0) {
        self->pause = (struct fr_backoff){.initial_us = PAUSE_INITIAL_US, .max_us = PAUSE_MAX_US};
    }
    fr_group_leave(self);
    self->task.run = on_paused;
    fr_loop_post_later(self->cache->loop, &self->task, fr_backoff_next_us(&self->pause));
}

/* ---- the end ---- */

static void answer_old(struct fr_flight *self)
{
    struct fr_read_result failure = self->result;
    if (!may_answer_old(self)) {
        fr_flight_end(self, &failure, &failure);
        return;
    }
    char message[FR_ERROR_MESSAGE_BYTES];
    snprintf(message, sizeof message, "%s", failure.message);
    failure.message = message;
    self->result = (struct fr_read_result){
        .code = FR_OK,
        .message = "",
        .version = self->old_version,
        .age_us = fr_clock_now_us() - self->old_filled_us,
        .payload = fr_buffer_bytes(&self->old_payload),
        .source = FR_SOURCE_STALE,
    };
    if (self->old_kind == FR_VALUE_NOT_FOUND) {
        set_not_found(self, &self->result);
    }
    fr_log_request("cache stale", key_field(self), fr_log_number("version", self->old_version),
                   fr_log_text("error", message));
    fr_flight_end(self, &self->result, &failure);
}

static void answer_none(struct fr_flight *self)
{
    snprintf(self->message, sizeof self->message, "'%.200s' is not cached", self->subject->key.text);
    self->result = (struct fr_read_result){.code = FR_FAILED_PRECONDITION, .message = self->message};
    fr_flight_end(self, &self->result, &self->result);
}

static void lease(struct fr_flight *self)
{
    self->token = fr_random_u64();
    fr_flight_begin_reading(self);
    const struct fr_lease lease = {
        .token = self->token,
        .duration_us = LEASE_US,
        .min_version = self->demand.no_cache ? FR_VERSION_MAX : self->demand.min_version,
    };
    fr_shared_cache_lease(self->cache->shared, &self->subject->key, &lease, on_lease, self);
}

static void perform(struct fr_flight *self, enum fr_read_action action)
{
    switch (action) {
    case FR_READ_GET:
        fr_flight_begin_reading(self);
        self->demand.no_cache = false; /* a refresh looks too */
        fr_shared_cache_get(self->cache->shared, &self->subject->key, on_get, self);
        break;
    case FR_READ_LEASE:
        lease(self);
        break;
    case FR_READ_PAUSE:
        pause_flight(self);
        break;
    case FR_READ_LOAD:
        fr_log_request(self->state.leased ? "lease granted" : "cache miss", key_field(self));
        if (!self->state.old) {
            keep_old_near(self);
        }
        fr_loads_want(self);
        break;
    case FR_READ_FILL:
        fill(self);
        break;
    case FR_READ_RELEASE: {
        /* Whoever holds a lease is granted it again, so one of no length ends it. It tells what serves, too. */
        fr_flight_begin_reading(self);
        const struct fr_lease none = {.token = self->token, .min_version = FR_VERSION_MAX};
        fr_shared_cache_lease(self->cache->shared, &self->subject->key, &none, on_released, self);
        break;
    }
    case FR_READ_ANSWER:
        fr_flight_end(self, &self->result, &self->result);
        break;
    case FR_READ_ANSWER_OLD:
        answer_old(self);
        break;
    case FR_READ_ANSWER_NONE:
        answer_none(self);
        break;
    }
}

void fr_flight_feed(struct fr_flight *self, enum fr_read_event_kind event)
{
    perform(self, fr_read_step(&self->state, event));
}
