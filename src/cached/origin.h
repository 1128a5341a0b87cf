/* SPDX-License-Identifier: MIT */
/*
 * origin.h - RPC methods whose answers are loaded from the database and filled into the cache.
 */
#ifndef FR_CACHED_ORIGIN_H
#define FR_CACHED_ORIGIN_H

#include "cached/policy.h"
#include "cached/serve.h"

/* One cached method; everything borrowed. */
struct fr_origin {
    struct fr_cache *cache;
    const struct fr_cache_policy *policy;
    const struct fr_method *method;
    struct fr_worker_pool *pool;
    struct fr_store_connection **connections; /* one per worker */
    struct fr_cached_source source;
    struct fr_cache_kind *kind; /* of fr_origin_open */
};

/* Declares its kind to the cache, which uses self from then on. FR_RESOURCE_EXHAUSTED without memory. */
FR_MUST_CHECK enum fr_code fr_origin_open(struct fr_origin *self, struct fr_error *reterr);

/* A handler; its context is the struct fr_origin. Answers carry x-cache, x-cache-age-ms and x-cache-version. */
void fr_origin_handle(struct fr_call *call, void *context);

#endif
