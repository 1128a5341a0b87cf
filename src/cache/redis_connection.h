/* SPDX-License-Identifier: MIT */
/*
 * redis_connection.h - internal to this folder: one connection to Redis that is made anew for ever.
 *
 * Loop thread only. A life of the connection: look up the host, connect, AUTH, SELECT, INFO, SCRIPT LOAD,
 * ready, lost; then a jittered pause and the next life. Before ready and after lost nothing can be sent.
 */
#ifndef FR_CACHE_REDIS_CONNECTION_H
#define FR_CACHE_REDIS_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include <hiredis/async.h>

#include "base/backoff.h"
#include "base/buffer.h"
#include "cache/loop_uv.h"
#include "cache/redis_url.h"
#include "cache/scripts.h"

struct fr_redis_connection;

/* Why a connection is dropped whose incarnation is no longer that of its Redis. */
#define FR_REDIS_OTHER_LIFE "redis began another life on the same connection"

/* One command under way; part of the caller's struct, which lives until done was called. */
struct fr_redis_request {
    struct fr_redis_request *next;
    struct fr_redis_connection *connection;
    uint64_t sent_us;
    /*
     * reply is borrowed until done returns; NULL: the connection was lost, Redis may or may not have run it.
     */
    void (*done)(struct fr_redis_request *self, const redisReply *reply);
};

struct fr_redis_connection_options {
    struct fr_loop *loop;
    const struct fr_redis_url *url; /* borrowed until closed */
    uint64_t command_timeout_us;
    bool load_scripts;
    /* Before each wait of the loop, while there is a connection: the last moment to send within this turn. May be NULL. */
    void (*on_turn_end)(void *argument);
    void (*on_ready)(void *argument);
    /* The end of a life, also of one that never got ready; why is complete enough to print. */
    void (*on_lost)(void *argument, const char *why);
    void (*on_closed)(void *argument);
    void *argument;
};

enum fr_redis_state {
    FR_REDIS_WAITING,
    FR_REDIS_RESOLVING,
    FR_REDIS_GREETING,
    FR_REDIS_READY,
    FR_REDIS_CLOSED
};

/* Part of the caller's struct; the fields are private except incarnation and shas, which are valid while
 * ready. */
struct fr_redis_connection {
    struct fr_redis_connection_options options;
    enum fr_redis_state state;
    redisAsyncContext *context; /* NULL between lives */
    uv_timer_t timer;           /* by state: next attempt, connect time-out, time-out of the oldest command */
    uv_getaddrinfo_t lookup;
    bool looking_up; /* lookup is under way; it cannot always be cancelled */
    bool timer_closed;
    struct fr_backoff backoff;
    unsigned attempts;
    uint64_t ready_us;                      /* when this life got ready; 0: not yet */
    struct fr_redis_request *first, **last; /* sent and not answered, oldest first */
    size_t outstanding;
    struct fr_redis_request *overdue; /* gets one more look at the socket before it counts as timed out */
    struct fr_redis_request greeting;
    unsigned greeting_step;
    struct fr_buffer command; /* being written */
    uint64_t incarnation;
    char shas[FR_SCRIPT_COUNT][FR_SCRIPT_SHA_BYTES + 1];
};

/* Begins the first life. */
void fr_redis_connection_start(struct fr_redis_connection *self,
                               const struct fr_redis_connection_options *options);
/* Ends every request; on_closed when the memory may go. Not from inside a done. */
void fr_redis_connection_close(struct fr_redis_connection *self);
/* Ends this life: the requests end with NULL, on_lost is called, a new attempt follows. */
void fr_redis_connection_drop(struct fr_redis_connection *self, const char *why);

/* Whether commands can be sent now. */
bool fr_redis_connection_is_ready(const struct fr_redis_connection *self);
/* false: not ready or too many under way; then done is not called. The arguments are copied. */
FR_MUST_CHECK bool fr_redis_connection_send(struct fr_redis_connection *self,
                                            struct fr_redis_request *request, int count,
                                            const char *const *arguments, const size_t *sizes);

/*
 * Ends this life if the reply, which may be NULL, is an error that says that this Redis has become the wrong one; a
 * new connection may find another, or its new life.
 */
void fr_redis_connection_judge(struct fr_redis_connection *self, const redisReply *reply);

#endif
