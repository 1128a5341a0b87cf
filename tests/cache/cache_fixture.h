/* SPDX-License-Identifier: MIT */
/*
 * cache_fixture.h - a shared cache on its own loop and redis-server, with operations that wait for their end.
 */
#ifndef FR_TESTS_CACHE_FIXTURE_H
#define FR_TESTS_CACHE_FIXTURE_H

#include <hiredis/hiredis.h>

#include "cache/shared_cache.h"
#include "support/redis_server.h"
#include "support/wait.h"

#define FIXTURE_EVENTS 256

#define FIXTURE_COMMIT_TIME_US UINT64_C(1700000000000000) /* of every do_invalidate */

struct fixture_event {
    uint64_t number, version, commit_time_us;
    char key[64];
};

struct fixture {
    struct fr_redis_server *server;
    struct fr_loop *loop;
    struct fr_shared_cache *cache;
    redisContext *redis; /* a plain connection, to look and meddle; NULL: closed */
    struct fr_wait wait;
    uint64_t ups, downs;  /* guarded by wait: calls of on_connection */
    uint64_t event_count; /* guarded by wait, as events */
    struct fixture_event events[FIXTURE_EVENTS];
    uint64_t drops[FR_DROP_CAUSES]; /* guarded by wait: calls of on_drop */
};

struct fixture_options {
    const char *name_space;
    const char *url; /* NULL: the server's */
    uint64_t command_timeout_us;
    bool subscribe;
};

/* One server for the whole program, flushed by fixture_open. */
void fixture_open(struct fixture *self, struct fr_redis_server *server,
                  const struct fixture_options *options);
/* Waits until the cache is connected for the nth time. */
void fixture_wait_up(struct fixture *self, uint64_t times);
void fixture_close(struct fixture *self);
/* Another cache on the same loop and server; no events. */
struct fr_shared_cache *fixture_second_cache(struct fixture *self, const char *name_space);

/* What an operation ended with; payload copied, at most 64 bytes, as a C string. */
struct outcome {
    enum fr_code code;
    enum fr_value_kind kind;
    uint64_t version, floor;
    bool granted, wait, stored;
    struct fr_event_id event;
    char payload[64];
};

struct fr_key fixture_key(const char *id);
struct outcome do_get(struct fixture *self, const char *id);
struct outcome do_lease(struct fixture *self, const char *id, uint64_t token, uint64_t lease_us);
/* payload NULL: not found. */
struct outcome do_fill(struct fixture *self, const char *id, uint64_t token, uint64_t version,
                       const char *payload);
struct outcome do_fill_ttl(struct fixture *self, const char *id, uint64_t token, uint64_t version,
                           const char *payload, uint64_t ttl_us);
struct outcome do_invalidate(struct fixture *self, const char *id, uint64_t version);
/* A command on the plain connection; the caller frees the reply. */
redisReply *fixture_redis(struct fixture *self, const char *format, ...);
/* The same where only its success matters. */
long long fixture_redis_integer(struct fixture *self, const char *format, ...);

#endif
