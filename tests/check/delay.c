/* SPDX-License-Identifier: MIT */
/*
 * delay.c - how long Redis takes from PUBLISH to delivery.
 */
#include "check/delay.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"

#define CHANNEL   "check-delay"
#define PERIOD_NS 10000000
#define TIMEOUT_S 5

static redisContext *publisher, *subscriber;
static pthread_t publishing, hearing;
static atomic_bool stopping;
static struct fr_histogram measured; /* the hearing thread's until it has ended */

static void *publish(void *argument)
{
    (void)argument;
    const struct itimerspec period = {.it_interval.tv_nsec = PERIOD_NS, .it_value.tv_nsec = PERIOD_NS};
    uint64_t expirations;
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    FR_ASSERT(timer >= 0 && timerfd_settime(timer, 0, &period, NULL) == 0);
    bool last = false;
    while (!last && read(timer, &expirations, sizeof expirations) > 0) {
        last = atomic_load(&stopping); /* one more, so that the other thread wakes up */
        freeReplyObject(redisCommand(publisher, "PUBLISH " CHANNEL " %" PRIu64, fr_clock_now_us()));
    }
    close(timer);
    return NULL;
}

static void *hear(void *argument)
{
    (void)argument;
    redisReply *reply = NULL;
    while (!atomic_load(&stopping) && redisGetReply(subscriber, (void **)&reply) == REDIS_OK) {
        uint64_t now_us = fr_clock_now_us();
        if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 3) {
            uint64_t sent_us = strtoull(reply->element[2]->str, NULL, 10);
            fr_histogram_record(&measured, now_us > sent_us ? now_us - sent_us : 0);
        }
        freeReplyObject(reply);
    }
    return NULL;
}

static redisContext *connect_to(unsigned port)
{
    const struct timeval timeout = {.tv_sec = TIMEOUT_S};
    redisContext *context = redisConnectWithTimeout("127.0.0.1", (int)port, timeout);
    if (context != NULL && (context->err != 0 || redisSetTimeout(context, timeout) != REDIS_OK)) {
        redisFree(context);
        context = NULL;
    }
    return context;
}

enum fr_code delay_start(unsigned port, struct fr_error *reterr)
{
    publisher = connect_to(port);
    subscriber = connect_to(port);
    redisReply *reply = subscriber == NULL ? NULL : redisCommand(subscriber, "SUBSCRIBE " CHANNEL);
    bool ready = publisher != NULL && reply != NULL && reply->type == REDIS_REPLY_ARRAY;
    freeReplyObject(reply);
    if (!ready || pthread_create(&publishing, NULL, publish, NULL) != 0) {
        return fr_error_set(reterr, FR_UNAVAILABLE, "no Redis on port %u", port);
    }
    FR_ASSERT(pthread_create(&hearing, NULL, hear, NULL) == 0);
    return FR_OK;
}

void delay_stop(struct fr_histogram *out)
{
    atomic_store(&stopping, true);
    pthread_join(publishing, NULL);
    pthread_join(hearing, NULL);
    redisFree(publisher);
    redisFree(subscriber);
    fr_histogram_add(out, &measured);
}
