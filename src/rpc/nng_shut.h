/* SPDX-License-Identifier: MIT */
/*
 * nng_shut.h - ends nng connections so that nng closes them by itself.
 */
#ifndef FR_RPC_NNG_SHUT_H
#define FR_RPC_NNG_SHUT_H

#include <nng/nng.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/*
 * nng 1.5.2 can lose an operation when a connection is closed from this side just as a message arrives: between the
 * length and the body of a message its TCP transport posts the next read without looking whether the connection was
 * closed meanwhile, and a read posted then never ends (tcptran_pipe_recv_cb, nni_aio_begin; nng issue 616). Its one
 * reaper thread waits for that operation for ever: from then on no connection of the process reports its end, and no
 * dialer that has lost one dials again.
 *
 * So instead of closing them this shuts the reading side of their sockets: what has arrived is read, then nng sees the
 * end of the stream, and closes as if the peer had gone. Pipes without a socket of ours are closed after all. Takes
 * time in proportion to the open files of the process. false: some may not be shut, without a descriptor or memory to
 * look for them: to be tried again.
 */
FR_MUST_CHECK bool fr_nng_shut_pipes(const nng_pipe *pipes, size_t count);

/*
 * nng closes by itself as well, where a send fails, in the middle of a message too: so whoever waits for the end of a
 * connection looks here from time to time. false: both sides have closed it, or nng has told the end. A connection that
 * this side alone has closed or shut still counts as one.
 */
FR_MUST_CHECK bool fr_nng_is_connected(nng_pipe pipe);

/* The listener takes no connection any more, though it has still to be closed. */
void fr_nng_shut_listener(nng_listener listener);

/* As fr_nng_shut_pipes, and waits until they are gone, but not for long. Not on a thread of nng's or on the timer's. */
void fr_nng_end_pipes(const nng_pipe *pipes, size_t count);

#endif
