/* SPDX-License-Identifier: MIT */
/*
 * naive.h - the textbook design, as a control for tools/check-coherence: cache-aside in Redis and in the process, each
 * dropped when an event on a Pub/Sub channel says so. No versions, no leases, no marks, no relay, no numbered events.
 */
#ifndef NAIVE_NAIVE_H
#define NAIVE_NAIVE_H

#include "service/service.h"

#define NAIVE_WORKERS 8
#define NAIVE_CHANNEL "cache-invalidation"

struct redisContext;

/* What serves calls blocks on a worker, each with connections of its own. */
struct naive {
    struct fr_service service; /* server, store, pool and connections only */
    const char *redis_url, *data_address, *update_address;
    struct redisContext *redis[NAIVE_WORKERS];
};

/* Parts of a role; they end with the process. */
FR_MUST_CHECK enum fr_code naive_api_start(struct naive *self, struct fr_error *reterr);
FR_MUST_CHECK enum fr_code naive_data_start(struct naive *self, struct fr_error *reterr);

/* ---- naive_redis.c: false or NULL when Redis cannot be reached, which nobody does anything about ---- */

/* *place is NULL or a connection; one that has failed is replaced. */
bool naive_redis_connect(const struct naive *self, struct redisContext **place, unsigned timeout_ms);
/* Appends the value; false also when there is none. */
bool naive_redis_get(struct naive *self, unsigned worker, const char *key, struct fr_buffer *ret_value);
void naive_redis_set(struct naive *self, unsigned worker, const char *key, struct fr_bytes value);
void naive_redis_publish(struct naive *self, unsigned worker, const char *key);
/* Hears events for as long as the process lives; deletes each key in Redis, then calls on_event. */
void naive_redis_listen(struct naive *self, void (*on_event)(const char *key));

#endif
