/* SPDX-License-Identifier: MIT */
/*
 * pairs.c - one blocking call at a time, by turns over raw nng and over Freshet: what Freshet adds to a round trip.
 * Both run in the same moments, so that a noisy machine troubles both alike.
 *
 * usage: peer-pairs NNG-ADDRESS FRESHET-ADDRESS SECONDS
 */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/histogram.h"
#include "users/v1/users.freshet.h"

#define MESSAGE_BYTES 64
#define EXIT_USAGE    2
#define WARMUP_PAIRS  200

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static bool echo(nng_ctx context, nng_aio *aio)
{
    nng_msg *message;
    if (nng_msg_alloc(&message, MESSAGE_BYTES) != 0) {
        return false;
    }
    nng_aio_set_msg(aio, message);
    nng_ctx_send(context, aio);
    nng_aio_wait(aio);
    if (nng_aio_result(aio) != 0) {
        nng_msg_free(message);
        return false;
    }
    nng_ctx_recv(context, aio);
    nng_aio_wait(aio);
    if (nng_aio_result(aio) != 0) {
        return false;
    }
    nng_msg_free(nng_aio_get_msg(aio));
    return true;
}

static bool get_user(struct fr_channel *channel)
{
    Users__V1__GetUserRequest request = USERS__V1__GET_USER_REQUEST__INIT;
    Users__V1__User *user;
    struct fr_error error;
    request.id = "user-1000";
    if (users_v1_users_get_user(channel, &request, NULL, &user, &error) != FR_OK) {
        return false;
    }
    users__v1__user__free_unpacked(user, NULL);
    return true;
}

static bool run(nng_ctx context, nng_aio *aio, struct fr_channel *channel, double seconds,
                struct fr_histogram *nng_ns, struct fr_histogram *freshet_ns)
{
    uint64_t end_ns = now_ns() + (uint64_t)(seconds * 1e9);
    for (uint64_t pair = 0; now_ns() < end_ns; pair++) {
        uint64_t first_ns = now_ns();
        if (!echo(context, aio)) {
            return false;
        }
        uint64_t second_ns = now_ns();
        if (!get_user(channel)) {
            return false;
        }
        if (pair >= WARMUP_PAIRS) {
            fr_histogram_record(nng_ns, second_ns - first_ns);
            fr_histogram_record(freshet_ns, now_ns() - second_ns);
        }
    }
    return true;
}

static void print(const struct fr_histogram *nng_ns, const struct fr_histogram *freshet_ns)
{
    double nng_us = (double)fr_histogram_quantile(nng_ns, 0.5) / 1000;
    double freshet_us = (double)fr_histogram_quantile(freshet_ns, 0.5) / 1000;
    printf("{\"pairs\":%llu,\"nng_p50_us\":%.2f,\"nng_p99_us\":%.2f,\"freshet_p50_us\":%.2f,\"freshet_p99_"
           "us\":%.2f,"
           "\"ratio\":%.4f}\n",
           (unsigned long long)nng_ns->count, nng_us, (double)fr_histogram_quantile(nng_ns, 0.99) / 1000,
           freshet_us, (double)fr_histogram_quantile(freshet_ns, 0.99) / 1000,
           nng_us > 0 ? freshet_us / nng_us : 0);
}

int main(int argc, char **argv)
{
    static struct fr_histogram nng_ns, freshet_ns;
    nng_socket socket;
    nng_ctx context;
    nng_aio *aio;
    struct fr_channel *channel;
    struct fr_error error;
    if (argc != 4) {
        fprintf(stderr, "usage: peer-pairs NNG-ADDRESS FRESHET-ADDRESS SECONDS\n");
        return EXIT_USAGE;
    }
    if (nng_req0_open(&socket) != 0 || nng_dial(socket, argv[1], NULL, 0) != 0 ||
        nng_ctx_open(&context, socket) != 0 ||
        nng_ctx_set_ms(context, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE) != 0 ||
        nng_aio_alloc(&aio, NULL, NULL) != 0) {
        fprintf(stderr, "peer-pairs: cannot reach %s\n", argv[1]);
        return EXIT_FAILURE;
    }
    if (fr_channel_new(argv[2], NULL, &channel, &error) != FR_OK) {
        fprintf(stderr, "peer-pairs: %s\n", error.message);
        return EXIT_FAILURE;
    }
    bool good = run(context, aio, channel, strtod(argv[3], NULL), &nng_ns, &freshet_ns);
    if (good) {
        print(&nng_ns, &freshet_ns);
    } else {
        fprintf(stderr, "peer-pairs: a call failed\n");
    }
    fr_channel_free(channel);
    nng_aio_stop(aio);
    nng_aio_free(aio);
    nng_close(socket);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
