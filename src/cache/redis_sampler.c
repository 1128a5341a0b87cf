/* SPDX-License-Identifier: MIT */
/*
 * redis_sampler.c - INFO, now and then.
 */
#include "cache/redis_sampler.h"

#include "base/clock.h"
#include "base/container.h"

#define PERIOD_US (5 * FR_SECOND_US)

static void on_reply(struct fr_redis_request *request, const redisReply *reply)
{
    struct fr_redis_sampler *self = FR_CONTAINER(request, struct fr_redis_sampler, request);
    struct fr_redis_connection *commands = self->options.commands;
    self->asking = false;
    if (reply == NULL || reply->type != REDIS_REPLY_STRING) {
        return;
    }
    struct fr_redis_info sample = {.sampled_us = self->asked_us,
                                   .round_trip_us = fr_clock_now_us() - self->asked_us};
    fr_redis_info_read(reply->str, &sample);
    self->options.on_sample(self->options.argument, &sample);
    uint64_t incarnation;
    const char *unfit = fr_redis_info_identify(reply->str, &incarnation);
    if (unfit != NULL || incarnation != commands->incarnation) {
        fr_redis_connection_drop(commands, unfit != NULL ? unfit : FR_REDIS_OTHER_LIFE);
    }
}

void fr_redis_sampler_ready(struct fr_redis_sampler *self)
{
    const char *words[] = {"INFO"};
    const size_t sizes[] = {4};
    if (!self->asking) {
        self->request.done = on_reply;
        self->asked_us = fr_clock_now_us();
        self->asking = fr_redis_connection_send(self->options.commands, &self->request, 1, words, sizes);
    }
}

static void on_timer(uv_timer_t *timer)
{
    fr_redis_sampler_ready(timer->data);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct fr_redis_sampler *self = handle->data;
    self->options.on_closed(self->options.argument);
}

void fr_redis_sampler_start(struct fr_redis_sampler *self, const struct fr_redis_sampler_options *options)
{
    *self = (struct fr_redis_sampler){.options = *options};
    uv_timer_init(fr_loop_uv_get(options->loop), &self->timer);
    self->timer.data = self;
    uv_timer_start(&self->timer, on_timer, fr_loop_ms(PERIOD_US), fr_loop_ms(PERIOD_US));
}

void fr_redis_sampler_close(struct fr_redis_sampler *self)
{
    uv_close((uv_handle_t *)&self->timer, on_timer_closed);
}
