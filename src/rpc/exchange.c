/* SPDX-License-Identifier: MIT */
/*
 * exchange.c - one REP context: receive a message, have it dispatched, send its answer, again.
 *
 * A server opens another exchange whenever fewer than SPARE of them wait for a message, so that a message never
 * waits in nng behind calls that take long, or behind answers that a client does not read: nng keeps a context until
 * it has handed its answer to the kernel. Long before the limit peer.c closes the connections that have too many; at
 * the limit the last messages are refused at once.
 */
#include <nng/nng.h>

#include <nng/protocol/reqrep0/rep.h>
#include <stdlib.h>

#include "rpc/nng_error.h"
#include "rpc/server_internal.h"

#define SPARE 8

struct exchange {
    struct fr_server *server;
    struct peer *peer;    /* whose message it has, with a reference; NULL while it waits for one */
    size_t answer_bytes;  /* while it sends */
    nng_ctx ctx;
    nng_aio *aio;
    pthread_mutex_t mu;
    bool stopped; /* guarded by mu */
    enum { RECEIVING, WORKING, SENDING } state; /* changed only by whoever owns the next step */
};

static void receive(struct exchange *self)
{
    pthread_mutex_lock(&self->mu);
    if (!self->stopped) {
        self->state = RECEIVING;
        nng_ctx_recv(self->ctx, self->aio);
    }
    pthread_mutex_unlock(&self->mu);
}

static void on_received(struct exchange *self)
{
    struct fr_server *server = self->server;
    nng_msg *message = nng_aio_get_msg(self->aio);
    self->peer = atomic_load(&server->freeing) ? NULL : fr_peers_begin_message(server, nng_msg_get_pipe(message));
    if (self->peer == NULL) {
        nng_msg_free(message);
        receive(self);
        return;
    }
    self->state = WORKING;
    atomic_fetch_add(&server->open_batches, 1);
    bool few = atomic_fetch_sub(&server->receiving, 1) <= SPARE;
    bool full = few && atomic_load(&server->exchange_count) >= server->limits.messages;
    if (few && !full && fr_exchange_open(server, NULL) != FR_OK) {
        full = true;
    }
    fr_batch_dispatch(server, &(struct arrival){self, self->peer, message, few && full});
}

static void on_sent(struct exchange *self, int result)
{
    struct fr_server *server = self->server;
    if (result != 0) {
        /* Stopped or out of memory: nng left the message with us. For a client that is gone it reports success. */
        nng_msg_free(nng_aio_get_msg(self->aio));
    }
    fr_peer_end_message(server, self->peer, self->answer_bytes);
    self->peer = NULL;
    atomic_fetch_add(&server->receiving, 1);
    atomic_fetch_sub(&server->open_batches, 1);
    receive(self);
}

static void on_done(void *argument)
{
    struct exchange *self = argument;
    int result = nng_aio_result(self->aio);
    if (self->state == SENDING) {
        on_sent(self, result);
    } else if (result == 0) {
        on_received(self);
    } else if (result != NNG_ECLOSED && result != NNG_ECANCELED) {
        receive(self);
    }
}

enum fr_code fr_exchange_open(struct fr_server *server, struct fr_error *reterr)
{
    struct exchange *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return fr_error_no_memory(reterr);
    }
    pthread_mutex_init(&self->mu, NULL);
    self->server = server;
    int result = nng_ctx_open(&self->ctx, server->socket);
    if (result == 0) {
        result = nng_aio_alloc(&self->aio, on_done, self);
    }
    if (result != 0) {
        fr_exchange_free(self);
        return fr_nng_error(reterr, result, "cannot open", "a REP context");
    }
    pthread_mutex_lock(&server->mu);
    struct exchange **grown = NULL;
    if (!server->stopping) {
        grown = realloc(server->exchanges, (server->exchange_count + 1) * sizeof grown[0]);
    }
    if (grown != NULL) {
        server->exchanges = grown;
        server->exchanges[server->exchange_count++] = self;
        server->receiving++;
    }
    pthread_mutex_unlock(&server->mu);
    if (grown == NULL) {
        fr_exchange_free(self);
        return fr_error_no_memory(reterr);
    }
    receive(self);
    return FR_OK;
}

void fr_exchange_answer(struct exchange *self, nng_msg *reply)
{
    if (reply == NULL && nng_msg_alloc(&reply, 0) != 0) {
        reply = NULL;
    }
    self->answer_bytes = SP_HEADER_BYTES + (reply == NULL ? 0 : nng_msg_len(reply));
    fr_peer_begin_answer(self->server, self->peer, self->answer_bytes);
    pthread_mutex_lock(&self->mu);
    bool stopped = self->stopped || reply == NULL;
    if (!stopped) {
        self->state = SENDING;
        nng_aio_set_msg(self->aio, reply);
        nng_ctx_send(self->ctx, self->aio);
    }
    pthread_mutex_unlock(&self->mu);
    if (stopped) {
        nng_msg_free(reply);
    }
}

void fr_exchange_stop(struct exchange *self)
{
    pthread_mutex_lock(&self->mu);
    self->stopped = true;
    pthread_mutex_unlock(&self->mu);
    nng_aio_stop(self->aio);
}

void fr_exchange_close(struct exchange *self)
{
    if (self->aio != NULL) {
        nng_aio_free(self->aio);
        self->aio = NULL;
    }
    if (nng_ctx_id(self->ctx) > 0) {
        nng_ctx_close(self->ctx);
        self->ctx = (nng_ctx)NNG_CTX_INITIALIZER;
    }
}

void fr_exchange_free(struct exchange *self)
{
    fr_exchange_close(self);
    if (self->peer != NULL) {
        fr_peer_unref(self->peer);
    }
    pthread_mutex_destroy(&self->mu);
    free(self);
}
