/* SPDX-License-Identifier: MIT */
/*
 * serve.h - methods whose policy is declared in their .proto, served through the caches with no code of their own.
 *
 * Generated code (S_register_cached) calls fr_cached_register; a program gives the parts that its caches consist of
 * and, for each method, where misses are loaded.
 */
#ifndef FR_CACHED_SERVE_H
#define FR_CACHED_SERVE_H

#include "base/worker_pool.h"
#include "cache/cache.h"
#include "rpc/channel.h"
#include "rpc/server.h"
#include "store/store.h"

struct fr_cached; /* the caches of one program and the methods that they serve */

struct fr_cached_options { /* everything borrowed */
    struct fr_cache *cache;
    /* With a database only: */
    struct fr_worker_pool *pool;
    struct fr_store_connection **connections; /* one per worker */
};

/* *ret_cached is owned. FR_RESOURCE_EXHAUSTED without memory. */
FR_MUST_CHECK enum fr_code fr_cached_new(const struct fr_cached_options *options, struct fr_cached **ret_cached,
                                         struct fr_error *reterr);
/* After the server, the pool and the cache that use it. NULL is fine. */
void fr_cached_free(struct fr_cached *self);

/*
 * What a cached method reads the database with, on a worker. load is the program's own function, with the types of the
 * method: it makes the response in arena and sets *ret_version to the version of the row, which must not be older
 * than any part of the response. It is called after the lease was granted, so what it reads may be filled.
 *   FR_NOT_FOUND  there is no such row; that is cached too
 * This is the generated function that adds those types.
 */
typedef enum fr_code fr_cached_load(fr_any_function *load, struct fr_store_connection *connection,
                                    const struct ProtobufCMessage *request, struct fr_arena *arena,
                                    struct ProtobufCMessage **ret_response, uint64_t *ret_version,
                                    struct fr_error *reterr);

/*
 * The same for many rows in one query, where the program has such a function. It sets responses[i] and versions[i] for
 * each requests[i] that has a row; the others are NULL and stay so. An error is one of all of them.
 */
typedef enum fr_code fr_cached_load_many(fr_any_function *load, struct fr_store_connection *connection,
                                         const struct ProtobufCMessage *const *requests, size_t count,
                                         struct fr_arena *arena, struct ProtobufCMessage **responses,
                                         uint64_t *versions, struct fr_error *reterr);

/* Where one method gets what the caches miss: origin, or load with adapt, or neither when it is not cached here. */
struct fr_cached_source {
    struct fr_channel *origin; /* to a server of the method that cached_from names; borrowed */
    fr_any_function *load;
    fr_cached_load *adapt;
    fr_any_function *load_many; /* NULL: load is called for each */
    fr_cached_load_many *adapt_many;
};

/*
 * As fr_server_register for count methods. A method that has a source and no handler is served from the caches; one
 * with both has its handler called, which may use fr_cached_read.
 *   FR_FAILED_PRECONDITION  a load is given, but the program has no database
 *   FR_RESOURCE_EXHAUSTED   no memory
 */
FR_MUST_CHECK enum fr_code fr_cached_register(struct fr_cached *self, struct fr_server *server, const char *name,
                                              struct fr_server_method *methods, const struct fr_cached_source *sources,
                                              size_t count, struct fr_error *reterr);

/*
 * One read as method would do it, for handlers that need several: read has all but kind and key, and its request is the
 * serialized form of request. Without a deadline it has that of method. Its done may run at once. Reads of one message or turn of the loop begin together.
 */
void fr_cached_read(struct fr_cached *self, const struct fr_method *method, const struct ProtobufCMessage *request,
                    const struct fr_cache_read *read);

#endif
