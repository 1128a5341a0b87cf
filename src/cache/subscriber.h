/* SPDX-License-Identifier: MIT */
/*
 * subscriber.h - internal to this folder: hears the invalidations on a connection of its own, and keeps asking on the
 * command connection whether these are all.
 */
#ifndef FR_CACHE_SUBSCRIBER_H
#define FR_CACHE_SUBSCRIBER_H

#include <stdatomic.h>

#include "base/buffer.h"
#include "cache/question.h"
#include "cache/record.h"
#include "cache/redis_connection.h"
#include "cache/shared_cache.h"
#include "cache/subscription.h"

/* The last event that was delivered; written on the loop thread, read by any. */
struct fr_heard {
    _Atomic uint64_t incarnation; /* 0: the subscription is not whole. To be read first, and written last */
    _Atomic uint64_t number;
};

struct fr_subscriber_options {
    struct fr_loop *loop;
    const struct fr_redis_url *url; /* borrowed until closed, as all that follows */
    uint64_t command_timeout_us;
    const char *channel;
    const char *counter;                  /* the key of the events' numbers */
    struct fr_redis_connection *commands; /* carries the questions */
    _Atomic uint64_t *serves_until_us;    /* is kept up to date; read by any thread */
    struct fr_heard *heard;               /* the same */
    void (*on_invalidation)(void *argument, const struct fr_invalidation_event *event);
    void (*on_drop)(void *argument, enum fr_drop_cause cause); /* may be NULL */
    void *argument;                                            /* of these two */
    void (*on_closed)(void *closed_argument);
    void *closed_argument;
};

/* Part of the caller's struct; the fields are private. */
struct fr_subscriber {
    struct fr_subscriber_options options;
    struct fr_redis_connection connection;
    struct fr_subscription subscription;
    struct fr_question question;
    uv_timer_t timer;
    uint64_t wake_us;    /* what the timer is set to; 0: it is not */
    unsigned open_parts; /* timer and connection */
    struct fr_event_wait *waits; /* their events are not covered yet */
    uint64_t malformed;
};

void fr_subscriber_start(struct fr_subscriber *self, const struct fr_subscriber_options *options);
/* The command connection is ready. */
void fr_subscriber_ready(struct fr_subscriber *self);
/* After the command connection was closed, so that no question is under way. */
void fr_subscriber_close(struct fr_subscriber *self);
/* As fr_shared_cache_await; also before the start and after the close. */
FR_MUST_CHECK bool fr_subscriber_await(struct fr_subscriber *self, struct fr_event_wait *wait);

#endif
