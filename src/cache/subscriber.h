/* SPDX-License-Identifier: MIT */
/*
 * subscriber.h - internal to this folder: a connection of its own that hears the invalidations.
 */
#ifndef FR_CACHE_SUBSCRIBER_H
#define FR_CACHE_SUBSCRIBER_H

#include "base/buffer.h"
#include "cache/redis_connection.h"

struct fr_subscriber_options {
    struct fr_loop *loop;
    const struct fr_redis_url *url; /* borrowed until closed */
    uint64_t command_timeout_us;
    const char *channel;                  /* borrowed until closed */
    struct fr_redis_connection *commands; /* carries the heartbeats; borrowed until closed */
    void (*on_invalidation)(void *argument, struct fr_bytes key, uint64_t version, uint64_t number);
    void *argument; /* of on_invalidation */
    void (*on_closed)(void *closed_argument);
    void *closed_argument;
};

/* Part of the caller's struct; the fields are private. */
struct fr_subscriber {
    struct fr_subscriber_options options;
    struct fr_redis_connection connection;
    struct fr_redis_request publish; /* one heartbeat at a time */
    bool publishing;
    bool subscribed;
    char heartbeat_channel[256]; /* heard by this subscriber only */
    uint64_t beat;               /* number of the last heartbeat sent */
    uint64_t beat_accepted;      /* of the last that Redis took for a subscriber of this life */
    uint64_t beat_heard;         /* of the last that came back */
    uv_timer_t timer;
    unsigned open_parts; /* timer and connection */
    uint64_t malformed;
};

void fr_subscriber_start(struct fr_subscriber *self, const struct fr_subscriber_options *options);
/* After the command connection was closed, so that no heartbeat is under way. */
void fr_subscriber_close(struct fr_subscriber *self);

#endif
