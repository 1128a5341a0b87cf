/* SPDX-License-Identifier: MIT */
/*
 * cache_fixture.c - drive a shared cache from a test's thread.
 */
#include "cache_fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum action { DO_GET, DO_LEASE, DO_FILL, DO_INVALIDATE };

struct errand {
    struct fr_task task;
    struct fixture *fixture;
    enum action action;
    struct fr_key key;
    uint64_t token, version, duration_us;
    const char *payload;
    uint64_t ended; /* guarded by the fixture's wait */
    struct outcome outcome;
};

static void on_connection(void *argument, bool connected)
{
    struct fixture *self = argument;
    fr_wait_lock(&self->wait);
    self->ups += connected;
    self->downs += !connected;
    fr_wait_unlock_changed(&self->wait);
}

static void on_invalidation(void *argument, const struct fr_invalidation_event *heard)
{
    struct fixture *self = argument;
    fr_wait_lock(&self->wait);
    struct fixture_event *event = &self->events[self->event_count++ % FIXTURE_EVENTS];
    *event = (struct fixture_event){
        .number = heard->number, .version = heard->version, .commit_time_us = heard->commit_time_us};
    snprintf(event->key, sizeof event->key, "%.*s", (int)heard->key.size, (const char *)heard->key.data);
    fr_wait_unlock_changed(&self->wait);
}

static void on_drop(void *argument, enum fr_drop_cause cause)
{
    struct fixture *self = argument;
    fr_wait_lock(&self->wait);
    self->drops[cause]++;
    fr_wait_unlock_changed(&self->wait);
}

static void connect_plain(struct fixture *self)
{
    self->redis = redisConnect("127.0.0.1", self->server->port);
    FR_ASSERT(self->redis != NULL && self->redis->err == 0);
    if (self->server->password[0] != '\0') {
        freeReplyObject(redisCommand(self->redis, "AUTH %s", self->server->password));
    }
}

void fixture_open(struct fixture *self, struct fr_redis_server *server, const struct fixture_options *options)
{
    memset(self, 0, sizeof *self);
    self->server = server;
    fr_wait_init(&self->wait);
    connect_plain(self);
    freeReplyObject(fixture_redis(self, "FLUSHALL"));
    FR_ASSERT(fr_loop_new(&self->loop, NULL) == FR_OK);
    struct fr_shared_cache_options cache = {
        .url = options->url != NULL ? options->url : server->url,
        .name_space = options->name_space,
        .command_timeout_us =
            options->command_timeout_us != 0 ? options->command_timeout_us : 5 * FR_SECOND_US,
        .on_invalidation = options->subscribe ? on_invalidation : NULL,
        .on_drop = on_drop,
        .on_connection = on_connection,
        .argument = self,
    };
    FR_ASSERT(fr_shared_cache_new(self->loop, &cache, &self->cache, NULL) == FR_OK);
}

struct fr_shared_cache *fixture_second_cache(struct fixture *self, const char *name_space)
{
    struct fr_shared_cache_options options = {.url = self->server->url,
                                              .name_space = name_space,
                                              .command_timeout_us = 5 * FR_SECOND_US,
                                              .on_connection = on_connection,
                                              .argument = self};
    struct fr_shared_cache *cache;
    FR_ASSERT(fr_shared_cache_new(self->loop, &options, &cache, NULL) == FR_OK);
    return cache;
}

void fixture_wait_up(struct fixture *self, uint64_t times)
{
    FR_ASSERT(fr_wait_for(&self->wait, &self->ups, times, FR_TEST_PATIENCE_US));
}

void fixture_close(struct fixture *self)
{
    fr_shared_cache_free(self->cache);
    fr_loop_free(self->loop);
    if (self->redis != NULL) {
        redisFree(self->redis);
    }
    fr_wait_fini(&self->wait);
}

static void end(struct errand *self)
{
    fr_wait_lock(&self->fixture->wait);
    self->ended++;
    fr_wait_unlock_changed(&self->fixture->wait);
}

static void value_done(void *argument, const struct fr_shared_value *value)
{
    struct errand *self = argument;
    self->outcome = (struct outcome){.code = value->code,
                                     .kind = value->kind,
                                     .version = value->version,
                                     .floor = value->floor,
                                     .granted = value->granted,
                                     .wait = value->wait};
    snprintf(self->outcome.payload, sizeof self->outcome.payload, "%.*s", (int)value->payload.size,
             value->payload.data != NULL ? (const char *)value->payload.data : "");
    end(self);
}

