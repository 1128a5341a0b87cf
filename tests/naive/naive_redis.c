/* SPDX-License-Identifier: MIT */
/*
 * naive_redis.c - plain commands over blocking connections.
 */
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "naive/naive.h"

#define COMMAND_MS   250
#define TTL_S        "60"
#define RECONNECT_MS 50

bool naive_redis_connect(const struct naive *self, struct redisContext **place, unsigned timeout_ms)
{
    const struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    if (*place != NULL && (*place)->err != 0) {
        redisFree(*place);
        *place = NULL;
    }
    if (*place == NULL) {
        const char *colon = strrchr(self->redis_url, ':');
        *place = redisConnectWithTimeout("127.0.0.1", atoi(colon == NULL ? "" : colon + 1), timeout);
        if (*place != NULL && (*place)->err == 0) {
            redisSetTimeout(*place, timeout);
        }
    }
    return *place != NULL && (*place)->err == 0;
}

static redisReply *command(struct naive *self, unsigned worker, const char *const words[], const size_t sizes[],
                           int count)
{
    struct redisContext **place = &self->redis[worker];
    if (!naive_redis_connect(self, place, COMMAND_MS)) {
        return NULL;
    }
    return redisCommandArgv(*place, count, (const char **)words, sizes);
}

bool naive_redis_get(struct naive *self, unsigned worker, const char *key, struct fr_buffer *ret_value)
{
    redisReply *reply = command(self, worker, (const char *const[]){"GET", key}, (size_t[]){3, strlen(key)}, 2);
    bool found = reply != NULL && reply->type == REDIS_REPLY_STRING;
    if (found) {
        fr_buffer_append(ret_value, reply->str, (size_t)reply->len);
    }
    freeReplyObject(reply);
    return found;
}

void naive_redis_set(struct naive *self, unsigned worker, const char *key, struct fr_bytes value)
{
    freeReplyObject(command(self, worker, (const char *const[]){"SET", key, (const char *)value.data, "EX", TTL_S},
                            (size_t[]){3, strlen(key), value.size, 2, strlen(TTL_S)}, 5));
}

void naive_redis_publish(struct naive *self, unsigned worker, const char *key)
{
    freeReplyObject(command(self, worker, (const char *const[]){"PUBLISH", NAIVE_CHANNEL, key},
                            (size_t[]){7, strlen(NAIVE_CHANNEL), strlen(key)}, 3));
}

/* Returns when the subscription is lost; events of the time until the next one are lost too. */
static void hear(struct naive *self, struct redisContext *subscription, struct redisContext **commands,
                 void (*on_event)(const char *key))
{
    redisReply *reply = redisCommand(subscription, "SUBSCRIBE %s", NAIVE_CHANNEL);
    const struct timeval forever = {0};
    redisSetTimeout(subscription, forever);
    while (reply != NULL) {
        if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 && reply->element[2]->type == REDIS_REPLY_STRING) {
            const char *key = reply->element[2]->str;
            if (naive_redis_connect(self, commands, COMMAND_MS)) {
                freeReplyObject(redisCommand(*commands, "DEL %s", key));
            }
            on_event(key);
        }
        freeReplyObject(reply);
        reply = NULL;
        if (redisGetReply(subscription, (void **)&reply) != REDIS_OK) {
            return;
        }
    }
}

void naive_redis_listen(struct naive *self, void (*on_event)(const char *key))
{
    struct redisContext *subscription = NULL, *commands = NULL;
    for (;;) {
        if (naive_redis_connect(self, &subscription, COMMAND_MS)) {
            hear(self, subscription, &commands, on_event);
            redisFree(subscription);
            subscription = NULL;
        }
        poll(NULL, 0, RECONNECT_MS);
    }
}
