/* SPDX-License-Identifier: MIT */
/*
 * consumer.h - RPC methods that are served from the cache, then from the method of another service (the origin).
 */
#ifndef FR_CACHED_CONSUMER_H
#define FR_CACHED_CONSUMER_H

#include "cache/cache.h"
#include "cached/policy.h"
#include "rpc/channel.h"
#include "rpc/server.h"

/* One cached method; everything borrowed. */
struct fr_consumer {
    struct fr_cache *cache;
    const struct fr_cache_policy *policy;
    struct fr_channel *origin;
    const char *origin_method; /* same request and response types */
    struct fr_cache_kind *kind; /* of fr_consumer_open */
};

/* Declares its kind to the cache, which uses self from then on. FR_RESOURCE_EXHAUSTED without memory. */
FR_MUST_CHECK enum fr_code fr_consumer_open(struct fr_consumer *self, struct fr_error *reterr);

/*
 * A handler; its context is the struct fr_consumer. What the near cache has is answered at once. Answers carry x-cache,
 * x-cache-age-ms and x-cache-version.
 */
void fr_consumer_handle(struct fr_call *call, void *context);

/* The deadline of a call's reads: its own, or FR_DEFAULT_TIMEOUT_US (cached/forward.h) from now if it has none (0). */
uint64_t fr_consumer_deadline_us(uint64_t deadline_us);

#endif
