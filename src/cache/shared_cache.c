/* SPDX-License-Identifier: MIT */
/*
 * shared_cache.c - the life of a shared cache: its connections, and what it reports of them.
 */
#include "cache/shared_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/log.h"
#include "cache/shared_cache_state.h"

#define DEFAULT_COMMAND_TIMEOUT_US (250 * FR_MILLISECOND_US)

/* Once per change of state, and once for a Redis that is not there at the start. */
static void report(struct fr_shared_cache *self, bool connected, const char *why)
{
    enum fr_reported now = connected ? FR_REPORTED_CONNECTED : FR_REPORTED_LOST;
    enum fr_reported before = self->reported;
    atomic_store(&self->connected, connected);
    self->reported = now;
    if (now == before) {
        return;
    }
    if (connected) {
        fr_log(FR_LOG_INFO, "redis connected", fr_log_text("address", self->url.address));
    } else {
        fr_log(FR_LOG_WARN, before == FR_REPORTED_CONNECTED ? "redis lost" : "redis not connected",
               fr_log_text("address", self->url.address), fr_log_text("error", why));
    }
    if (self->options.on_connection != NULL && (connected || before == FR_REPORTED_CONNECTED)) {
        self->options.on_connection(self->options.argument, connected);
    }
}

static void on_ready(void *argument)
{
    struct fr_shared_cache *self = argument;
    report(self, true, "");
    fr_redis_sampler_ready(&self->sampler);
    if (self->options.on_invalidation != NULL) {
        fr_subscriber_ready(&self->subscriber);
    }
}

static void on_sample(void *argument, const struct fr_redis_info *sample)
{
    struct fr_shared_cache *self = argument;
    pthread_mutex_lock(&self->mu);
    self->info = *sample;
    pthread_mutex_unlock(&self->mu);
}

static void on_lost(void *argument, const char *why)
{
    struct fr_shared_cache *self = argument;
    report(self, false, why);
    fr_gets_fail(&self->gets);
}

static void on_turn_end(void *argument)
{
    struct fr_shared_cache *self = argument;
    fr_gets_send(&self->gets);
}

static void on_part_closed(void *argument)
{
    struct fr_shared_cache *self = argument;
    if (--self->open_parts > 0) {
        return;
    }
    pthread_mutex_lock(&self->mu);
    self->has_ended = true;
    pthread_cond_signal(&self->ended);
    pthread_mutex_unlock(&self->mu);
}

static void start(struct fr_task *task)
{
    struct fr_shared_cache *self = FR_CONTAINER(task, struct fr_shared_cache, start);
    const struct fr_redis_connection_options commands = {
        .loop = self->loop,
        .url = &self->url,
        .command_timeout_us = self->options.command_timeout_us,
        .load_scripts = true,
        .on_turn_end = on_turn_end,
        .on_ready = on_ready,
        .on_lost = on_lost,
        .on_closed = on_part_closed,
        .argument = self,
    };
    const struct fr_redis_sampler_options sampler = {
        .loop = self->loop,
        .commands = &self->commands,
        .on_sample = on_sample,
        .on_closed = on_part_closed,
        .argument = self,
    };
    self->open_parts = 2;
    fr_gets_init(&self->gets, &self->commands);
    fr_redis_connection_start(&self->commands, &commands);
    fr_redis_sampler_start(&self->sampler, &sampler);
    if (self->options.on_invalidation == NULL) {
        return;
    }
    const struct fr_subscriber_options subscriber = {
        .loop = self->loop,
        .url = &self->url,
        .command_timeout_us = self->options.command_timeout_us,
        .channel = self->channel,
        .counter = self->counter,
        .commands = &self->commands,
        .serves_until_us = &self->serves_until_us,
        .heard = &self->heard,
        .on_invalidation = self->options.on_invalidation,
        .on_drop = self->options.on_drop,
        .argument = self->options.argument,
        .on_closed = on_part_closed,
        .closed_argument = self,
    };
    self->open_parts++;
    fr_subscriber_start(&self->subscriber, &subscriber);
}

