/* SPDX-License-Identifier: MIT */
/*
 * nng_close.c - closes nng sockets without waiting for them.
 */
#include "rpc/nng_close.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/condition.h"
#include "rpc/nng_shut.h"

#define EXIT_WAIT_US (2 * FR_SECOND_US) /* more than fr_nng_end_pipes takes */

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t idle; /* initialized by register_exit */
static unsigned closing; /* guarded by mu */

static void *run(void *argument)
{
    struct fr_nng_closing *self = argument;
    fr_nng_end_pipes(self->pipes, self->pipe_count);
    if (nng_dialer_id(self->dialer) > 0) {
        nng_dialer_close(self->dialer);
    }
    nng_close(self->socket);
    self->closed(self->argument);
    free(self->pipes);
    free(self);
    pthread_mutex_lock(&mu);
    closing--;
    pthread_cond_signal(&idle);
    pthread_mutex_unlock(&mu);
    return NULL;
}

/* So that a leak checker sees what is closed as freed. */
static void wait_a_moment(void)
{
    uint64_t until_us = fr_clock_now_us() + EXIT_WAIT_US;
    pthread_mutex_lock(&mu);
    while (closing > 0 && fr_condition_wait(&idle, &mu, until_us)) {
    }
    pthread_mutex_unlock(&mu);
}

static void register_exit(void)
{
    fr_condition_init(&idle);
    atexit(wait_a_moment);
}

void fr_nng_close(const struct fr_nng_closing *closing_socket)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_t thread;
    if (nng_socket_id(closing_socket->socket) <= 0) {
        free(closing_socket->pipes);
        closing_socket->closed(closing_socket->argument);
        return;
    }
    struct fr_nng_closing *self = malloc(sizeof *self);
    if (self == NULL) {
        return; /* the socket stays open: better than to wait for ever */
    }
    *self = *closing_socket;
    pthread_once(&once, register_exit);
    pthread_mutex_lock(&mu);
    closing++;
    pthread_mutex_unlock(&mu);
    if (pthread_create(&thread, NULL, run, self) == 0) {
        pthread_detach(thread);
    } else {
        run(self);
    }
}
