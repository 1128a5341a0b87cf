/* SPDX-License-Identifier: MIT */
/*
 * gets.c - gather GETs, send them as MGETs, and hand out what comes back.
 *
 * A command of its own for each key costs hiredis and Redis more than the key does. The keys of one MGET may be of any
 * slot, so a Redis Cluster would want an MGET for each; the scripts have one key each.
 */
#include "cache/gets.h"

#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "cache/record.h"

#define MAX_OUTSTANDING 65536 /* keys */

_Static_assert(FR_NAME_SPACE_MAX_BYTES + 1 + FR_KEY_MAX_BYTES <= FR_GETS_MAX_BYTES, "one key fits");

struct fr_gets_command {
    struct fr_redis_request request;
    struct fr_gets *gets;
    unsigned count;
    struct {
        fr_shared_value_done *done;
        void *argument;
    } readers[FR_GETS_MAX_KEYS];
};

static const struct fr_shared_value unavailable = {.code = FR_UNAVAILABLE};

bool fr_shared_value_show(struct fr_shared_value *value, const redisReply *reply, uint64_t incarnation)
{
    struct fr_record record;
    struct fr_bytes bytes = {.data = (const uint8_t *)reply->str, .size = (size_t)reply->len};
    if (reply->type != REDIS_REPLY_STRING || !fr_record_decode(bytes, &record) ||
        !fr_record_serves(&record, incarnation)) {
        return false;
    }
    value->kind = record.kind;
    value->version = record.version;
    value->soft_expiry_us = record.soft_expiry_us;
    value->payload = record.payload;
    return true;
}

static size_t mean_bytes(const redisReply *reply)
{
    size_t sum = 0;
    for (size_t i = 0; i < reply->elements; i++) {
        sum += reply->element[i]->type == REDIS_REPLY_STRING ? (size_t)reply->element[i]->len : 0;
    }
    return sum / reply->elements;
}

/* The reply may be NULL or an error: then it is that of every key. MGET gives nil for a stranger's value. */
static void answer(struct fr_gets_command *self, const redisReply *reply)
{
    uint64_t incarnation = self->gets->connection->incarnation;
    bool whole = reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == self->count;
    if (whole) {
        self->gets->value_bytes = (7 * self->gets->value_bytes + mean_bytes(reply)) / 8;
    }
    for (unsigned i = 0; i < self->count; i++) {
        struct fr_shared_value value = unavailable;
        if (whole && (reply->element[i]->type == REDIS_REPLY_STRING || reply->element[i]->type == REDIS_REPLY_NIL)) {
            value.code = FR_OK;
            fr_shared_value_show(&value, reply->element[i], incarnation);
        }
        self->gets->outstanding--;
        self->readers[i].done(self->readers[i].argument, &value);
    }
    free(self);
}

static void on_reply(struct fr_redis_request *request, const redisReply *reply)
{
    struct fr_gets_command *self = FR_CONTAINER(request, struct fr_gets_command, request);
    fr_redis_connection_judge(self->gets->connection, reply);
    if (reply == NULL) {
        self->gets->value_bytes = FR_GETS_REPLY_BYTES;
    }
    answer(self, reply);
}

void fr_gets_init(struct fr_gets *self, struct fr_redis_connection *connection)
{
    self->connection = connection;
    self->keys[0] = "MGET";
    self->sizes[0] = 4;
}

static struct fr_gets_command *take_gathered(struct fr_gets *self)
{
    struct fr_gets_command *command = self->command;
    self->command = NULL;
    self->used = 0;
    return command;
}

void fr_gets_send(struct fr_gets *self)
{
    struct fr_gets_command *command = take_gathered(self);
    if (command != NULL && !fr_redis_connection_send(self->connection, &command->request, (int)(1 + command->count),
                                                     self->keys, self->sizes)) {
        answer(command, NULL);
    }
}

void fr_gets_fail(struct fr_gets *self)
{
    struct fr_gets_command *command = take_gathered(self);
    if (command != NULL) {
        answer(command, NULL);
    }
}

/* NULL: no memory. */
static struct fr_gets_command *gathering(struct fr_gets *self)
{
    if (self->command == NULL) {
        self->command = malloc(sizeof *self->command);
        if (self->command != NULL) {
            self->command->request.done = on_reply;
            self->command->gets = self;
            self->command->count = 0;
        }
    }
    return self->command;
}

void fr_gets_add(struct fr_gets *self, struct fr_bytes prefix, const struct fr_key *key, fr_shared_value_done *done,
                 void *argument)
{
    size_t size = prefix.size + key->size;
    if (size > sizeof self->bytes - self->used) {
        fr_gets_send(self);
    }
    /* What the send failed may have asked for more by now. */
    bool room = size <= sizeof self->bytes - self->used && self->outstanding < MAX_OUTSTANDING;
    struct fr_gets_command *command = room && fr_redis_connection_is_ready(self->connection) ? gathering(self) : NULL;
    if (command == NULL) {
        done(argument, &unavailable);
        return;
    }
    char *bytes = self->bytes + self->used;
    memcpy(bytes, prefix.data, prefix.size);
    memcpy(bytes + prefix.size, key->text, key->size);
    self->used += size;
    self->outstanding++;
    command->readers[command->count].done = done;
    command->readers[command->count].argument = argument;
    command->count++;
    self->keys[command->count] = bytes;
    self->sizes[command->count] = size;
    if (command->count == FR_GETS_MAX_KEYS || (command->count + 1) * self->value_bytes > FR_GETS_REPLY_BYTES) {
        fr_gets_send(self);
    }
}
