/* SPDX-License-Identifier: MIT */
/*
 * loads.c - starts loads: those of reads that began together in one call of their loader, and never too many.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/worker_pool.h"
#include "cache/cache_state.h"

/* The weight of a new load time in the mean, as in TCP's round-trip estimate (RFC 6298). */
#define NEW_SHARE 8

/* How long a load may take while an old value could serve: so many times as long as usual, and not less than this. */
#define USUAL_TIMES       4
#define LEAST_PATIENCE_US (1 * FR_SECOND_US)

#define STOPPED "the cache is being stopped"

static const struct fr_read_result no_room = {
    .code = FR_RESOURCE_EXHAUSTED,
    .message = "too many loads are waiting",
    .retry_after_us = FR_OVERLOAD_PAUSE_US,
};

static void refuse(struct fr_flight *flight, enum fr_code code, const char *message)
{
    fr_flight_fail_load(flight, &(struct fr_read_result){.code = code, .message = message});
}

/* ---- starting ---- */

static struct fr_loading *new_loading(struct fr_flight *flight, uint64_t now_us)
{
    struct fr_loading *loading = calloc(1, sizeof *loading);
    if (loading != NULL) {
        fr_flight_begin_reading(flight);
        loading->load = (struct fr_load){
            .key = &flight->subject->key,
            .request = flight->subject->request,
            .demand = flight->demand,
            .deadline_us = now_us + flight->kind->options.load_timeout_us,
        };
        loading->kind = flight->kind;
        loading->flight = flight;
        loading->subject = flight->subject;
        loading->subject->refs++;
        loading->started_us = now_us;
        flight->loading = loading;
        fr_count(flight->cache, FR_COUNT_LOADS, 1);
        fr_count(flight->cache, FR_COUNT_LOADING, 1);
    }
    return loading;
}

/* Gives each kind's loader its part of the list in one call. */
static void hand_over(struct fr_load *first)
{
    while (first != NULL) {
        struct fr_cache_kind *kind = ((struct fr_loading *)first)->kind;
        struct fr_load *mine = NULL, **last_mine = &mine, *others = NULL, **last_other = &others;
        while (first != NULL) {
            struct fr_load *load = first;
            first = load->next;
            load->next = NULL;
            bool is_mine = ((struct fr_loading *)load)->kind == kind;
            **(is_mine ? &last_mine : &last_other) = load;
            *(is_mine ? &last_mine : &last_other) = &load->next;
        }
        kind->options.load(kind->options.context, mine);
        first = others;
    }
}

static void enqueue(struct fr_cache *self, struct fr_flight *flight)
{
    flight->queued = true;
    *(self->last_queued != NULL ? &self->last_queued->next : &self->first_queued) = flight;
    self->last_queued = flight;
    fr_count(self, FR_COUNT_WAITING_LOADS, 1);
}

/* Starts what there is room for, and has the others wait or refuses them. */
static void start(struct fr_cache *self, struct fr_flight *flight)
{
    struct fr_load *first = NULL, **last = &first;
    uint64_t now_us = fr_clock_now_us();
    while (flight != NULL) {
        struct fr_flight *next = flight->next;
        struct fr_loading *loading = NULL;
        flight->next = NULL;
        if (self->stopping) {
            refuse(flight, FR_CANCELLED, STOPPED);
        } else if (fr_counted(self, FR_COUNT_LOADING) < self->options.max_loads) {
            loading = new_loading(flight, now_us);
            if (loading == NULL) {
                refuse(flight, FR_RESOURCE_EXHAUSTED, "out of memory");
            } else {
                *last = &loading->load;
                last = &loading->load.next;
            }
        } else if (fr_counted(self, FR_COUNT_WAITING_LOADS) < self->options.max_waiting_loads) {
            enqueue(self, flight);
        } else {
            fr_count(self, FR_COUNT_LOADS_REFUSED, 1);
            fr_flight_fail_load(flight, &no_room);
        }
        flight = next;
    }
    hand_over(first);
}

/* ---- groups ---- */

struct fr_group *fr_group_new(void)
{
    struct fr_group *group = calloc(1, sizeof *group); /* without memory each loads for itself */
    if (group != NULL) {
        group->undecided = 1;
    }
    return group;
}

void fr_group_release(struct fr_group *group)
{
    if (group == NULL || --group->undecided > 0) {
        return;
    }
    struct fr_flight *first = group->first;
    free(group);
    if (first != NULL) {
        start(first->cache, first);
    }
}

void fr_group_leave(struct fr_flight *flight)
{
    struct fr_group *group = flight->group;
    flight->group = NULL;
    fr_group_release(group);
}

void fr_loads_want(struct fr_flight *flight)
{
    struct fr_group *group = flight->group;
    if (group == NULL) {
        start(flight->cache, flight);
        return;
    }
    *(group->last != NULL ? &group->last->next : &group->first) = flight;
    group->last = flight;
    fr_group_leave(flight);
}

/* ---- room ---- */

static void dequeue(struct fr_cache *self, struct fr_flight *flight)
{
    struct fr_flight *before = NULL;
    for (struct fr_flight *at = self->first_queued; at != flight; at = at->next) {
        before = at;
    }
    *(before != NULL ? &before->next : &self->first_queued) = flight->next;
    if (self->last_queued == flight) {
        self->last_queued = before;
    }
    flight->next = NULL;
    flight->queued = false;
    fr_count(self, FR_COUNT_WAITING_LOADS, UINT64_MAX); /* one less */
}

