/* SPDX-License-Identifier: MIT */
/*
 * nng_threads.h - puts nng's threads, which messages pass through, under the placement of base/placement.h.
 */
#ifndef FR_RPC_NNG_THREADS_H
#define FR_RPC_NNG_THREADS_H

#include <stdint.h>

/* To be called in a callback of nng, once for a message. */
void fr_nng_thread_tick(uint64_t now_us);

#endif
