/* SPDX-License-Identifier: MIT */
/*
 * nng_close.c - closes nng sockets without waiting for them.
 */
#include "rpc/nng_close.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#define EXIT_WAIT_S 1

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t idle = PTHREAD_COND_INITIALIZER;
static unsigned closing; /* guarded by mu */

static void *run(void *argument)
{
    nng_socket socket = {.id = (uint32_t)(uintptr_t)argument};
    nng_close(socket);
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

void fr_nng_close(nng_socket socket)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_t thread;
    if (nng_socket_id(socket) <= 0) {
        return;
    }
    pthread_once(&once, register_exit);
    pthread_mutex_lock(&mu);
    closing++;
    pthread_mutex_unlock(&mu);
    if (pthread_create(&thread, NULL, run, (void *)(uintptr_t)socket.id) == 0) {
        pthread_detach(thread);
    } else {
        run((void *)(uintptr_t)socket.id);
    }
}
