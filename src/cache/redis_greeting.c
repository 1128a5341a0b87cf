/* SPDX-License-Identifier: MIT */
/*
 * redis_greeting.c - AUTH, SELECT, INFO and SCRIPT LOAD on a new connection, one after the other.
 */
#include "cache/redis_greeting.h"

#include <stdio.h>
#include <string.h>

#define INFO_ID_BYTES 64 /* run_id and master_replid have 40 */

enum step { STEP_AUTH, STEP_SELECT, STEP_INFO, STEP_SCRIPTS, STEP_READY = STEP_SCRIPTS + FR_SCRIPT_COUNT };

static void send_step(struct fr_redis_connection *self);

uint64_t fr_redis_incarnation(const char *run_id, const char *master_replid)
{
    const char *parts[] = {run_id, master_replid};
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (unsigned i = 0; i < 2; i++) {
        for (const char *at = parts[i];; at++) {
            hash = (hash ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
            if (*at == '\0') {
                break;
            }
        }
    }
    return hash != 0 ? hash : 1;
}

/* The value of a line "name:value\r\n" of INFO; false: no such line. */
static bool find_info(const char *info, const char *name, char out[INFO_ID_BYTES])
{
    size_t name_size = strlen(name);
    for (const char *line = info; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, name_size) == 0 && line[name_size] == ':') {
            const char *value = line + name_size + 1;
            size_t size = strcspn(value, "\r\n");
            if (size == 0 || size >= INFO_ID_BYTES) {
                return false;
            }
            memcpy(out, value, size);
            out[size] = '\0';
            return true;
        }
    }
    return false;
}

/*
 * A replica lags behind its primary, so an INVALIDATE that ran may be missing there: it is no shared cache.
 */
static const char *read_info(struct fr_redis_connection *self, const redisReply *reply)
{
    char run_id[INFO_ID_BYTES], replid[INFO_ID_BYTES], role[INFO_ID_BYTES];
    if (reply->type != REDIS_REPLY_STRING || !find_info(reply->str, "run_id", run_id) ||
        !find_info(reply->str, "master_replid", replid) || !find_info(reply->str, "role", role)) {
        return "its INFO has no run_id, master_replid and role";
    }
    if (strcmp(role, "master") != 0) {
        return "it is a replica";
    }
    self->incarnation = fr_redis_incarnation(run_id, replid);
    return NULL;
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
