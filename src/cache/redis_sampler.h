/* SPDX-License-Identifier: MIT */
/*
 * redis_sampler.h - internal to this folder: asks Redis for INFO every few seconds, on the command connection.
 *
 * It also notices there when the connection has come to reach another life of Redis, which a promotion makes
 * without a disconnect, and drops it then.
 */
#ifndef FR_CACHE_REDIS_SAMPLER_H
#define FR_CACHE_REDIS_SAMPLER_H

#include "cache/redis_connection.h"
#include "cache/redis_info.h"

struct fr_redis_sampler_options {
    struct fr_loop *loop;
    struct fr_redis_connection *commands; /* borrowed until closed */
    void (*on_sample)(void *argument, const struct fr_redis_info *sample);
    void (*on_closed)(void *argument);
    void *argument;
};

/* Part of the caller's struct; the fields are private. */
struct fr_redis_sampler {
    struct fr_redis_sampler_options options;
    struct fr_redis_request request;
    bool asking;
    uint64_t asked_us;
    uv_timer_t timer;
};

void fr_redis_sampler_start(struct fr_redis_sampler *self, const struct fr_redis_sampler_options *options);
/* The command connection is ready: takes a sample now. */
void fr_redis_sampler_ready(struct fr_redis_sampler *self);
/* After the command connection was closed. */
void fr_redis_sampler_close(struct fr_redis_sampler *self);

#endif
