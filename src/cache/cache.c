/* SPDX-License-Identifier: MIT */
/*
 * cache.c - get or load: the life of a cache, and what other threads ask of it.
 */
#include "cache/cache.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/log.h"
#include "base/random.h"
#include "cache/cache_metrics.h"
#include "cache/cache_state.h"
#include "cache/expiry.h"

#define DEFAULT_MAX_LOADS         1024
#define DEFAULT_MAX_WAITING_LOADS 65536

const char *fr_source_name(enum fr_source source)
{
    static const char *const names[] = {
        [FR_SOURCE_NEAR] = "near",
        [FR_SOURCE_REDIS] = "redis",
        [FR_SOURCE_ORIGIN] = "origin",
        [FR_SOURCE_STALE] = "stale",
    };
    return names[source];
}

/* ---- what Redis reports ---- */

/* Clocks of machines differ: what was committed in the future has just been committed. */
static void note_delay(struct fr_cache *self, uint64_t commit_time_us)
{
    uint64_t now_us = fr_clock_wall_us();
    if (self->invalidation_delays != NULL && commit_time_us != 0) {
        fr_distribution_record(self->invalidation_delays, now_us > commit_time_us ? now_us - commit_time_us : 0);
    }
}

static void on_invalidation(void *argument, const struct fr_invalidation_event *event)
{
    struct fr_cache *self = argument;
    fr_count(self, FR_COUNT_INVALIDATIONS_RECEIVED, 1);
    if (self->near != NULL) {
        fr_count(self, FR_COUNT_INVALIDATIONS_APPLIED, fr_near_cache_invalidate(self->near, event->key, event->version));
    }
    fr_flights_close(self, event->key);
    note_delay(self, event->commit_time_us);
    if (self->options.on_invalidation != NULL) {
        self->options.on_invalidation(self->options.argument, event->key, event->version, event->number);
    }
}

static void on_drop(void *argument, enum fr_drop_cause cause)
{
    struct fr_cache *self = argument;
    fr_count(self, (enum fr_cache_count)(FR_COUNT_DROPS + (unsigned)cause), 1);
    if (self->near != NULL) {
        fr_near_cache_drop(self->near);
    }
    fr_flights_close(self, (struct fr_bytes){0});
}

static void on_connection(void *argument, bool connected)
{
    struct fr_cache *self = argument;
    if (self->options.on_connection != NULL) {
        self->options.on_connection(self->options.argument, connected);
    }
}

/* ---- the life of a cache ---- */

static enum fr_code open_parts(struct fr_cache *self, const struct fr_cache_options *options, struct fr_error *reterr)
{
    const struct fr_shared_cache_options shared = {
        .url = options->url,
        .name_space = options->name_space,
        .command_timeout_us = options->command_timeout_us,
        .on_invalidation = self->options.subscribe ? on_invalidation : NULL,
        .on_drop = on_drop,
        .on_connection = on_connection,
        .argument = self,
    };
    enum fr_code code = FR_OK;
    if (options->near_bytes > 0) {
        code = fr_near_cache_new(&(struct fr_near_cache_options){.bytes = options->near_bytes}, &self->near, reterr);
    }
    if (code == FR_OK) {
        code = fr_loop_new(&self->loop, reterr);
    }
    if (code == FR_OK && options->turn_end != NULL) {
        fr_loop_set_turn_end(self->loop, options->turn_end);
    }
    if (code == FR_OK) {
        code = fr_shared_cache_new(self->loop, &shared, &self->shared, reterr);
    }
    if (code == FR_OK && options->metrics != NULL) {
        code = fr_cache_metrics_add(options->metrics, self, reterr);
    }
    return code;
}

static void stop_loads(struct fr_task *task)
{
    struct fr_cache *self = FR_CONTAINER(task, struct fr_cache, stop);
    self->stopping = true;
    fr_loads_stop(self);
    pthread_mutex_lock(&self->mu);
    self->stopped = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mu);
    fr_cache_settle(self);
}

void fr_cache_settle(struct fr_cache *self)
{
    if (!self->stopping || self->newest != NULL || fr_counted(self, FR_COUNT_LOADING) > 0) {
        return;
    }
    pthread_mutex_lock(&self->mu);
    self->idle = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mu);
}

