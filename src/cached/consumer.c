/* SPDX-License-Identifier: MIT */
/*
 * consumer.c - RPC methods that are served from the cache, then from the method of another service.
 */
#include "cached/consumer.h"

#include <stdlib.h>

#include "base/clock.h"
#include "cached/reply.h"

struct consumer_read {
    struct fr_consumer *consumer;
    struct fr_bytes request;
    uint64_t deadline_us;
    void (*done)(void *argument, const struct fr_read_result *result);
    void *argument;
};

uint64_t fr_forward_timeout_us(uint64_t deadline_us)
{
    if (deadline_us == 0) {
        return FR_DEFAULT_TIMEOUT_US;
    }
    uint64_t now_us = fr_clock_now_us();
    return deadline_us > now_us ? deadline_us - now_us : 1;
}

static uint64_t parse_version(struct fr_bytes text)
{
    uint64_t version = 0;
    for (size_t i = 0; i < text.size && text.data[i] >= '0' && text.data[i] <= '9'; i++) {
        version = version * 10 + (uint64_t)(text.data[i] - '0');
    }
    return version;
}

static void on_origin(void *argument, const struct fr_result *result)
{
    struct fr_bytes source = fr_metadata_find(result->metadata, "x-cache");
    struct fr_read_result loaded = {
        .code = result->code,
        .message = result->message,
        .version = parse_version(fr_metadata_find(result->metadata, "x-cache-version")),
        .payload = result->payload,
        .source = fr_bytes_equal(source, fr_bytes_of("redis")) ? FR_SOURCE_REDIS : FR_SOURCE_ORIGIN,
    };
    fr_read_loaded(argument, &loaded);
}

static void load(struct fr_read *read, void *argument)
{
    struct consumer_read *self = argument;
    struct fr_call_options options = {.timeout_us = fr_forward_timeout_us(self->deadline_us)};
    fr_channel_start(self->consumer->origin, self->consumer->origin_method, self->request, &options, on_origin, read,
                     NULL);
}

static void on_read(void *argument, const struct fr_read_result *result)
{
    struct consumer_read *self = argument;
    self->done(self->argument, result);
    free(self);
}

void fr_consumer_read(struct fr_consumer *self, const struct fr_key *key, struct fr_bytes request,
                      uint64_t deadline_us, void (*done)(void *argument, const struct fr_read_result *result),
                      void *argument)
{
    struct consumer_read *read = malloc(sizeof *read);
    if (read == NULL) {
        struct fr_read_result result = {.code = FR_RESOURCE_EXHAUSTED, .message = "out of memory"};
        done(argument, &result);
        return;
    }
    *read = (struct consumer_read){self, request, deadline_us, done, argument};
    fr_read_start(&(struct fr_read_options){
        .loop = self->loop,
        .shared = self->shared,
        .policy = self->policy,
        .role = FR_READ_CONSUMER,
        .key = *key,
        .deadline_us = deadline_us,
        .load = load,
        .done = on_read,
        .argument = read,
    });
}

static void answer(void *argument, const struct fr_read_result *result)
{
    fr_read_reply(argument, result);
}

void fr_consumer_handle(struct fr_call *call, void *context)
{
    struct fr_consumer *self = context;
    struct ProtobufCMessage *request;
    struct fr_key key;
    struct fr_error error;
    if (fr_call_unpack(call, &request, &error) != FR_OK || fr_policy_key(self->policy, request, &key, &error) != FR_OK) {
        fr_call_fail_error(call, &error);
        return;
    }
    fr_consumer_read(self, &key, fr_call_request(call), fr_call_deadline_us(call), answer, call);
}
