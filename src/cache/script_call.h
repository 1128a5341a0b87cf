/* SPDX-License-Identifier: MIT */
/*
 * script_call.h - internal to this folder: one call of a Lua script on a connection.
 */
#ifndef FR_CACHE_SCRIPT_CALL_H
#define FR_CACHE_SCRIPT_CALL_H

#include "base/buffer.h"
#include "cache/redis_connection.h"

#define FR_SCRIPT_MAX_ARGUMENTS 7

/*
 * One call of a script; part of the caller's struct. What the arguments point to lives until done was called.
 */
struct fr_script_call {
    struct fr_redis_request request; /* set request.done before sending */
    enum fr_script script;
    unsigned count; /* of arguments */
    struct fr_bytes key;
    struct fr_bytes arguments[FR_SCRIPT_MAX_ARGUMENTS];
};

/*
 * EVALSHA, or with by_text EVAL, which also makes Redis know the script again.
 * false: as fr_redis_connection_send.
 */
FR_MUST_CHECK bool fr_script_call_send(struct fr_script_call *self, struct fr_redis_connection *connection,
                                       bool by_text);
/* Whether the reply says that Redis does not know the script (SCRIPT FLUSH): it ran nothing. */
bool fr_script_unknown(const redisReply *reply);

#endif
