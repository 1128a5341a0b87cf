/* SPDX-License-Identifier: MIT */
/*
 * redis_greeting.c - AUTH, SELECT, INFO and SCRIPT LOAD on a new connection, one after the other.
 */
#include "cache/redis_greeting.h"

#include <stdio.h>
#include <string.h>

#include "cache/redis_info.h"

enum step { STEP_AUTH, STEP_SELECT, STEP_INFO, STEP_SCRIPTS, STEP_READY = STEP_SCRIPTS + FR_SCRIPT_COUNT };

static void send_step(struct fr_redis_connection *self);

static const char *read_info(struct fr_redis_connection *self, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_STRING) {
        return "its INFO is no text";
    }
    return fr_redis_info_identify(reply->str, &self->incarnation);
}

/* NULL, or what is wrong with the reply. */
static const char *read_reply(struct fr_redis_connection *self, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR) {
        return reply->str;
    }
    if (self->greeting_step == STEP_INFO) {
        return read_info(self, reply);
    }
    if (self->greeting_step >= STEP_SCRIPTS) {
        if (reply->type != REDIS_REPLY_STRING || reply->len != FR_SCRIPT_SHA_BYTES) {
            return "SCRIPT LOAD gave no SHA1";
        }
        memcpy(self->shas[self->greeting_step - STEP_SCRIPTS], reply->str, FR_SCRIPT_SHA_BYTES + 1);
    }
    return NULL;
}

static void on_reply(struct fr_redis_request *request, const redisReply *reply)
{
    struct fr_redis_connection *self = request->connection;
    if (reply == NULL || self->state != FR_REDIS_GREETING) {
        return;
    }
    const char *wrong = read_reply(self, reply);
    if (wrong != NULL) {
        static const char *const names[] = {"AUTH", "SELECT", "INFO", "SCRIPT LOAD"};
        unsigned name = self->greeting_step < STEP_SCRIPTS ? self->greeting_step : STEP_SCRIPTS;
        char why[512];
        snprintf(why, sizeof why, "redis at %s refuses %s: %s", self->options.url->address, names[name],
                 wrong);
        fr_redis_connection_drop(self, why);
        return;
    }
    self->greeting_step++;
    send_step(self);
}

static void send_words(struct fr_redis_connection *self, int count, const char **words)
{
    size_t sizes[3];
    for (int i = 0; i < count; i++) {
        sizes[i] = strlen(words[i]);
    }
    self->greeting.done = on_reply;
    if (!fr_redis_connection_send(self, &self->greeting, count, words, sizes)) {
        fr_redis_connection_drop(self, "cannot send to redis: no memory");
    }
}

static void send_auth(struct fr_redis_connection *self)
{
    const struct fr_redis_url *url = self->options.url;
    if (url->user[0] != '\0') {
        send_words(self, 3, (const char *[]){"AUTH", url->user, url->password});
    } else {
        send_words(self, 2, (const char *[]){"AUTH", url->password});
    }
}

static void send_select(struct fr_redis_connection *self)
{
    char number[16];
    snprintf(number, sizeof number, "%u", self->options.url->database);
    send_words(self, 2, (const char *[]){"SELECT", number});
}

/* The current step, or the next that is needed. */
static void send_step(struct fr_redis_connection *self)
{
    if (self->greeting_step == STEP_AUTH && self->options.url->password[0] == '\0') {
        self->greeting_step++;
    }
    if (self->greeting_step == STEP_SELECT && self->options.url->database == 0) {
        self->greeting_step++;
    }
    if (self->greeting_step == STEP_SCRIPTS && !self->options.load_scripts) {
        self->greeting_step = STEP_READY;
    }
    switch (self->greeting_step) {
    case STEP_AUTH:
        send_auth(self);
        break;
    case STEP_SELECT:
        send_select(self);
        break;
    case STEP_INFO:
        /* Everything, not the two sections: Redis before 7 takes only one name, and the default has both. */
        send_words(self, 1, (const char *[]){"INFO"});
        break;
    case STEP_READY:
        fr_redis_connection_greeted(self);
        break;
    default:
        send_words(self, 3,
                   (const char *[]){"SCRIPT", "LOAD", fr_script_text(self->greeting_step - STEP_SCRIPTS)});
        break;
    }
}

void fr_redis_greet(struct fr_redis_connection *self)
{
    self->greeting_step = STEP_AUTH;
    send_step(self);
}
