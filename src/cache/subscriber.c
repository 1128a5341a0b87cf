/* SPDX-License-Identifier: MIT */
/*
 * subscriber.c - SUBSCRIBE, decode events, and notice a connection that has gone silent.
 *
 * hiredis gives no callback for a PING on a subscribed connection. So the command connection publishes a
 * heartbeat once a second to a channel that only this subscriber hears; one that Redis accepted and that has
 * not come back by the next beat condemns the subscription, and it is made anew.
 */
#include "cache/subscriber.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "cache/record.h"

#define HEARTBEAT_US (1 * FR_SECOND_US)

static bool is_text(const redisReply *reply, const char *text)
{
    return reply->type == REDIS_REPLY_STRING && strcmp(reply->str, text) == 0;
}

static void handle_event(struct fr_subscriber *self, const redisReply *payload)
{
    struct fr_invalidation_event event;
    struct fr_bytes bytes = {.data = (const uint8_t *)payload->str, .size = (size_t)payload->len};
    if (!fr_invalidation_event_decode(bytes, &event)) {
        self->malformed++;
        fr_log(FR_LOG_DEBUG, "malformed invalidation", fr_log_text("channel", self->options.channel),
               fr_log_number("size", bytes.size), fr_log_number("malformed", self->malformed));
        return;
    }
    self->options.on_invalidation(self->options.argument, event.key, event.version, event.number);
}

/* Acknowledgements of SUBSCRIBE and messages; NULL when the connection ends. */
static void on_message(redisAsyncContext *context, void *answer, void *argument)
{
    struct fr_subscriber *self = argument;
    const redisReply *reply = answer;
    if (context != self->connection.context || reply == NULL || reply->type != REDIS_REPLY_ARRAY ||
        reply->elements != 3) {
        return;
    }
    const redisReply *channel = reply->element[1], *payload = reply->element[2];
    if (is_text(reply->element[0], "subscribe")) {
        self->subscribed = self->subscribed || is_text(channel, self->heartbeat_channel);
    } else if (!is_text(reply->element[0], "message") || payload->type != REDIS_REPLY_STRING) {
        return;
    } else if (is_text(channel, self->options.channel)) {
        handle_event(self, payload);
    } else if (is_text(channel, self->heartbeat_channel)) {
        self->beat_heard = strtoull(payload->str, NULL, 10);
    }
}

/* The heartbeat's channel comes second, so its acknowledgement stands for both. */
static void on_ready(void *argument)
{
    struct fr_subscriber *self = argument;
    if (redisAsyncCommand(self->connection.context, on_message, self, "SUBSCRIBE %s %s",
                          self->options.channel, self->heartbeat_channel) != REDIS_OK) {
        fr_redis_connection_drop(&self->connection, "cannot subscribe");
    }
}

static void on_lost(void *argument, const char *why)
{
    (void)why; /* the command connection reports the state of Redis */
    struct fr_subscriber *self = argument;
    self->subscribed = false;
    self->beat_accepted = self->beat_heard = self->beat;
}

static void on_published(struct fr_redis_request *request, const redisReply *reply)
{
    struct fr_subscriber *self =
        (struct fr_subscriber *)((char *)request - offsetof(struct fr_subscriber, publish));
    self->publishing = false;
    if (reply != NULL && reply->type == REDIS_REPLY_INTEGER && self->subscribed) {
        self->beat_accepted = self->beat;
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct fr_subscriber *self = timer->data;
    if (!self->subscribed || self->publishing) {
        return;
    }
    if (self->beat_accepted > self->beat_heard) {
        fr_redis_connection_drop(&self->connection, "the subscription is silent");
        return;
    }
    char number[24];
    snprintf(number, sizeof number, "%" PRIu64, self->beat + 1);
    const char *words[] = {"PUBLISH", self->heartbeat_channel, number};
    size_t sizes[] = {strlen(words[0]), strlen(words[1]), strlen(words[2])};
    self->publish.done = on_published;
    if (fr_redis_connection_send(self->options.commands, &self->publish, 3, words, sizes)) {
        self->publishing = true;
        self->beat++;
    }
}

static void close_part(struct fr_subscriber *self)
{
    if (--self->open_parts == 0) {
        self->options.on_closed(self->options.closed_argument);
    }
}

static void on_connection_closed(void *argument)
{
    close_part(argument);
}

static void on_timer_closed(uv_handle_t *handle)
{
    close_part(handle->data);
}

void fr_subscriber_start(struct fr_subscriber *self, const struct fr_subscriber_options *options)
{
    *self = (struct fr_subscriber){.options = *options, .open_parts = 2};
    snprintf(self->heartbeat_channel, sizeof self->heartbeat_channel, "%s:heartbeat:%016" PRIx64,
             options->channel, fr_random_u64());
    uv_timer_init(fr_loop_uv_get(options->loop), &self->timer);
    self->timer.data = self;
    uv_timer_start(&self->timer, on_timer, fr_loop_ms(HEARTBEAT_US), fr_loop_ms(HEARTBEAT_US));
    const struct fr_redis_connection_options connection = {
        .loop = options->loop,
        .url = options->url,
        .command_timeout_us = options->command_timeout_us,
        .on_ready = on_ready,
        .on_lost = on_lost,
        .on_closed = on_connection_closed,
        .argument = self,
    };
    fr_redis_connection_start(&self->connection, &connection);
}

void fr_subscriber_close(struct fr_subscriber *self)
{
    fr_redis_connection_close(&self->connection);
    uv_close((uv_handle_t *)&self->timer, on_timer_closed);
}