static void fill_done(void *argument, enum fr_code code, bool stored)
{
    struct errand *self = argument;
    self->outcome = (struct outcome){.code = code, .stored = stored};
    end(self);
}

static void invalidate_done(void *argument, enum fr_code code, struct fr_event_id event)
{
    struct errand *self = argument;
    self->outcome = (struct outcome){.code = code, .event = event};
    end(self);
}

static void run_errand(struct fr_task *task)
{
    struct errand *self = (struct errand *)((char *)task - offsetof(struct errand, task));
    struct fr_shared_cache *cache = self->fixture->cache;
    switch (self->action) {
    case DO_GET:
        fr_shared_cache_get(cache, &self->key, value_done, self);
        break;
    case DO_LEASE:
        fr_shared_cache_lease(cache, &self->key,
                              &(struct fr_lease){.token = self->token, .duration_us = self->duration_us}, value_done,
                              self);
        break;
    case DO_FILL:
        fr_shared_cache_fill(
            cache, &self->key,
            &(struct fr_fill){.token = self->token,
                              .kind = self->payload != NULL ? FR_VALUE_FOUND : FR_VALUE_NOT_FOUND,
                              .version = self->version,
                              .payload = fr_bytes_of(self->payload != NULL ? self->payload : ""),
                              .hard_us = self->duration_us},
            fill_done, self);
        break;
    case DO_INVALIDATE:
        fr_shared_cache_invalidate(
            cache,
            &(struct fr_invalidation){
                .key = &self->key, .version = self->version, .commit_time_us = FIXTURE_COMMIT_TIME_US},
            invalidate_done, self);
        break;
    }
}

static struct outcome carry_out(struct fixture *self, const char *id, struct errand errand)
{
    errand.fixture = self;
    errand.key = fixture_key(id);
    errand.task.run = run_errand;
    fr_loop_post(self->loop, &errand.task);
    FR_ASSERT(fr_wait_for(&self->wait, &errand.ended, 1, FR_TEST_PATIENCE_US));
    return errand.outcome;
}

struct fr_key fixture_key(const char *id)
{
    struct fr_key key;
    struct fr_bytes field = fr_bytes_of(id);
    FR_ASSERT(fr_key_make(&key, "user", &field, 1, NULL) == FR_OK);
    return key;
}

struct outcome do_get(struct fixture *self, const char *id)
{
    return carry_out(self, id, (struct errand){.action = DO_GET});
}

struct outcome do_lease(struct fixture *self, const char *id, uint64_t token, uint64_t lease_us)
{
    return carry_out(self, id, (struct errand){.action = DO_LEASE, .token = token, .duration_us = lease_us});
}

struct outcome do_fill_ttl(struct fixture *self, const char *id, uint64_t token, uint64_t version,
                           const char *payload, uint64_t ttl_us)
{
    return carry_out(self, id,
                     (struct errand){.action = DO_FILL,
                                     .token = token,
                                     .version = version,
                                     .payload = payload,
                                     .duration_us = ttl_us});
}

struct outcome do_fill(struct fixture *self, const char *id, uint64_t token, uint64_t version,
                       const char *payload)
{
    return do_fill_ttl(self, id, token, version, payload, 60 * FR_SECOND_US);
}

struct outcome do_invalidate(struct fixture *self, const char *id, uint64_t version)
{
    return carry_out(self, id, (struct errand){.action = DO_INVALIDATE, .version = version});
}

static redisReply *command(struct fixture *self, const char *format, va_list arguments)
{
    redisReply *reply = redisvCommand(self->redis, format, arguments);
    FR_ASSERT(reply != NULL && reply->type != REDIS_REPLY_ERROR);
    return reply;
}

redisReply *fixture_redis(struct fixture *self, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = command(self, format, arguments);
    va_end(arguments);
    return reply;
}

long long fixture_redis_integer(struct fixture *self, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = command(self, format, arguments);
    va_end(arguments);
    FR_ASSERT(reply->type == REDIS_REPLY_INTEGER);
    long long integer = reply->integer;
    freeReplyObject(reply);
    return integer;
}
