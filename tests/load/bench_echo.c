/* SPDX-License-Identifier: MIT */
/*
 * bench_echo.c - what the load tool is measured against: a server that does next to nothing, and a client written by
 * hand that does no more than it must.
 *
 *   bench_echo serve                        answers users.v1.Users/GetUser with the bytes of the request, which are a
 *                                           User of that id too; prints its address; ends with standard input
 *   bench_echo load ADDRESS CALLS SECONDS   keeps CALLS under way, counts answers and measures no latency
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/heap.h"
#include "rpc/channel.h"
#include "rpc/server.h"

#define METHOD "users.v1.Users/GetUser"

static void echo(struct fr_call *call, void *context)
{
    (void)context;
    fr_call_reply(call, fr_call_request(call));
}

static int serve(void)
{
    static const struct fr_method method = {.name = METHOD};
    static const struct fr_server_method served = {.method = &method, .handler = echo};
    struct fr_server *server;
    char end;
    FR_ASSERT(fr_server_new(&server, NULL) == FR_OK);
    FR_ASSERT(fr_server_register(server, "users.v1.Users", &served, 1, NULL) == FR_OK);
    FR_ASSERT(fr_server_listen(server, "tcp://127.0.0.1:0", NULL) == FR_OK);
    FR_ASSERT(fr_server_serve(server, NULL) == FR_OK);
    printf("%s\n", fr_server_address(server));
    fflush(stdout);
    while (read(STDIN_FILENO, &end, 1) > 0) {
    }
    fr_server_free(server);
    return 0;
}

static struct fr_channel *channel;
static _Atomic(uint64_t) answered;
static _Atomic(bool) stopped;

static void start(void);

static void on_answer(void *argument, const struct fr_result *result)
{
    (void)argument;
    if (result->code != FR_OK) {
        fprintf(stderr, "bench_echo: %s\n", result->message);
        exit(1);
    }
    atomic_store_explicit(&answered, atomic_load_explicit(&answered, memory_order_relaxed) + 1,
                          memory_order_relaxed); /* one channel calls back one at a time: near enough */
    if (!atomic_load_explicit(&stopped, memory_order_relaxed)) {
        start();
    }
}

static void start(void)
{
    static const uint8_t request[] = "\n\010user-123"; /* GetUserRequest{id: "user-123"} */
    static const struct fr_call_options options = {.timeout_us = 10 * FR_SECOND_US, .idempotent = true};
    fr_channel_start(channel, METHOD, (struct fr_bytes){request, sizeof request - 1}, &options, on_answer,
                     NULL, NULL);
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int load(const char *address, int calls, int seconds)
{
    struct fr_error error;
    if (fr_channel_new(address, NULL, &channel, &error) != FR_OK) {
        fprintf(stderr, "bench_echo: %s\n", error.message);
        return 1;
    }
    double cpu = cpu_seconds();
    uint64_t from_us = fr_clock_now_us();
    for (int i = 0; i < calls; i++) {
        start();
    }
    sleep((unsigned)seconds);
    uint64_t count = atomic_load(&answered);
    double time = (double)(fr_clock_now_us() - from_us) / 1e6;
    cpu = cpu_seconds() - cpu;
    atomic_store(&stopped, true);
    printf("%.0f calls/s, %.3f µs of processor time a call\n", (double)count / time,
           cpu * 1e6 / (double)count);
    fflush(stdout);
    _exit(0);
}

int main(int argc, char **argv)
{
    fr_heap_keep();
    if (argc == 2 && strcmp(argv[1], "serve") == 0) {
        return serve();
    }
    if (argc == 5 && strcmp(argv[1], "load") == 0) {
        return load(argv[2], atoi(argv[3]), atoi(argv[4]));
    }
    fputs("usage: bench_echo serve | load ADDRESS CALLS SECONDS\n", stderr);
    return 2;
}
