/* SPDX-License-Identifier: MIT */
/*
 * redis_pipeline.h - GET from Redis for many threads over one connection of hiredis's asynchronous API. One libuv
 * thread owns the connection; what threads ask for meanwhile leaves together.
 */
#ifndef PEERS_REDIS_PIPELINE_H
#define PEERS_REDIS_PIPELINE_H

#include <cstddef>
#include <string>

/* Derived by whoever asks; Done runs once, on the Redis thread, and may delete it. */
class RedisGet
{
  public:
    virtual ~RedisGet() = default;
    /* data is nullptr if there is no such key or Redis failed; borrowed until it returns. */
    virtual void Done(const char *data, size_t size) = 0;

    std::string key;
    RedisGet *next = nullptr; /* of the pipeline */
};

/* Connects on the loopback interface and starts the thread. false: there is no Redis. Once only. */
bool RedisPipelineStart(int port);
/* Thread-safe. */
void RedisPipelineGet(RedisGet *get);

#endif