/* The command connection first: it may be carrying requests of the others. */
static void stop(struct fr_task *task)
{
    struct fr_shared_cache *self = FR_CONTAINER(task, struct fr_shared_cache, stop);
    atomic_store(&self->connected, false);
    fr_redis_connection_close(&self->commands);
    fr_gets_fail(&self->gets);
    fr_redis_sampler_close(&self->sampler);
    if (self->options.on_invalidation != NULL) {
        fr_subscriber_close(&self->subscriber);
    }
}

static void set_names(struct fr_shared_cache *self, const char *name_space)
{
    const char *colon = name_space[0] == '\0' ? "" : ":";
    snprintf(self->prefix, sizeof self->prefix, "%s%s", name_space, colon);
    self->prefix_size = strlen(self->prefix);
    /* Keys, and so the counter, are those of a database; channels are the server's. */
    if (self->url.database == 0) {
        snprintf(self->channel, sizeof self->channel, "%s%s", self->prefix, FR_CHANNEL);
    } else {
        snprintf(self->channel, sizeof self->channel, "%s%s@%u", self->prefix, FR_CHANNEL,
                 self->url.database);
    }
    snprintf(self->counter, sizeof self->counter, "%s%s", self->prefix, FR_COUNTER);
}

enum fr_code fr_shared_cache_new(struct fr_loop *loop, const struct fr_shared_cache_options *options,
                                 struct fr_shared_cache **ret_cache, struct fr_error *reterr)
{
    const char *name_space = options->name_space != NULL ? options->name_space : "";
    if (strlen(name_space) > FR_NAME_SPACE_MAX_BYTES) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "the namespace is longer than %d bytes",
                            FR_NAME_SPACE_MAX_BYTES);
    }
    struct fr_redis_url url;
    enum fr_code code = fr_redis_url_parse(options->url, &url, reterr);
    if (code != FR_OK) {
        return code;
    }
    struct fr_shared_cache *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return fr_error_no_memory(reterr);
    }
    self->loop = loop;
    self->url = url;
    self->options = *options;
    self->options.url = self->options.name_space = NULL;
    if (self->options.command_timeout_us == 0) {
        self->options.command_timeout_us = DEFAULT_COMMAND_TIMEOUT_US;
    }
    set_names(self, name_space);
    pthread_mutex_init(&self->mu, NULL);
    pthread_cond_init(&self->ended, NULL);
    self->start.run = start;
    self->stop.run = stop;
    fr_loop_post(loop, &self->start);
    *ret_cache = self;
    return FR_OK;
}

void fr_shared_cache_free(struct fr_shared_cache *self)
{
    if (self == NULL) {
        return;
    }
    fr_loop_post(self->loop, &self->stop);
    pthread_mutex_lock(&self->mu);
    while (!self->has_ended) {
        pthread_cond_wait(&self->ended, &self->mu);
    }
    pthread_mutex_unlock(&self->mu);
    pthread_mutex_destroy(&self->mu);
    pthread_cond_destroy(&self->ended);
    explicit_bzero(&self->url, sizeof self->url);
    free(self);
}

bool fr_shared_cache_connected(const struct fr_shared_cache *self)
{
    return atomic_load(&self->connected);
}

uint64_t fr_shared_cache_serves_until(const struct fr_shared_cache *self)
{
    return atomic_load_explicit(&self->serves_until_us, memory_order_acquire);
}

/* The incarnation first: were the number older than it, it could be of the life before. */
bool fr_shared_cache_heard(const struct fr_shared_cache *self, struct fr_event_id event)
{
    return atomic_load(&self->heard.incarnation) == event.incarnation && atomic_load(&self->heard.number) >= event.number;
}

bool fr_shared_cache_await(struct fr_shared_cache *self, struct fr_event_wait *wait)
{
    return fr_subscriber_await(&self->subscriber, wait);
}

bool fr_shared_cache_redis_info(struct fr_shared_cache *self, struct fr_redis_info *ret_info)
{
    pthread_mutex_lock(&self->mu);
    struct fr_redis_info info = self->info;
    pthread_mutex_unlock(&self->mu);
    if (info.sampled_us == 0) {
        return false;
    }
    *ret_info = info;
    return true;
}
