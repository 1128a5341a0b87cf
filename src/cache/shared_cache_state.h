/* SPDX-License-Identifier: MIT */
/*
 * shared_cache_state.h - internal to this folder: what stands behind struct fr_shared_cache.
 */
#ifndef FR_CACHE_SHARED_CACHE_STATE_H
#define FR_CACHE_SHARED_CACHE_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "cache/gets.h"
#include "cache/redis_sampler.h"
#include "cache/shared_cache.h"
#include "cache/subscriber.h"

#define FR_CHANNEL           "cache-invalidation"
#define FR_COUNTER           "cache-invalidation:number"
#define FR_LINE_BYTES        128 /* two cache lines, as processors fetch them in pairs */
#define FR_CHANNEL_MAX_BYTES (FR_NAME_SPACE_MAX_BYTES + sizeof ":" FR_COUNTER "@4294967295")

/* Which way the connection was reported last. */
enum fr_reported { FR_REPORTED_NOTHING, FR_REPORTED_CONNECTED, FR_REPORTED_LOST };

/* Without a comment: set before the loop learns of it, then never changed. */
struct fr_shared_cache {
    struct fr_loop *loop;
    struct fr_redis_url url;
    struct fr_shared_cache_options options; /* its texts are not kept */
    size_t prefix_size;
    char prefix[FR_NAME_SPACE_MAX_BYTES + 2]; /* "" or "namespace:" */
    char channel[FR_CHANNEL_MAX_BYTES];
    char counter[FR_CHANNEL_MAX_BYTES];
    struct fr_redis_connection commands; /* loop thread only */
    struct fr_gets gets;                 /* loop thread only */
    struct fr_subscriber subscriber;     /* loop thread only */
    enum fr_reported reported;           /* loop thread only */
    struct fr_redis_sampler sampler;     /* loop thread only */
    unsigned open_parts;                 /* loop thread only: of the three above */
    atomic_bool connected;
    _Atomic uint64_t invalidations_sent;
    char before[FR_LINE_BYTES]; /* readers load what stands between for each hit: nothing else shares its line */
    _Atomic uint64_t serves_until_us;
    char after[FR_LINE_BYTES];
    struct fr_heard heard;
    struct fr_task start, stop;
    pthread_mutex_t mu;
    pthread_cond_t ended;
    bool has_ended;            /* guarded by mu */
    struct fr_redis_info info; /* guarded by mu */
};

#endif
