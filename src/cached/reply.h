/* SPDX-License-Identifier: MIT */
/*
 * reply.h - what an RPC asks of the caches, and what came of it as its answer.
 */
#ifndef FR_CACHED_REPLY_H
#define FR_CACHED_REPLY_H

#include "cache/cache.h"
#include "cached/policy.h"
#include "rpc/server.h"

/*
 * The read that call asks for, which answers it; all but the deadline. key is the caller's and set, the request is borrowed
 * from the call. false: the call asks for nothing that can be read, and has failed.
 */
bool fr_read_of_call(struct fr_call *call, const struct fr_cache_policy *policy, struct fr_cache_kind *kind,
                     struct fr_key *key, struct fr_cache_read *ret_read);
/* Sets x-cache and x-cache-age-ms: where an answer comes from, and how old it is. Before the answer. */
void fr_read_describe(struct fr_call *call, enum fr_source source, uint64_t age_us);
/* Answers call with the value or the error, x-cache, x-cache-age-ms and x-cache-version. */
void fr_read_reply(struct fr_call *call, const struct fr_read_result *result);

#endif
