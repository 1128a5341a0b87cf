/* SPDX-License-Identifier: MIT */
/*
 * nng_close.h - closes nng sockets without waiting for them.
 */
#ifndef FR_RPC_NNG_CLOSE_H
#define FR_RPC_NNG_CLOSE_H

#include <nng/nng.h>

/*
 * nng 1.5.2 can wait for ever in nng_close, for example for connections that never finished their handshake (nng
 * issues 1543, 1610 and 1657). So a thread of its own closes the socket; if it hangs, what it holds is lost for the
 * life of the process but nobody waits, except that the end of the process gives it a moment. All of the socket's aios must have been stopped and its contexts closed.
 *
 * closed(argument) runs on that thread after the close, or at once when socket was never opened: no pipe callback
 * runs any more, so it may free what they use.
 */
void fr_nng_close(nng_socket socket, void (*closed)(void *argument), void *argument);

#endif
