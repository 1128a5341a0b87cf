/* SPDX-License-Identifier: MIT */
/*
 * flights.c - joins those who ask for one key into one flight, and answers them at its end.
 *
 * Who joins while something is being read below may get what was read before it asked. For a process that hears
 * invalidations that is no more than what its near cache may show: a flight is closed to newcomers as soon as its key is
 * invalidated. An origin answers processes that keep what they get, and hears none; there only a fill that Redis took,
 * which proves that nothing was invalidated until then, answers those who joined before it was sent.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/container.h"
#include "cache/cache_state.h"

#define SWEEP_US (10 * FR_MILLISECOND_US)

/* ---- the table ---- */

static unsigned bucket_of(const struct fr_cache *self, struct fr_bytes key)
{
    return fr_siphash(self->secret, key) % FR_FLIGHT_BUCKETS;
}

static struct fr_flight *find(const struct fr_cache *self, const struct fr_reader *reader, unsigned bucket)
{
    struct fr_flight *flight = self->buckets[bucket];
    while (flight != NULL && (flight->kind != reader->kind ||
                              !fr_bytes_equal(fr_key_bytes(&flight->subject->key), fr_key_bytes(&reader->key)))) {
        flight = flight->next_in_bucket;
    }
    return flight;
}

static void link_flight(struct fr_flight *flight)
{
    struct fr_cache *self = flight->cache;
    flight->older = self->newest;
    if (self->newest != NULL) {
        self->newest->newer = flight;
    }
    self->newest = flight;
    if (flight->shared) {
        struct fr_flight **bucket = &self->buckets[flight->bucket];
        flight->next_in_bucket = *bucket;
        *bucket = flight;
    }
    fr_count(self, FR_COUNT_FLIGHTS, 1);
}

void fr_flight_unshare(struct fr_flight *flight)
{
    if (flight->shared) {
        struct fr_flight **at = &flight->cache->buckets[flight->bucket];
        while (*at != flight) {
            at = &(*at)->next_in_bucket;
        }
        *at = flight->next_in_bucket;
        flight->shared = false;
    }
}

static void unlink_flight(struct fr_flight *flight)
{
    struct fr_cache *self = flight->cache;
    *(flight->newer != NULL ? &flight->newer->older : &self->newest) = flight->older;
    if (flight->older != NULL) {
        flight->older->newer = flight->newer;
    }
    fr_flight_unshare(flight);
    fr_count(self, FR_COUNT_FLIGHTS, UINT64_MAX); /* one less */
}

/* ---- answers ---- */

static void count_answer(struct fr_cache *self, const struct fr_read_result *result)
{
    static const enum fr_cache_count counts[] = {
        [FR_SOURCE_NEAR] = FR_COUNT_ORIGIN, /* of a loader with a near cache */
        [FR_SOURCE_REDIS] = FR_COUNT_REDIS_HITS,
        [FR_SOURCE_ORIGIN] = FR_COUNT_ORIGIN,
        [FR_SOURCE_STALE] = FR_COUNT_STALE,
    };
    if (result->code == FR_OK || result->code == FR_NOT_FOUND) {
        fr_count(self, counts[result->source], 1);
    }
}

static void answer(struct fr_flight *flight, struct fr_reader *reader, const struct fr_read_result *result)
{
    if (reader->done != NULL) {
        count_answer(flight->cache, result);
        reader->done(reader->argument, result);
    }
    fr_reader_unref(reader);
}

static bool is_value(const struct fr_read_result *result)
{
    return result->code == FR_OK || result->code == FR_NOT_FOUND;
}

/* Whether this reader may be answered with what the flight came to. Every error is an answer. */
static bool is_content(const struct fr_flight *flight, const struct fr_reader *reader,
                       const struct fr_read_result *result)
{
    bool stale = result->source == FR_SOURCE_STALE;
    if (!is_value(result)) {
        return true;
    }
    if (stale && !flight->loaded) {
        return !reader->beyond_old;
    }
    if (reader->barred || (reader->unproved && !flight->filled)) {
        return false;
    }
    if (stale) {
        return true; /* who demands more is told why there is none */
    }
    if (reader->demand.no_cache) {
        return !reader->late && flight->loaded && flight->demand.no_cache;
    }
    return result->version >= reader->demand.min_version || (flight->loaded && !reader->late);
}

