/* SPDX-License-Identifier: MIT */
/*
 * redis_pipeline.cc - pipelined GET from Redis. Requests wait in a stack without locks; the libuv thread takes all of
 * them at one wake-up, in the order of asking, and hiredis writes them in one go.
 */
#include "peers/redis_pipeline.h"

#include <hiredis/adapters/libuv.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <uv.h>

#include <atomic>
#include <thread>

namespace
{

std::atomic<RedisGet *> asked{nullptr};
redisAsyncContext *redis;
uv_loop_t loop;
uv_async_t wake;

void OnReply(redisAsyncContext *, void *reply, void *argument)
{
    auto *get = static_cast<RedisGet *>(argument);
    auto *value = static_cast<redisReply *>(reply);
    bool found = value != nullptr && value->type == REDIS_REPLY_STRING;
    get->Done(found ? value->str : nullptr, found ? value->len : 0);
}

void OnWake(uv_async_t *)
{
    RedisGet *stack = asked.exchange(nullptr, std::memory_order_acquire), *first = nullptr;
    while (stack != nullptr) {
        RedisGet *next = stack->next;
        stack->next = first;
        first = stack;
        stack = next;
    }
    while (first != nullptr) {
        RedisGet *get = first;
        first = get->next;
        const char *words[] = {"GET", get->key.data()};
        const size_t sizes[] = {3, get->key.size()};
        if (redisAsyncCommandArgv(redis, OnReply, get, 2, words, sizes) != REDIS_OK) {
            get->Done(nullptr, 0);
        }
    }
}

} // namespace

bool RedisPipelineStart(int port)
{
    redis = redisAsyncConnect("127.0.0.1", port);
    if (redis == nullptr || redis->err != 0 || uv_loop_init(&loop) != 0 ||
        uv_async_init(&loop, &wake, OnWake) != 0 || redisLibuvAttach(redis, &loop) != REDIS_OK) {
        return false;
    }
    std::thread([] { uv_run(&loop, UV_RUN_DEFAULT); }).detach(); /* until the process ends */
    return true;
}

void RedisPipelineGet(RedisGet *get)
{
    get->next = asked.load(std::memory_order_relaxed);
    while (
        !asked.compare_exchange_weak(get->next, get, std::memory_order_release, std::memory_order_relaxed)) {
    }
    /* Only the first of a group wakes the thread: it takes all that are there by then. */
    if (get->next == nullptr) {
        uv_async_send(&wake);
    }
}
