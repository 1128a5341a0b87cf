/* SPDX-License-Identifier: MIT */
/*
 * question.c - the script QUESTION and its answer.
 */
#include "cache/question.h"

#include "base/container.h"
#include "cache/record.h"
#include "cache/redis_info.h"

static bool read_answer(const redisReply *reply, struct fr_question_answer *ret_answer)
{
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 ||
        reply->element[0]->type != REDIS_REPLY_INTEGER || reply->element[0]->integer <= 0 ||
        reply->element[0]->integer > (long long)FR_VERSION_MAX ||
        reply->element[1]->type != REDIS_REPLY_STRING || reply->element[2]->type != REDIS_REPLY_STRING) {
        return false;
    }
    ret_answer->counter = (uint64_t)reply->element[0]->integer;
    ret_answer->incarnation = fr_redis_incarnation(reply->element[1]->str, reply->element[2]->str);
    return true;
}

static void on_reply(struct fr_redis_request *request, const redisReply *reply)
{
    struct fr_question *self = FR_CONTAINER(request, struct fr_question, call.request);
    struct fr_redis_connection *connection = request->connection;
    if (fr_script_unknown(reply) && !self->by_text) {
        self->by_text = true;
        if (fr_script_call_send(&self->call, connection, true)) {
            return;
        }
    }
    struct fr_question_answer answer;
    bool usable = read_answer(reply, &answer);
    self->done(self, usable ? &answer : NULL);
    fr_redis_connection_judge(connection, reply);
}

bool fr_question_ask(struct fr_question *self, struct fr_redis_connection *commands, struct fr_bytes counter,
                     void (*done)(struct fr_question *self, const struct fr_question_answer *answer))
{
    *self = (struct fr_question){
        .call = {.request.done = on_reply, .script = FR_SCRIPT_QUESTION, .key = counter},
        .done = done,
    };
    return fr_script_call_send(&self->call, commands, false);
}
