/* SPDX-License-Identifier: MIT */
/*
 * consumer.h - RPC methods that are served from the cache, then from the method of another service (the origin).
 */
#ifndef FR_CACHED_CONSUMER_H
#define FR_CACHED_CONSUMER_H

#include "cached/reader.h"
#include "rpc/channel.h"
#include "rpc/server.h"

/* The deadline of calls to other services when the client set none. */
#define FR_DEFAULT_TIMEOUT_US UINT64_C(2000000)

/* One cached method; everything borrowed. */
struct fr_consumer {
    struct fr_loop *loop;
    struct fr_shared_cache *shared;
    const struct fr_cache_policy *policy;
    struct fr_channel *origin;
    const char *origin_method; /* same request and response types */
};

/* A handler; its context is the struct fr_consumer. Answers carry x-cache and x-cache-version. */
void fr_consumer_handle(struct fr_call *call, void *context);

/*
 * The same read for handlers that need several: request is the serialized request that key was made from, borrowed
 * until done, which runs once on the loop thread.
 */
void fr_consumer_read(struct fr_consumer *self, const struct fr_key *key, struct fr_bytes request,
                      uint64_t deadline_us, void (*done)(void *argument, const struct fr_read_result *result),
                      void *argument);

/* The timeout for a call made on behalf of call: its time left, or FR_DEFAULT_TIMEOUT_US. */
uint64_t fr_forward_timeout_us(uint64_t deadline_us);

/* One method that is passed on as it is; everything borrowed. */
struct fr_forward {
    struct fr_channel *target;
    const char *method; /* same request and response types */
};

/* A handler; its context is the struct fr_forward. */
void fr_forward_handle(struct fr_call *call, void *context);

#endif