enum fr_code fr_cache_new(const struct fr_cache_options *options, struct fr_cache **ret_cache, struct fr_error *reterr)
{
    if (options->url == NULL) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "a cache needs the url of its Redis");
    }
    struct fr_cache *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return fr_error_no_memory(reterr);
    }
    self->options = *options;
    self->options.url = self->options.name_space = NULL;
    self->options.subscribe = options->subscribe || options->near_bytes > 0;
    self->options.max_loads = options->max_loads != 0 ? options->max_loads : DEFAULT_MAX_LOADS;
    self->options.max_waiting_loads =
        options->max_waiting_loads != 0 ? options->max_waiting_loads : DEFAULT_MAX_WAITING_LOADS;
    self->secret = (struct fr_siphash_secret){.low = fr_random_u64(), .high = fr_random_u64()};
    self->sweep.run = fr_flights_sweep;
    self->stop.run = stop_loads;
    pthread_mutex_init(&self->mu, NULL);
    pthread_cond_init(&self->changed, NULL);
    enum fr_code code = open_parts(self, options, reterr);
    if (code == FR_OK) {
        *ret_cache = self;
    } else {
        fr_cache_free(self);
    }
    return code;
}

void fr_cache_stop(struct fr_cache *self)
{
    fr_loop_post(self->loop, &self->stop);
    pthread_mutex_lock(&self->mu);
    while (!self->stopped) {
        pthread_cond_wait(&self->changed, &self->mu);
    }
    pthread_mutex_unlock(&self->mu);
}

static void end_reads(struct fr_cache *self)
{
    pthread_mutex_lock(&self->mu);
    bool stopped = self->stopped;
    pthread_mutex_unlock(&self->mu);
    if (!stopped) {
        fr_cache_stop(self);
    }
    pthread_mutex_lock(&self->mu);
    while (!self->idle) {
        pthread_cond_wait(&self->changed, &self->mu);
    }
    pthread_mutex_unlock(&self->mu);
}

void fr_cache_free(struct fr_cache *self)
{
    if (self == NULL) {
        return;
    }
    if (self->loop != NULL) {
        end_reads(self);
    }
    if (self->options.metrics != NULL) {
        fr_cache_metrics_remove(self->options.metrics, self);
    }
    fr_shared_cache_free(self->shared);
    fr_loop_free(self->loop);
    fr_near_cache_free(self->near);
    while (self->kinds != NULL) {
        struct fr_cache_kind *kind = self->kinds;
        self->kinds = kind->next;
        free(kind);
    }
    pthread_mutex_destroy(&self->mu);
    pthread_cond_destroy(&self->changed);
    free(self);
}

struct fr_loop *fr_cache_loop(const struct fr_cache *self)
{
    return self->loop;
}

struct fr_shared_cache *fr_cache_shared(const struct fr_cache *self)
{
    return self->shared;
}

struct fr_near_cache *fr_cache_near(const struct fr_cache *self)
{
    return self->near;
}

/* ---- reads ---- */

void fr_readers_add(struct fr_readers *self, struct fr_reader *reader)
{
    reader->next = NULL;
    *(self->last != NULL ? &self->last->next : &self->first) = reader;
    self->last = reader;
}

/* NULL: no memory. */
static struct fr_reader *new_reader(const struct fr_cache_read *read)
{
    size_t head = offsetof(struct fr_reader, key.text) + read->key->size + 1;
    struct fr_reader *reader = malloc(head + read->request.size);
    if (reader == NULL) {
        return NULL;
    }
    memset(reader, 0, offsetof(struct fr_reader, key));
    reader->refs = 1;
    reader->kind = read->kind;
    reader->demand = read->demand;
    reader->deadline_us = read->deadline_us;
    reader->done = read->done;
    reader->is_gone = read->is_gone;
    reader->argument = read->argument;
    reader->key.size = read->key->size;
    memcpy(reader->key.text, read->key->text, (size_t)read->key->size + 1);
    uint8_t *request = (uint8_t *)reader + head;
    if (read->request.size > 0) {
        memcpy(request, read->request.data, read->request.size);
    }
    reader->request = (struct fr_bytes){.data = request, .size = read->request.size};
    return reader;
}

void fr_reader_unref(struct fr_reader *self)
{
    if (--self->refs == 0) {
        free(self);
    }
}

void fr_cache_reads_add(struct fr_cache_reads *self, const struct fr_cache_read *read)
{
    FR_ASSERT(read->done != NULL); /* or it would be taken for a refresh */
    struct fr_reader *reader = new_reader(read);
    if (reader == NULL) {
        const struct fr_read_result result = {.code = FR_RESOURCE_EXHAUSTED, .message = "out of memory"};
        read->done(read->argument, &result);
        return;
    }
    struct fr_readers list = {.first = self->first, .last = self->last};
    fr_readers_add(&list, reader);
    *self = (struct fr_cache_reads){.first = list.first, .last = list.last};
}

static void begin_reads(struct fr_task *task)
{
    struct fr_reader *first = FR_CONTAINER(task, struct fr_reader, task), *last = first;
    while (last->next != NULL) {
        last = last->next;
    }
    fr_flights_begin(first->cache, (struct fr_readers){.first = first, .last = last});
}

