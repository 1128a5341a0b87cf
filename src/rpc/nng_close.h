/* SPDX-License-Identifier: MIT */
/*
 * nng_close.h - closes nng sockets without waiting for them.
 */
#ifndef FR_RPC_NNG_CLOSE_H
#define FR_RPC_NNG_CLOSE_H

#include <nng/nng.h>
#include <stddef.h>

/*
 * nng 1.5.2 can wait for ever in nng_close, for example for connections that never finished their handshake, or when
 * its reaper hangs (nng_shut.h). So a thread of its own closes the socket; if it hangs, what it holds is lost for the
 * life of the process but nobody waits, except that the end of the process gives it a moment. All of the socket's aios
 * must have been stopped and its contexts closed.
 *
 * Its connections, pipes (an array from malloc, taken over; may be NULL), end first, then its dialer is closed if it
 * has one: before the socket, or nng leaks it when it is just connecting.
 *
 * closed(argument) runs on that thread after the close, or at once when socket was never opened: no pipe callback
 * runs any more, so it may free what they use.
 */
struct fr_nng_closing {
    nng_socket socket;
    nng_dialer dialer; /* with id 0: none */
    nng_pipe *pipes;
    size_t pipe_count;
    void (*closed)(void *argument);
    void *argument;
};

void fr_nng_close(const struct fr_nng_closing *closing);

#endif
