/* SPDX-License-Identifier: MIT */
/*
 * consumer.c - RPC methods that are served from the cache, then from the method of another service.
 */
#include "cached/consumer.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "cached/demand.h"
#include "cached/extras.h"
#include "cached/forward.h"
#include "cached/gather.h"
#include "cached/reply.h"

uint64_t fr_consumer_deadline_us(uint64_t deadline_us)
{
    return deadline_us != 0 ? deadline_us : fr_clock_now_us() + FR_DEFAULT_TIMEOUT_US;
}

/* ---- what the caches miss ---- */

static enum fr_source source_of(struct fr_metadata metadata)
{
    struct fr_bytes name = fr_metadata_find(metadata, "x-cache");
    for (int source = FR_SOURCE_NEAR; source <= FR_SOURCE_STALE; source++) {
        if (fr_bytes_equal(name, fr_bytes_of(fr_source_name((enum fr_source)source)))) {
            return (enum fr_source)source;
        }
    }
    return FR_SOURCE_ORIGIN;
}

static uint64_t number_of(struct fr_metadata metadata, const char *key)
{
    uint64_t number = 0;
    fr_demand_number(fr_metadata_find(metadata, key), &number);
    return number;
}

static void on_origin(void *argument, const struct fr_result *result)
{
    struct fr_buffer extras = {0};
    struct fr_read_result loaded = {
        .code = result->code,
        .message = result->message,
        .version = number_of(result->metadata, "x-cache-version"),
        .age_us = number_of(result->metadata, "x-cache-age-ms") * FR_MILLISECOND_US,
        .payload = result->payload,
        .source = source_of(result->metadata),
        .retry_after_us = result->retry_after_us,
    };
    if (result->code != FR_OK && result->code != FR_NOT_FOUND) {
        fr_extras_write(&extras, result);
        loaded.extras = extras.failed ? (struct fr_bytes){0} : fr_buffer_bytes(&extras);
    }
    fr_load_end(argument, &loaded);
    fr_buffer_fini(&extras);
}

/* What the readers demand of this cache they demand of those of the origin too. */
static void start_call(struct fr_consumer *self, struct fr_load *load)
{
    struct fr_metadata_entry entries[2];
    char version[24];
    size_t count = 0;
    if (load->demand.min_version > 0) {
        snprintf(version, sizeof version, "%" PRIu64, load->demand.min_version);
        entries[count++] = (struct fr_metadata_entry){fr_bytes_of("x-cache-min-version"), fr_bytes_of(version)};
    }
    if (load->demand.no_cache) {
        entries[count++] = (struct fr_metadata_entry){fr_bytes_of("x-cache-control"), fr_bytes_of("no-cache")};
    }
    const struct fr_call_options options = {
        .timeout_us = fr_forward_timeout_us(load->deadline_us),
        .metadata = {.entries = entries, .count = count},
        .idempotent = true,
    };
    struct fr_pending *pending;
    fr_channel_start(self->origin, self->origin_method, load->request, &options, on_origin, load, &pending);
    load->handle = pending; /* still there: the cache frees it on this thread, later */
}

static void load(void *context, struct fr_load *first)
{
    while (first != NULL) {
        struct fr_load *next = first->next; /* the load may end within the start */
        start_call(context, first);
        first = next;
    }
}

static void cancel(void *context, struct fr_load *load)
{
    (void)context;
    fr_pending_cancel(load->handle);
}

static void release(void *context, struct fr_load *load)
{
    (void)context;
    fr_pending_unref(load->handle);
}

enum fr_code fr_consumer_open(struct fr_consumer *self, struct fr_error *reterr)
{
    struct fr_cache_kind_options kind = fr_policy_kind(self->policy);
    kind.role = FR_READ_CONSUMER;
    kind.load = load;
    kind.cancel = cancel;
    kind.release = release;
    kind.context = self;
    return fr_cache_kind_new(self->cache, &kind, &self->kind, reterr);
}

/* ---- what clients call ---- */

void fr_consumer_handle(struct fr_call *call, void *context)
{
    struct fr_consumer *self = context;
    struct fr_key key;
    struct fr_cache_read read;
    if (!fr_read_of_call(call, self->policy, self->kind, &key, &read)) {
        return;
    }
    struct fr_cache_hit hit;
    if (fr_cache_get_near(self->cache, &read, &hit)) {
        fr_read_reply(call, &hit.result);
        fr_cache_hit_release(&hit);
        return;
    }
    read.deadline_us = fr_consumer_deadline_us(fr_call_deadline_us(call));
    fr_gather_read(self->cache, &read);
}
