/* SPDX-License-Identifier: MIT */
/*
 * nng-echo.c - a raw nng REQ/REP echo server and its closed-loop load: what the transport alone can do.
 *
 * The receive of a REQ context is posted only from its send's completion: cancelling a receive whose send is
 * pending crashes nng 1.5.2 (nng issue 1702).
 */
#include <inttypes.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/util/platform.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/histogram.h"
#include "base/options.h"
#include "base/standard_fds.h"

#define SERVER_CONTEXTS 512
#define MAX_BYTES       ((size_t)16 << 20)
#define EXIT_USAGE      2

static struct {
    uint64_t concurrency, duration_us, size_bytes;
} given;

static const struct fr_option options[] = {
    {.name = "concurrency",
     .letter = 'c',
     .type = FR_OPTION_NUMBER,
     .default_value = "1",
     .argument = "N",
     .min = 1,
     .max = 4096,
     .help = "load: requests under way",
     .value = &given.concurrency},
    {.name = "duration",
     .letter = 'd',
     .type = FR_OPTION_DURATION,
     .default_value = "5",
     .argument = "SECONDS",
     .min = 1000,
     .help = "load: how long",
     .value = &given.duration_us},
    {.name = "size",
     .letter = 's',
     .type = FR_OPTION_NUMBER,
     .default_value = "64",
     .argument = "BYTES",
     .max = 1 << 20,
     .help = "load: size of a request",
     .value = &given.size_bytes},
};

#define OPTION_COUNT (sizeof options / sizeof options[0])

/* One context and what it is about to do when its aio completes. */
struct lane {
    nng_ctx context;
    nng_aio *aio;
    enum { RECEIVING, SENDING } state;
    uint64_t start_us;
    struct fr_histogram *latency_us; /* own: callbacks of one lane never overlap */
    uint64_t errors;
};

static atomic_bool stopped;

static int fail(const char *what, int cause)
{
    const char *example = cause == NNG_EINVAL || cause == NNG_EADDRINVAL || cause == NNG_ENOTSUP
                              ? "; write an address such as tcp://127.0.0.1:7001"
                              : "";
    fprintf(stderr, "nng-echo: %s: %s%s\n", what, nng_strerror(cause), example);
    return EXIT_FAILURE;
}

/* ---- serve ---- */

static void serve_lane(void *argument)
{
    struct lane *lane = argument;
    int cause = nng_aio_result(lane->aio);
    if (cause == NNG_ECLOSED || cause == NNG_ECANCELED) {
        return;
    }
    if (lane->state == RECEIVING && cause == 0) {
        lane->state = SENDING; /* the message received goes back as it is */
        nng_ctx_send(lane->context, lane->aio);
        return;
    }
    if (lane->state == SENDING && cause != 0) {
        nng_msg_free(nng_aio_get_msg(lane->aio));
        nng_aio_set_msg(lane->aio, NULL);
    }
    lane->state = RECEIVING;
    nng_ctx_recv(lane->context, lane->aio);
}

static void wait_for_signal(void)
{
    sigset_t set;
    int number;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    sigwait(&set, &number);
}

/* The address with the port that was taken for port 0, so that a caller can read where to connect. */
static void print_address(nng_listener listener)
{
    int port = 0;
    if (nng_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, &port) == 0) {
        printf("tcp://127.0.0.1:%d\n", port);
        fflush(stdout);
    }
}

static int serve(const char *address)
{
    static struct lane lanes[SERVER_CONTEXTS];
    nng_socket socket;
    nng_listener listener;
    int cause = nng_rep0_open(&socket);
    if (cause == 0) {
        cause = nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, MAX_BYTES);
    }
    for (size_t i = 0; i < SERVER_CONTEXTS && cause == 0; i++) {
        cause = nng_ctx_open(&lanes[i].context, socket);
        cause = cause == 0 ? nng_aio_alloc(&lanes[i].aio, serve_lane, &lanes[i]) : cause;
    }
    if (cause == 0) {
        cause = nng_listen(socket, address, &listener, 0);
    }
    if (cause != 0) {
        return fail(address, cause);
    }
    for (size_t i = 0; i < SERVER_CONTEXTS; i++) {
        nng_ctx_recv(lanes[i].context, lanes[i].aio);
    }
    fprintf(stderr, "nng-echo: serving at %s\n", address);
    print_address(listener);
    wait_for_signal();
    for (size_t i = 0; i < SERVER_CONTEXTS; i++) {
        nng_aio_stop(lanes[i].aio);
    }
    for (size_t i = 0; i < SERVER_CONTEXTS; i++) {
        nng_aio_free(lanes[i].aio);
    }
    nng_close(socket);
    return EXIT_SUCCESS;
}

/* ---- load ---- */