void fr_cache_reads_start(struct fr_cache_reads *self, struct fr_cache *cache)
{
    struct fr_reader *first = self->first;
    *self = (struct fr_cache_reads){0};
    if (first != NULL) {
        first->cache = cache;
        first->task.run = begin_reads;
        fr_loop_post(cache->loop, &first->task);
    }
}

static void start_alone(struct fr_cache *self, struct fr_reader *reader)
{
    fr_cache_reads_start(&(struct fr_cache_reads){.first = reader, .last = reader}, self);
}

static void start_read(struct fr_cache *self, const struct fr_cache_read *read)
{
    struct fr_cache_reads reads = {0};
    fr_cache_reads_add(&reads, read);
    fr_cache_reads_start(&reads, self);
}

/* On the stack of who waits. */
struct waiter {
    const struct fr_cache_read *read;
    pthread_mutex_t mu;
    pthread_cond_t ended;
    bool has_ended; /* guarded by mu */
};

static void end_wait(void *argument, const struct fr_read_result *result)
{
    struct waiter *self = argument;
    self->read->done(self->read->argument, result);
    pthread_mutex_lock(&self->mu);
    self->has_ended = true;
    pthread_cond_signal(&self->ended);
    pthread_mutex_unlock(&self->mu);
}

static bool has_waiter_gone(void *argument)
{
    struct waiter *self = argument;
    return self->read->is_gone(self->read->argument);
}

static void read_and_wait(struct fr_cache *self, const struct fr_cache_read *read)
{
    struct waiter waiter = {.read = read};
    struct fr_cache_read waited = *read;
    waited.done = end_wait;
    waited.is_gone = read->is_gone != NULL ? has_waiter_gone : NULL;
    waited.argument = &waiter;
    pthread_mutex_init(&waiter.mu, NULL);
    pthread_cond_init(&waiter.ended, NULL);
    start_read(self, &waited);
    pthread_mutex_lock(&waiter.mu);
    while (!waiter.has_ended) {
        pthread_cond_wait(&waiter.ended, &waiter.mu);
    }
    pthread_mutex_unlock(&waiter.mu);
    pthread_mutex_destroy(&waiter.mu);
    pthread_cond_destroy(&waiter.ended);
}

void fr_cache_get(struct fr_cache *self, const struct fr_cache_read *read)
{
    struct fr_cache_hit hit;
    FR_ASSERT(read->done != NULL);
    if (fr_cache_get_near(self, read, &hit)) {
        read->done(read->argument, &hit.result);
        fr_cache_hit_release(&hit);
    } else if (read->wait) {
        read_and_wait(self, read);
    } else {
        start_read(self, read);
    }
}

/* ---- the near cache ---- */

/* Has the value loaded anew in the background, if the draw says so. */
static void refresh_early(struct fr_cache *self, const struct fr_cache_read *read, const struct fr_near_hit *hit,
                          uint64_t now_us)
{
    uint64_t load_us = atomic_load_explicit(&read->kind->load_us, memory_order_relaxed);
    uint64_t ttl_us = fr_kind_ttl_us(read->kind, hit->found), left_us = hit->soft_expiry_us - now_us;
    if (fr_expiry_is_far(left_us, ttl_us, load_us) || read->demand.only_cached ||
        !fr_expiry_is_early(left_us, ttl_us, load_us, fr_random_u64())) {
        return;
    }
    struct fr_cache_read refresh = {.kind = read->kind, .key = read->key, .request = read->request};
    struct fr_reader *reader = new_reader(&refresh);
    if (reader != NULL) {
        start_alone(self, reader);
    }
}

static void describe(const struct fr_cache_read *read, uint64_t now_us, struct fr_cache_hit *hit)
{
    hit->result = (struct fr_read_result){
        .code = FR_OK,
        .message = "",
        .version = hit->near.version,
        .age_us = now_us > hit->near.filled_us ? now_us - hit->near.filled_us : 0,
        .payload = hit->near.payload,
        .source = FR_SOURCE_NEAR,
    };
    if (!hit->near.found) {
        fr_not_found_message(hit->message, sizeof hit->message, read->kind, fr_key_bytes(read->key));
        hit->result.code = FR_NOT_FOUND;
        hit->result.message = hit->message;
    }
}