/* Once a quarter of the room is free, so that those who waited leave together too. */
static void admit(struct fr_cache *self)
{
    uint64_t loading = fr_counted(self, FR_COUNT_LOADING), most = self->options.max_loads;
    if (self->first_queued == NULL || (loading > 0 && loading > most - most / 4)) {
        return;
    }
    struct fr_flight *first = NULL, **last = &first;
    for (; self->first_queued != NULL && loading < most; loading++) {
        struct fr_flight *flight = self->first_queued;
        dequeue(self, flight);
        *last = flight;
        last = &flight->next;
    }
    start(self, first);
}

/*
 * The loader keeps the load; whatever it brings is thrown away. When the cache is being stopped what it uses may go at
 * any moment, so it is not told any more.
 */
static void detach(struct fr_flight *flight)
{
    struct fr_loading *loading = flight->loading;
    const struct fr_cache_kind_options *kind = &flight->kind->options;
    loading->flight = NULL;
    flight->loading = NULL;
    if (kind->cancel != NULL && !flight->cache->stopping) {
        kind->cancel(kind->context, &loading->load);
    }
}

static void abandon(struct fr_flight *flight)
{
    detach(flight);
    fr_count(flight->cache, FR_COUNT_LOAD_TIMEOUTS, 1);
    refuse(flight, FR_DEADLINE_EXCEEDED, "the load did not end in time");
}

/* With an old value at hand nobody need wait as long: an origin that takes so much longer than usual counts as away. */
uint64_t fr_loads_patience_us(const struct fr_flight *flight)
{
    uint64_t whole_us = flight->kind->options.load_timeout_us;
    uint64_t short_us = USUAL_TIMES * atomic_load_explicit(&flight->kind->load_us, memory_order_relaxed);
    short_us = short_us > LEAST_PATIENCE_US ? short_us : LEAST_PATIENCE_US;
    return flight->state.old && short_us < whole_us ? short_us : whole_us;
}

bool fr_loads_give_up(struct fr_flight *flight, uint64_t now_us)
{
    struct fr_loading *loading = flight->loading;
    if (loading != NULL && !loading->ended && now_us >= loading->started_us + fr_loads_patience_us(flight)) {
        abandon(flight);
        return true;
    }
    if (flight->queued && now_us >= flight->started_us + fr_loads_patience_us(flight)) {
        dequeue(flight->cache, flight);
        refuse(flight, FR_DEADLINE_EXCEEDED, "there was no room for the load in time");
        return true;
    }
    return false;
}

bool fr_loads_leave(struct fr_flight *flight)
{
    bool loading = flight->loading != NULL && !flight->loading->ended;
    if (flight->waiting.first != NULL || flight->kind->options.cancel == NULL || flight->cache->stopping ||
        !(loading || flight->queued)) {
        return false;
    }
    if (loading) {
        flight->loading->left = true;
        detach(flight);
    } else {
        dequeue(flight->cache, flight);
    }
    /* Who comes while the lease is given back must not be answered with this end. */
    fr_flight_unshare(flight);
    flight->state.old = false;
    refuse(flight, FR_CANCELLED, "nobody waits for the value any more");
    return true;
}

void fr_loads_stop(struct fr_cache *self)
{
    while (self->first_queued != NULL) {
        struct fr_flight *flight = self->first_queued;
        dequeue(self, flight);
        refuse(flight, FR_CANCELLED, STOPPED);
    }
}

/* ---- the end of a load ---- */

static void note_time(struct fr_cache *self, struct fr_loading *loading)
{
    uint64_t time_us = fr_clock_now_us() - loading->started_us;
    uint64_t mean_us = atomic_load_explicit(&loading->kind->load_us, memory_order_relaxed);
    mean_us = mean_us == 0 ? time_us : mean_us - mean_us / NEW_SHARE + time_us / NEW_SHARE;
    atomic_store_explicit(&loading->kind->load_us, mean_us, memory_order_relaxed);
    if (self->load_times != NULL) {
        fr_distribution_record(self->load_times, time_us);
    }
}

void fr_loading_free(struct fr_loading *loading)
{
    if (loading != NULL) {
        fr_reader_unref(loading->subject);
        fr_buffer_fini(&loading->payload);
        fr_buffer_fini(&loading->extras);
        free(loading);
    }
}

static void on_ended(struct fr_task *task)
{
    struct fr_loading *loading = FR_CONTAINER(task, struct fr_loading, task);
    struct fr_cache *self = loading->kind->cache;
    fr_count(self, FR_COUNT_LOADING, UINT64_MAX); /* one less */
    if (!loading->left) {
        note_time(self, loading);
    }
    if (loading->kind->options.release != NULL) {
        loading->kind->options.release(loading->kind->options.context, &loading->load);
    }
    loading->ended = true;
    if (loading->flight != NULL) {
        fr_flight_loaded(loading->flight);
    } else {
        fr_loading_free(loading);
    }
    admit(self);
    fr_cache_settle(self);
}

void fr_load_end(struct fr_load *load, const struct fr_read_result *result)
{
    struct fr_loading *self = (struct fr_loading *)load;
    struct fr_loop *loop = self->kind->cache->loop;
    fr_buffer_append(&self->payload, result->payload.data, result->payload.size);
    fr_buffer_append(&self->extras, result->extras.data, result->extras.size);
    snprintf(self->message, sizeof self->message, "%s", result->message == NULL ? "" : result->message);
    self->result = *result;
    self->result.message = self->message;
    self->result.payload = fr_buffer_bytes(&self->payload);
    self->result.extras = fr_buffer_bytes(&self->extras);
    if (self->payload.failed || self->extras.failed) {
        self->result = (struct fr_read_result){.code = FR_RESOURCE_EXHAUSTED, .message = "out of memory"};
    }
    self->task.run = on_ended;
    fr_loop_post(loop, &self->task);
}
