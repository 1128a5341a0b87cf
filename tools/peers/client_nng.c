/* SPDX-License-Identifier: MIT */
/*
 * client_nng.c - the load over raw nng REQ/REP against nng-echo: what the transport alone can do. A channel is a
 * socket, a slot one of its contexts; the message carries the id and comes back as it went.
 *
 * The receive is posted only from its send's completion (nng issue 1702).
 */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peers/load.h"

#define MESSAGE_BYTES 64 /* about what a GetUser and its envelope take */

struct lane {
    nng_ctx context;
    nng_aio *aio;
    bool sending;
};

static nng_socket *sockets;
static struct lane *lanes;
static size_t socket_count, lane_count;

static void step(void *argument)
{
    struct lane *lane = argument;
    size_t slot = (size_t)(lane - lanes), length;
    int cause = nng_aio_result(lane->aio);
    if (cause != 0) {
        if (lane->sending) {
            nng_msg_free(nng_aio_get_msg(lane->aio));
            nng_aio_set_msg(lane->aio, NULL);
        }
        load_failed(slot, nng_strerror(cause));
        return;
    }
    if (lane->sending) {
        lane->sending = false;
        nng_ctx_recv(lane->context, lane->aio);
        return;
    }
    nng_msg *message = nng_aio_get_msg(lane->aio);
    load_id(slot, &length);
    if (nng_msg_len(message) == MESSAGE_BYTES) {
        char id[MESSAGE_BYTES];
        memcpy(id, nng_msg_body(message), length);
        nng_msg_free(message);
        load_done(slot, id, length);
        return;
    }
    nng_msg_free(message);
    load_failed(slot, "the echo has another size");
}

static void start(size_t slot)
{
    struct lane *lane = &lanes[slot];
    nng_msg *message;
    size_t length;
    const char *id = load_id(slot, &length);
    int cause = nng_msg_alloc(&message, MESSAGE_BYTES);
    if (cause != 0) {
        load_failed(slot, nng_strerror(cause));
        return;
    }
    memcpy(nng_msg_body(message), id, length);
    lane->sending = true;
    nng_aio_set_msg(lane->aio, message);
    nng_ctx_send(lane->context, lane->aio);
}

static int open_lane(struct lane *lane, nng_socket socket)
{
    int cause = nng_ctx_open(&lane->context, socket);
    if (cause == 0) {
        cause = nng_ctx_set_ms(lane->context, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
    }
    return cause == 0 ? nng_aio_alloc(&lane->aio, step, lane) : cause;
}

static bool open_sockets(const char *address, const char *mode, size_t channels, size_t slots)
{
    (void)mode;
    sockets = calloc(channels, sizeof *sockets);
    lanes = calloc(slots, sizeof *lanes);
    int cause = sockets == NULL || lanes == NULL ? NNG_ENOMEM : 0;
    for (; socket_count < channels && cause == 0; socket_count++) {
        cause = nng_req0_open(&sockets[socket_count]);
        cause = cause == 0 ? nng_dial(sockets[socket_count], address, NULL, 0) : cause;
    }
    for (; lane_count < slots && cause == 0; lane_count++) {
        cause = open_lane(&lanes[lane_count], sockets[lane_count % channels]);
    }
    if (cause != 0) {
        fprintf(stderr, "peer-client-nng: %s: %s\n", address, nng_strerror(cause));
    }
    return cause == 0;
}

static void close_sockets(void)
{
    for (size_t i = 0; i < lane_count; i++) {
        nng_aio_stop(lanes[i].aio);
    }
    for (size_t i = 0; i < lane_count; i++) {
        nng_aio_free(lanes[i].aio);
    }
    for (size_t i = 0; i < socket_count; i++) {
        nng_close(sockets[i]);
    }
    free(sockets);
    free(lanes);
}

int main(int argc, char **argv)
{
    static const struct load_client client = {.program = "peer-client-nng",
                                              .summary = "Echoes over raw nng; ADDRESS is tcp://host:port.",
                                              .open = open_sockets,
                                              .start = start,
                                              .close = close_sockets};
    return load_main(&client, argc, argv);
}