/* A stale value does not do for who demands more; then it is told why there is none. */
static const struct fr_read_result *for_reader(const struct fr_reader *reader, const struct fr_read_result *result,
                                               const struct fr_read_result *failure)
{
    bool too_old = result->source == FR_SOURCE_STALE && is_value(result) &&
                   (reader->demand.no_cache || result->version < reader->demand.min_version);
    return too_old ? failure : result;
}

/* The answered subject asks again, in the background. */
static void begin_refresh(struct fr_flight *flight, struct fr_readers *rest)
{
    struct fr_reader *subject = flight->subject;
    if (subject->refs > 1) {
        return; /* it waits itself */
    }
    subject->refs++;
    subject->done = NULL;
    subject->is_gone = NULL;
    subject->demand = (struct fr_demand){0};
    subject->deadline_us = 0;
    fr_readers_add(rest, subject);
}

static void free_flight(struct fr_flight *flight)
{
    fr_reader_unref(flight->subject);
    fr_loading_free(flight->loading);
    fr_buffer_fini(&flight->old_payload);
    free(flight);
}

void fr_flight_end(struct fr_flight *flight, const struct fr_read_result *result, const struct fr_read_result *failure)
{
    struct fr_cache *self = flight->cache;
    struct fr_readers rest = {0};
    fr_group_leave(flight);
    unlink_flight(flight);
    struct fr_reader *reader = flight->waiting.first;
    while (reader != NULL) {
        struct fr_reader *next = reader->next;
        if (is_content(flight, reader, result)) {
            answer(flight, reader, for_reader(reader, result, failure));
        } else {
            fr_readers_add(&rest, reader);
        }
        reader = next;
    }
    if (flight->early) {
        begin_refresh(flight, &rest);
    }
    free_flight(flight);
    fr_flights_begin(self, rest);
    fr_cache_settle(self);
}

/* ---- newcomers ---- */

static struct fr_flight *new_flight(struct fr_cache *self, struct fr_reader *reader, unsigned bucket)
{
    const struct fr_cache_kind_options *kind = &reader->kind->options;
    struct fr_flight *flight = calloc(1, sizeof *flight);
    if (flight == NULL) {
        return NULL;
    }
    flight->cache = self;
    flight->bucket = bucket;
    flight->kind = reader->kind;
    flight->subject = reader;
    reader->refs++;
    flight->refresh = reader->done == NULL;
    flight->shared = !reader->demand.only_cached;
    flight->state = (struct fr_read_state){
        .role = kind->role,
        .only_cached = reader->demand.only_cached,
        .forced = reader->demand.no_cache,
        .refresh = flight->refresh,
    };
    fr_count(self, FR_COUNT_REFRESHES, flight->refresh);
    flight->started_us = fr_clock_now_us();
    link_flight(flight);
    return flight;
}

/* Whether an invalidation of the key would be heard, and so close the flight to those who come after it. */
static bool hears(const struct fr_flight *flight)
{
    return flight->kind->options.role != FR_READ_ORIGIN &&
           fr_clock_now_us() < fr_shared_cache_serves_until(flight->cache->shared);
}

/*
 * Who comes after the fill was sent may come after an INVALIDATE that followed it: that Redis took it proves nothing
 * then.
 */
static void join(struct fr_flight *flight, struct fr_reader *reader)
{
    bool unheard = !hears(flight);
    reader->late = flight->reading;
    reader->unproved = flight->reading && unheard;
    reader->barred = flight->reading && (flight->closed || (unheard && flight->filling));
    reader->beyond_old = flight->state.old && unheard;
    if (reader->done != NULL) {
        flight->state.refresh = false; /* now somebody waits */
        fr_count(flight->cache, FR_COUNT_COALESCED, flight->subject != reader && !reader->coalesced);
        reader->coalesced = reader->coalesced || flight->subject != reader;
    }
    /* Until the first read begins, the way is chosen by what all of them demand. */
    flight->state.forced = flight->state.forced || (reader->demand.no_cache && !flight->reading);
    fr_readers_add(&flight->waiting, reader);
}

