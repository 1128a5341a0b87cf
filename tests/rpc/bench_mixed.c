/* SPDX-License-Identifier: MIT */
/*
 * bench_mixed.c - what slow calls and overload do to a channel, between two processes.
 *
 *   bench_mixed slow [SECONDS]      64 calls under way, fast ones answered inline: their latency alone and with one
 *                                   call in a hundred that takes 50 ms; and how long after it is ready a slow answer
 *                                   arrives
 *   bench_mixed overload [SECONDS]  a method that holds 100 calls for 5 ms each, so 20,000 calls/s at most, offered
 *                                   three times as many
 */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/histogram.h"
#include "base/timer.h"
#include "rpc/channel.h"
#include "rpc/server.h"

#define FAST          "bench.v1.Mixed/Fast"
#define SLOW          "bench.v1.Mixed/Slow"
#define LIMITED       "bench.v1.Mixed/Limited"
#define SLOW_US       (50 * FR_MILLISECOND_US)
#define LIMITED_US    (5 * FR_MILLISECOND_US)
#define LIMITED_CALLS 100
#define IN_FLIGHT     64
#define ROUNDS        5

/* ---- the server ---- */

struct later {
    struct fr_timer timer;
    struct fr_call *call;
};

/* Answers with the time at which the answer was ready; both processes read one clock. */
static void answer_later(struct fr_timer *timer)
{
    struct later *later = (struct later *)timer;
    uint64_t now_us = fr_clock_now_us();
    fr_call_reply(later->call, (struct fr_bytes){(const uint8_t *)&now_us, sizeof now_us});
    free(later);
}

static void delay(struct fr_call *call, uint64_t delay_us)
{
    struct later *later = calloc(1, sizeof *later);
    FR_ASSERT(later != NULL);
    later->call = call;
    fr_timer_start(&later->timer, fr_clock_now_us() + delay_us, answer_later);
}

static void slow(struct fr_call *call, void *context)
{
    (void)context;
    delay(call, SLOW_US);
}

static void limited(struct fr_call *call, void *context)
{
    (void)context;
    delay(call, LIMITED_US);
}

static void fast(struct fr_call *call, void *context)
{
    (void)context;
    fr_call_reply(call, fr_call_request(call));
}

static void serve(int address_fd)
{
    static const struct fr_method methods[] = {{.name = FAST}, {.name = SLOW}, {.name = LIMITED}};
    const struct fr_server_method served[] = {
        {.method = &methods[0], .handler = fast},
        {.method = &methods[1], .handler = slow},
        {.method = &methods[2], .handler = limited},
    };
    struct fr_server *server;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    FR_ASSERT(fr_server_new(&server, NULL) == FR_OK);
    FR_ASSERT(fr_server_register(server, "bench.v1.Mixed", served, 3, NULL) == FR_OK);
    FR_ASSERT(fr_server_limit_method(server, LIMITED, LIMITED_CALLS, NULL) == FR_OK);
    FR_ASSERT(fr_server_listen(server, "tcp://127.0.0.1:0", NULL) == FR_OK);
    FR_ASSERT(fr_server_serve(server, NULL) == FR_OK);
    char address[128] = "";
    snprintf(address, sizeof address, "%s", fr_server_address(server));
    FR_ASSERT(write(address_fd, address, sizeof address) == sizeof address);
    for (;;) {
        pause();
    }
}

/* ---- the client ---- */

struct figures {
    pthread_mutex_t mu;
    struct fr_histogram fast_us, arrival_us, refused_us;
    uint64_t good, refused, other;
};

struct client {
    struct fr_channel *channel;
    struct figures figures;
    unsigned slow_every; /* 0: never */
    atomic_uint started;
    atomic_bool stopped;
    atomic_uint active;
};

struct slot {
    struct client *client;
    uint64_t start_us;
    bool slow;
};

static void start(struct slot *slot);

static void on_done(void *argument, const struct fr_result *result)
{
    struct slot *slot = argument;
    struct client *client = slot->client;
    struct figures *figures = &client->figures;
    uint64_t now_us = fr_clock_now_us(), ready_us;
    pthread_mutex_lock(&figures->mu);
    if (result->code != FR_OK) {
        figures->other++;
    } else if (slot->slow && result->payload.size == sizeof ready_us) {
        memcpy(&ready_us, result->payload.data, sizeof ready_us);
        fr_histogram_record(&figures->arrival_us, now_us - ready_us);
    } else {
        fr_histogram_record(&figures->fast_us, now_us - slot->start_us);
        figures->good++;
    }
    pthread_mutex_unlock(&figures->mu);
    start(slot);
}

static void start(struct slot *slot)
{
    struct client *client = slot->client;
    if (atomic_load(&client->stopped)) {
        atomic_fetch_sub(&client->active, 1);
        return;
    }
    unsigned number = atomic_fetch_add(&client->started, 1);
    slot->slow = client->slow_every != 0 && number % client->slow_every == 0;
    slot->start_us = fr_clock_now_us();
    fr_channel_start(client->channel, slot->slow ? SLOW : FAST, fr_bytes_of("sixteen bytes   "), NULL, on_done, slot,
                     NULL);
}

static void pause_us(uint64_t time_us)
{
    struct timespec pause = {(time_t)(time_us / FR_SECOND_US), (long)(time_us % FR_SECOND_US) * 1000};
    nanosleep(&pause, NULL);
}

static void run_closed(struct client *client, uint64_t duration_us)
{
    static struct slot slots[IN_FLIGHT];
    atomic_store(&client->stopped, false);
    atomic_store(&client->active, IN_FLIGHT);
    for (unsigned i = 0; i < IN_FLIGHT; i++) {
        slots[i].client = client;
        start(&slots[i]);
    }
    pause_us(duration_us);
    atomic_store(&client->stopped, true);
    while (atomic_load(&client->active) > 0) {
        pause_us(FR_MILLISECOND_US);
    }
}

