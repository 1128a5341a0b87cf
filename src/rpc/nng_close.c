/* SPDX-License-Identifier: MIT */
/*
 * nng_close.c - closes nng sockets without waiting for them.
 */
#include "rpc/nng_close.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define EXIT_WAIT_S 1

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t idle = PTHREAD_COND_INITIALIZER;
static unsigned closing; /* guarded by mu */

/* What to close, and what to call then; freed by the thread. */
struct closing_socket {
    nng_socket socket;
    void (*closed)(void *argument);
    void *argument;
};

static void *run(void *argument)
{
    struct closing_socket *self = argument;
    nng_close(self->socket);
    self->closed(self->argument);
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
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += EXIT_WAIT_S;
    pthread_mutex_lock(&mu);
    while (closing > 0 && pthread_cond_timedwait(&idle, &mu, &until) != ETIMEDOUT) {
    }
    pthread_mutex_unlock(&mu);
}

static void register_exit(void)
{
    atexit(wait_a_moment);
}

void fr_nng_close(nng_socket socket, void (*closed)(void *argument), void *argument)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_t thread;
    if (nng_socket_id(socket) <= 0) {
        closed(argument);
        return;
    }
    struct closing_socket *self = malloc(sizeof *self);
    if (self == NULL) {
        return; /* the socket stays open: better than to wait for ever */
    }
    *self = (struct closing_socket){socket, closed, argument};
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
