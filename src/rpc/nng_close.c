/* SPDX-License-Identifier: MIT */
/*
 * nng_close.c - closes nng sockets without waiting for them.
 */
#include "rpc/nng_close.h"

#include <pthread.h>
#include <stdint.h>

static void *run(void *argument)
{
    nng_socket socket = {.id = (uint32_t)(uintptr_t)argument};
    nng_close(socket);
    return NULL;
}

void fr_nng_close(nng_socket socket)
{
    pthread_t thread;
    if (nng_socket_id(socket) > 0 && pthread_create(&thread, NULL, run, (void *)(uintptr_t)socket.id) == 0) {
        pthread_detach(thread);
    }
}