static void refuse(struct fr_reader *reader)
{
    const struct fr_read_result result = {.code = FR_RESOURCE_EXHAUSTED, .message = "out of memory"};
    if (reader->done != NULL) {
        reader->done(reader->argument, &result);
    }
    fr_reader_unref(reader);
}

static void start_sweeping(struct fr_cache *self)
{
    if (!self->sweeping) {
        self->sweeping = true;
        fr_loop_post_later(self->loop, &self->sweep, SWEEP_US);
    }
}

/* All join before the first flight starts, so that those of one key that come together share its first read. */
void fr_flights_begin(struct fr_cache *self, struct fr_readers readers)
{
    struct fr_flight *first = NULL, **last = &first;
    struct fr_group *group = readers.first != readers.last ? fr_group_new() : NULL;
    while (readers.first != NULL) {
        struct fr_reader *reader = readers.first;
        readers.first = reader->next;
        unsigned bucket = bucket_of(self, fr_key_bytes(&reader->key));
        struct fr_flight *flight = reader->demand.only_cached ? NULL : find(self, reader, bucket);
        if (flight == NULL) {
            flight = new_flight(self, reader, bucket);
            if (flight == NULL) {
                refuse(reader);
                continue;
            }
            flight->group = group;
            if (group != NULL) {
                group->undecided++;
            }
            *last = flight;
            last = &flight->next;
        } else if (reader->done == NULL) {
            fr_reader_unref(reader); /* it is being read anyway */
            continue;
        }
        join(flight, reader);
    }
    while (first != NULL) {
        struct fr_flight *flight = first;
        first = flight->next;
        flight->next = NULL;
        fr_flight_feed(flight, FR_EVENT_START);
    }
    fr_group_release(group);
    if (self->newest != NULL) {
        start_sweeping(self);
    }
}

static void close_flight(struct fr_flight *flight)
{
    flight->closed = true;
    flight->state.old = false;
}

void fr_flights_close(struct fr_cache *self, struct fr_bytes key)
{
    struct fr_flight *flight = self->newest;
    if (key.data != NULL) {
        for (flight = self->buckets[bucket_of(self, key)]; flight != NULL; flight = flight->next_in_bucket) {
            if (fr_bytes_equal(fr_key_bytes(&flight->subject->key), key)) {
                close_flight(flight);
            }
        }
        return;
    }
    for (; flight != NULL; flight = flight->older) {
        close_flight(flight);
    }
}

/* ---- deadlines, and those who leave ---- */

static void dismiss(struct fr_flight *flight, uint64_t now_us)
{
    const struct fr_read_result late = {.code = FR_DEADLINE_EXCEEDED,
                                        .message = "the value was not there in time"};
    const struct fr_read_result gone = {.code = FR_CANCELLED, .message = "who asked has gone"};
    struct fr_readers kept = {0};
    struct fr_reader *reader = flight->waiting.first;
    while (reader != NULL) {
        struct fr_reader *next = reader->next;
        if (reader->deadline_us != 0 && reader->deadline_us <= now_us) {
            answer(flight, reader, &late);
        } else if (reader->is_gone != NULL && reader->is_gone(reader->argument)) {
            answer(flight, reader, &gone);
        } else {
            fr_readers_add(&kept, reader);
        }
        reader = next;
    }
    flight->waiting = kept;
}

void fr_flights_sweep(struct fr_task *task)
{
    struct fr_cache *self = FR_CONTAINER(task, struct fr_cache, sweep);
    uint64_t now_us = fr_clock_now_us();
    struct fr_flight *flight = self->newest;
    while (flight != NULL) {
        struct fr_flight *older = flight->older;
        dismiss(flight, now_us);
        if (!fr_loads_leave(flight)) {
            fr_loads_give_up(flight, now_us);
        }
        flight = older;
    }
    self->sweeping = false;
    if (self->newest != NULL) {
        start_sweeping(self);
    }
}
