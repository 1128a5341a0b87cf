/* SPDX-License-Identifier: MIT */
/*
 * script_call.c - EVALSHA and EVAL.
 */
#include "cache/script_call.h"

#include <string.h>

#include <hiredis/hiredis.h>

bool fr_script_call_send(struct fr_script_call *self, struct fr_redis_connection *connection, bool by_text)
{
    const char *script = by_text ? fr_script_text(self->script) : connection->shas[self->script];
    const char *words[4 + FR_SCRIPT_MAX_ARGUMENTS] = {by_text ? "EVAL" : "EVALSHA", script, "1",
                                                      (const char *)self->key.data};
    size_t sizes[4 + FR_SCRIPT_MAX_ARGUMENTS] = {strlen(words[0]), strlen(script), 1, self->key.size};
    for (unsigned i = 0; i < self->count; i++) {
        words[4 + i] = self->arguments[i].size > 0 ? (const char *)self->arguments[i].data : "";
        sizes[4 + i] = self->arguments[i].size;
    }
    return fr_redis_connection_send(connection, &self->request, (int)(4 + self->count), words, sizes);
}

bool fr_script_unknown(const redisReply *reply)
{
    return reply != NULL && reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOSCRIPT", 8) == 0;
}