static void send_request(struct lane *lane)
{
    nng_msg *message;
    if (atomic_load(&stopped)) {
        return;
    }
    if (nng_msg_alloc(&message, given.size_bytes) != 0) {
        lane->errors++;
        return;
    }
    lane->start_us = fr_clock_now_us();
    lane->state = SENDING;
    nng_aio_set_msg(lane->aio, message);
    nng_ctx_send(lane->context, lane->aio);
}

static void load_lane(void *argument)
{
    struct lane *lane = argument;
    int cause = nng_aio_result(lane->aio);
    if (cause != 0) {
        if (lane->state == SENDING) {
            nng_msg_free(nng_aio_get_msg(lane->aio));
            nng_aio_set_msg(lane->aio, NULL);
        }
        lane->errors += cause != NNG_ECANCELED && cause != NNG_ECLOSED;
        return;
    }
    if (lane->state == SENDING) {
        lane->state = RECEIVING;
        nng_ctx_recv(lane->context, lane->aio);
        return;
    }
    fr_histogram_record(lane->latency_us, fr_clock_now_us() - lane->start_us);
    nng_msg_free(nng_aio_get_msg(lane->aio));
    send_request(lane);
}

static int open_lanes(nng_socket socket, struct lane *lanes)
{
    for (uint64_t i = 0; i < given.concurrency; i++) {
        struct lane *lane = &lanes[i];
        lane->latency_us = calloc(1, sizeof *lane->latency_us);
        int cause = lane->latency_us == NULL ? NNG_ENOMEM : nng_ctx_open(&lane->context, socket);
        if (cause == 0) {
            cause = nng_ctx_set_ms(lane->context, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
        }
        if (cause == 0) {
            cause = nng_aio_alloc(&lane->aio, load_lane, lane);
        }
        if (cause != 0) {
            return cause;
        }
    }
    return 0;
}

static void report(struct lane *lanes, double seconds, uint64_t *ret_errors)
{
    static struct fr_histogram total;
    for (uint64_t i = 0; i < given.concurrency; i++) {
        fr_histogram_add(&total, lanes[i].latency_us);
        *ret_errors += lanes[i].errors;
        free(lanes[i].latency_us);
    }
    printf("%.0f calls/s, p50 %" PRIu64 " us, p99 %" PRIu64 " us, %" PRIu64 " calls, %" PRIu64 " errors\n",
           (double)total.count / seconds, fr_histogram_quantile(&total, 0.5),
           fr_histogram_quantile(&total, 0.99), total.count, *ret_errors);
}

static int load(const char *address)
{
    nng_socket socket;
    uint64_t errors = 0;
    struct lane *lanes = calloc(given.concurrency, sizeof *lanes);
    int cause = lanes == NULL ? NNG_ENOMEM : nng_req0_open(&socket);
    if (cause == 0) {
        cause = nng_dial(socket, address, NULL, 0);
    }
    if (cause == 0) {
        cause = open_lanes(socket, lanes);
    }
    if (cause != 0) {
        return fail(address, cause);
    }
    uint64_t start_us = fr_clock_now_us();
    for (uint64_t i = 0; i < given.concurrency; i++) {
        send_request(&lanes[i]);
    }
    nng_msleep((nng_duration)(given.duration_us / FR_MILLISECOND_US));
    double seconds = (double)(fr_clock_now_us() - start_us) / FR_SECOND_US;
    atomic_store(&stopped, true);
    for (uint64_t i = 0; i < given.concurrency; i++) {
        nng_aio_wait(lanes[i].aio); /* until its last answer has come */
    }
    for (uint64_t i = 0; i < given.concurrency; i++) {
        nng_aio_stop(lanes[i].aio);
    }
    report(lanes, seconds, &errors);
    for (uint64_t i = 0; i < given.concurrency; i++) {
        nng_aio_free(lanes[i].aio);
    }
    nng_close(socket);
    free(lanes);
    return errors == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct fr_error error;
    bool help;
    int count;
    fr_standard_fds_take();
    if (fr_options_parse(options, OPTION_COUNT, argc, argv, &count, &help, &error) != FR_OK) {
        fprintf(stderr, "nng-echo: %s\n", error.message);
        return EXIT_USAGE;
    }
    bool serving = !help && count == 2 && strcmp(argv[1], "serve") == 0;
    bool loading = !help && count == 2 && strcmp(argv[1], "load") == 0;
    if (serving || loading) {
        return serving ? serve(argv[2]) : load(argv[2]);
    }
    struct fr_buffer rows = {0};
    fr_options_help(options, OPTION_COUNT, &rows);
    fprintf(help ? stdout : stderr,
            "usage: nng-echo serve ADDRESS\n       nng-echo load ADDRESS [OPTION]…\n\n%s",
            fr_buffer_text(&rows));
    fr_buffer_fini(&rows);
    return help ? EXIT_SUCCESS : EXIT_USAGE;
}