/* The clock is read after the look-up: a thread that slept in between has lost its hit. */
bool fr_cache_get_near(struct fr_cache *self, const struct fr_cache_read *read, struct fr_cache_hit *ret_hit)
{
    struct fr_bytes key = fr_key_bytes(read->key);
    struct fr_near_hit *near = &ret_hit->near;
    if (self->near == NULL || !read->kind->near || read->demand.no_cache) {
        return false;
    }
    uint64_t serves_until_us = fr_shared_cache_serves_until(self->shared);
    if (serves_until_us == 0 || !fr_near_cache_get(self->near, key, 0, near)) {
        return false;
    }
    uint64_t now_us = fr_clock_now_us();
    if (now_us >= serves_until_us || now_us >= near->soft_expiry_us || near->version < read->demand.min_version) {
        bool gone = now_us >= near->hard_expiry_us;
        fr_near_hit_release(near);
        fr_count(self, FR_COUNT_NEAR_PASSED_OVER, 1);
        if (gone && fr_near_cache_get(self->near, key, now_us, near)) {
            fr_near_hit_release(near); /* somebody has just filled it; otherwise the look-up removed it */
        }
        return false;
    }
    refresh_early(self, read, near, now_us);
    describe(read, now_us, ret_hit);
    fr_log_request("cache hit", fr_log_text("key", read->key->text), fr_log_number("version", near->version),
                   fr_log_text("source", "near"));
    return true;
}

void fr_cache_hit_release(struct fr_cache_hit *hit)
{
    fr_near_hit_release(&hit->near);
}

/* ---- invalidations ---- */

struct invalidation {
    struct fr_event_wait wait; /* its task is that of the start too */
    struct fr_cache *cache;
    struct fr_key key;
    uint64_t version, time_us;
    enum fr_code code;
    void (*done)(void *argument, enum fr_code code);
    void *argument;
};

static void tell(struct fr_task *task)
{
    struct invalidation *self = FR_CONTAINER(task, struct invalidation, wait.task);
    if (self->done != NULL) {
        self->done(self->argument, self->code);
    }
    free(self);
}

/* What has been read or kept since the start may be from before INVALIDATE ran. */
static void on_invalidated(void *argument, enum fr_code code, struct fr_event_id event)
{
    struct invalidation *self = argument;
    fr_flights_close(self->cache, fr_key_bytes(&self->key));
    self->code = code;
    self->wait = (struct fr_event_wait){.task.run = tell, .event = event, .told_us = fr_clock_now_us()};
    if (code != FR_OK || fr_shared_cache_await(self->cache->shared, &self->wait)) {
        tell(&self->wait.task);
    }
}

static void invalidate(struct fr_task *task)
{
    struct invalidation *self = FR_CONTAINER(task, struct invalidation, wait.task);
    fr_flights_close(self->cache, fr_key_bytes(&self->key));
    const struct fr_invalidation what = {.key = &self->key, .version = self->version, .commit_time_us = self->time_us};
    fr_shared_cache_invalidate(self->cache->shared, &what, on_invalidated, self);
}

void fr_cache_invalidate(struct fr_cache *self, const struct fr_key *key, uint64_t version,
                         void (*done)(void *argument, enum fr_code code), void *argument)
{
    struct invalidation *invalidation = malloc(sizeof *invalidation);
    if (self->near != NULL) {
        fr_near_cache_invalidate(self->near, fr_key_bytes(key), version);
    }
    if (invalidation == NULL) {
        if (done != NULL) {
            done(argument, FR_UNAVAILABLE);
        }
        return;
    }
    *invalidation = (struct invalidation){
        .wait.task.run = invalidate,
        .cache = self,
        .key = *key,
        .version = version,
        .time_us = fr_clock_wall_us(),
        .done = done,
        .argument = argument,
    };
    fr_loop_post(self->loop, &invalidation->wait.task);
}

static void end_wait_for_event(struct fr_task *task)
{
    struct fr_cache_wait *self = FR_CONTAINER(task, struct fr_cache_wait, wait.task);
    self->done(self);
}

/*
 * A subscription that is not whole may never deliver the event, and so not close the flights that began before the
 * invalidation.
 */
static void begin_wait_for_event(struct fr_task *task)
{
    struct fr_cache_wait *self = FR_CONTAINER(task, struct fr_cache_wait, wait.task);
    if (fr_shared_cache_serves_until(self->cache->shared) == 0) {
        fr_flights_close(self->cache, (struct fr_bytes){0});
    }
    task->run = end_wait_for_event;
    if (fr_shared_cache_await(self->cache->shared, &self->wait)) {
        end_wait_for_event(task);
    }
}

void fr_cache_after(struct fr_cache *self, struct fr_event_id event, struct fr_cache_wait *wait)
{
    if (fr_shared_cache_heard(self->shared, event)) {
        wait->done(wait);
        return;
    }
    wait->cache = self;
    wait->wait = (struct fr_event_wait){.task.run = begin_wait_for_event, .event = event, .told_us = fr_clock_now_us()};
    fr_loop_post(self->loop, &wait->wait.task);
}
