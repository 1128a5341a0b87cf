/* SPDX-License-Identifier: MIT */
/*
 * forward.c - passes a call on to another service, with its metadata, the time left and its cancellation, and its
 * answer back, once the caches here show nothing older than what it wrote.
 */
#include "cached/forward.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/container.h"
#include "cached/event.h"
#include "cached/extras.h"

uint64_t fr_forward_timeout_us(uint64_t deadline_us)
{
    if (deadline_us == 0) {
        return FR_DEFAULT_TIMEOUT_US;
    }
    uint64_t now_us = fr_clock_now_us();
    return deadline_us > now_us ? deadline_us - now_us : 1;
}

/* One call that is passed on. */
struct forwarding {
    atomic_uint refs; /* one of the start, one of the answer */
    struct fr_call *call;
    _Atomic(struct fr_pending *) pending;
    atomic_bool over;
    struct fr_cache *cache; /* NULL: none */
    struct fr_cache_wait wait;
    struct fr_buffer payload; /* of the answer, while it waits */
};

static void unref(struct forwarding *self)
{
    if (atomic_fetch_sub(&self->refs, 1) == 1) {
        fr_pending_unref(atomic_load(&self->pending));
        fr_buffer_fini(&self->payload);
        free(self);
    }
}

static void on_over(void *argument)
{
    struct forwarding *self = argument;
    atomic_store(&self->over, true);
    fr_pending_cancel(atomic_load(&self->pending));
}

static void fail(struct fr_call *call, const struct fr_result *result)
{
    fr_extras_tell_details(call, result->details);
    fr_call_set_retry_after(call, result->retry_after_us);
    fr_call_fail(call, result->code, "%s", result->message);
}

static void reply(struct fr_cache_wait *wait)
{
    struct forwarding *self = FR_CONTAINER(wait, struct forwarding, wait);
    fr_call_reply(self->call, fr_buffer_bytes(&self->payload));
    unref(self);
}

/* An answer that cannot be kept until then is none: it would promise what is not so yet. */
static void reply_after(struct forwarding *self, struct fr_event_id event, struct fr_bytes payload)
{
    fr_buffer_append(&self->payload, payload.data, payload.size);
    if (self->payload.failed) {
        fr_call_fail(self->call, FR_RESOURCE_EXHAUSTED, "out of memory");
        unref(self);
        return;
    }
    self->wait.done = reply;
    fr_cache_after(self->cache, event, &self->wait);
}

static void on_answer(void *argument, const struct fr_result *result)
{
    struct forwarding *self = argument;
    struct fr_event_id event;
    /* The event is heard here; whoever this cache answers need not wait for it again. */
    fr_extras_tell_metadata(self->call, result->metadata, self->cache != NULL ? FR_EVENT_KEY : NULL);
    if (result->code == FR_OK && self->cache != NULL && fr_event_find(result->metadata, &event)) {
        reply_after(self, event, result->payload);
        return;
    }
    if (result->code == FR_OK) {
        fr_call_reply(self->call, result->payload);
    } else {
        fail(self->call, result);
    }
    unref(self);
}

void fr_forward_handle(struct fr_call *call, void *context)
{
    struct fr_forward *target = context;
    struct fr_call_options options = {
        .timeout_us = fr_forward_timeout_us(fr_call_deadline_us(call)),
        .metadata = fr_call_metadata(call),
    };
    struct forwarding *self = calloc(1, sizeof *self);
    if (self == NULL) {
        fr_call_fail(call, FR_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    struct fr_pending *pending;
    atomic_init(&self->refs, 2);
    self->call = call;
    self->cache = target->cache;
    fr_call_on_over(call, on_over, self);
    fr_channel_start(target->target, target->method, fr_call_request(call), &options, on_answer, self, &pending);
    atomic_store(&self->pending, pending);
    if (atomic_load(&self->over)) {
        fr_pending_cancel(pending);
    }
    unref(self);
}