static void bench_slow(struct client *client, uint64_t duration_us)
{
    static struct client with_slow;
    with_slow.channel = client->channel;
    with_slow.slow_every = 100;
    pthread_mutex_init(&with_slow.figures.mu, NULL);
    for (unsigned round = 0; round < ROUNDS; round++) {
        run_closed(client, duration_us / ROUNDS);
        run_closed(&with_slow, duration_us / ROUNDS);
    }
    const struct fr_histogram *alone = &client->figures.fast_us, *mixed = &with_slow.figures.fast_us;
    const struct fr_histogram *arrival = &with_slow.figures.arrival_us;
    printf("fast calls at %u in flight    alone: %" PRIu64 " calls, p50 %" PRIu64 " us, p99 %" PRIu64 " us\n", IN_FLIGHT,
           alone->count, fr_histogram_quantile(alone, 0.5), fr_histogram_quantile(alone, 0.99));
    printf("with 1%% of 50 ms calls: %" PRIu64 " calls, p50 %" PRIu64 " us, p99 %" PRIu64 " us (%.2f x)\n", mixed->count,
           fr_histogram_quantile(mixed, 0.5), fr_histogram_quantile(mixed, 0.99),
           (double)fr_histogram_quantile(mixed, 0.99) / (double)fr_histogram_quantile(alone, 0.99));
    printf("slow answers, from ready to arrived: %" PRIu64 " calls, p50 %" PRIu64 " us, p99 %" PRIu64 " us\n",
           arrival->count, fr_histogram_quantile(arrival, 0.5), fr_histogram_quantile(arrival, 0.99));
    printf("failed: %" PRIu64 "\n", client->figures.other + with_slow.figures.other);
}

struct offered {
    struct client *client;
    uint64_t start_us;
};

static void on_offered_done(void *argument, const struct fr_result *result)
{
    struct offered *offered = argument;
    struct client *client = offered->client;
    struct figures *figures = &client->figures;
    uint64_t time_us = fr_clock_now_us() - offered->start_us;
    pthread_mutex_lock(&figures->mu);
    if (result->code == FR_OK) {
        figures->good++;
    } else if (result->code == FR_RESOURCE_EXHAUSTED && result->retry_after_us > 0) {
        figures->refused++;
        fr_histogram_record(&figures->refused_us, time_us);
    } else {
        figures->other++;
    }
    pthread_mutex_unlock(&figures->mu);
    atomic_fetch_sub(&client->active, 1);
    free(offered);
}

static void bench_overload(struct client *client, uint64_t duration_us)
{
    const double capacity = (double)LIMITED_CALLS * FR_SECOND_US / LIMITED_US;
    const double rate = 3 * capacity;
    uint64_t begin_us = fr_clock_now_us(), sent = 0, now_us;
    while ((now_us = fr_clock_now_us()) - begin_us < duration_us) {
        for (uint64_t due = (uint64_t)(rate * (double)(now_us - begin_us) / FR_SECOND_US); sent < due; sent++) {
            struct offered *offered = malloc(sizeof *offered);
            FR_ASSERT(offered != NULL);
            *offered = (struct offered){client, fr_clock_now_us()};
            atomic_fetch_add(&client->active, 1);
            fr_channel_start(client->channel, LIMITED, fr_bytes_of("x"), NULL, on_offered_done, offered, NULL);
        }
        pause_us(100);
    }
    double seconds = (double)(fr_clock_now_us() - begin_us) / FR_SECOND_US;
    while (atomic_load(&client->active) > 0) {
        pause_us(FR_MILLISECOND_US);
    }
    const struct figures *figures = &client->figures;
    printf("offered %.0f calls/s to a method that can do %.0f\n", (double)sent / seconds, capacity);
    printf("answered %.0f calls/s (%.0f%% of capacity), refused %.0f calls/s, failed %" PRIu64 "\n",
           (double)figures->good / seconds, 100 * (double)figures->good / seconds / capacity,
           (double)figures->refused / seconds, figures->other);
    printf("refusals: p50 %" PRIu64 " us, p99 %" PRIu64 " us\n", fr_histogram_quantile(&figures->refused_us, 0.5),
           fr_histogram_quantile(&figures->refused_us, 0.99));
}

int main(int argc, char **argv)
{
    static struct client client;
    int address[2];
    char target[128];
    bool overload = argc > 1 && strcmp(argv[1], "overload") == 0;
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 5;
    if (argc < 2 || (!overload && strcmp(argv[1], "slow") != 0) || !(seconds >= 0.1 && seconds <= 3600)) {
        fprintf(stderr, "usage: bench_mixed slow|overload [SECONDS]\n");
        return 2;
    }
    FR_ASSERT(pipe(address) == 0);
    pid_t server = fork();
    FR_ASSERT(server >= 0);
    if (server == 0) {
        serve(address[1]);
    }
    FR_ASSERT(read(address[0], target, sizeof target) == sizeof target);
    pthread_mutex_init(&client.figures.mu, NULL);
    FR_ASSERT(fr_channel_new(target, NULL, &client.channel, NULL) == FR_OK);
    if (overload) {
        bench_overload(&client, (uint64_t)(seconds * FR_SECOND_US));
    } else {
        bench_slow(&client, (uint64_t)(seconds * FR_SECOND_US));
    }
    fr_channel_free(client.channel);
    kill(server, SIGTERM);
    waitpid(server, NULL, 0);
    return 0;
}
