/* SPDX-License-Identifier: MIT */
/*
 * reply.h - what a read came to, as the answer of an RPC.
 */
#ifndef FR_CACHED_REPLY_H
#define FR_CACHED_REPLY_H

#include "cache/cache.h"
#include "rpc/server.h"

/* Answers call with the value or the error, x-cache, x-cache-age-ms and x-cache-version. */
void fr_read_reply(struct fr_call *call, const struct fr_read_result *result);

#endif
