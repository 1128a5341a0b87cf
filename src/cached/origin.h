/* SPDX-License-Identifier: MIT */
/*
 * origin.h - RPC methods whose answers are loaded from the database and filled into the cache.
 */
#ifndef FR_CACHED_ORIGIN_H
#define FR_CACHED_ORIGIN_H

#include "base/worker_pool.h"
#include "cached/reader.h"
#include "rpc/server.h"
#include "store/store.h"

/* One cached method; everything borrowed. */
struct fr_origin {
    struct fr_loop *loop;
    struct fr_shared_cache *shared;
    const struct fr_cache_policy *policy;
    struct fr_worker_pool *pool;
    struct fr_store_connection **connections; /* one per worker */
    /*
     * Reads the row that request asks for: appends the serialized response to payload and sets *ret_version.
     * Runs on a worker. FR_NOT_FOUND when there is no such row.
     */
    enum fr_code (*load)(const struct fr_origin *self, struct fr_store_connection *connection,
                         const struct ProtobufCMessage *request, struct fr_buffer *payload, uint64_t *ret_version,
                         struct fr_error *reterr);
};

/* A handler; its context is the struct fr_origin. Answers carry x-cache and x-cache-version. */
void fr_origin_handle(struct fr_call *call, void *context);

/* The same read for handlers that need several: request is borrowed until done, which runs on the loop thread. */
void fr_origin_read(struct fr_origin *self, const struct fr_key *key, const struct ProtobufCMessage *request,
                    uint64_t deadline_us, void (*done)(void *argument, const struct fr_read_result *result),
                    void *argument);

#endif
