/* SPDX-License-Identifier: MIT */
/*
 * forward.h - RPC methods that are passed on to another service as they are.
 */
#ifndef FR_CACHED_FORWARD_H
#define FR_CACHED_FORWARD_H

#include "cache/cache.h"
#include "rpc/channel.h"
#include "rpc/server.h"

/* The deadline of calls to other services when the client set none. */
#define FR_DEFAULT_TIMEOUT_US UINT64_C(2000000)

/* The timeout of a call made for one with this deadline (0: none): the time left, or FR_DEFAULT_TIMEOUT_US. */
uint64_t fr_forward_timeout_us(uint64_t deadline_us);

/* One method that is passed on; everything borrowed. */
struct fr_forward {
    struct fr_channel *target;
    const char *method; /* same request and response types */
    /*
     * Where the caller may read what the call wrote: it is answered once this cache shows nothing older, if the answer
     * names the write's event (cached/event.h). NULL: at once.
     */
    struct fr_cache *cache;
};

/* A handler; its context is the struct fr_forward. */
void fr_forward_handle(struct fr_call *call, void *context);

#endif
