/* SPDX-License-Identifier: MIT */
/*
 * origin.c - RPC methods whose answers are loaded from the database and filled into the cache.
 */
#include "cached/origin.h"

#include <stdlib.h>

#include "base/log.h"
#include "cached/reply.h"

struct origin_read {
    struct fr_work work;
    struct fr_origin *origin;
    struct fr_read *read;
    struct fr_key key;
    const struct ProtobufCMessage *request;
    void (*done)(void *argument, const struct fr_read_result *result);
    void *argument;
};

static void fail(struct fr_read *read, const struct fr_error *error)
{
    struct fr_read_result result = {.code = error->code, .message = error->message};
    fr_read_loaded(read, &result);
}

/* Whatever the first caller's deadline: who holds the lease loads for everybody who waits. */
static void run(struct fr_work *work, unsigned worker)
{
    struct origin_read *self = (struct origin_read *)work;
    struct fr_error error = {0};
    struct fr_buffer payload = {0};
    struct fr_read_result result = {.message = error.message, .source = FR_SOURCE_ORIGIN};
    result.code = self->origin->load(self->origin, self->origin->connections[worker], self->request, &payload,
                                     &result.version, &error);
    if (result.code == FR_OK && payload.failed) {
        result.code = fr_error_no_memory(&error);
    }
    result.payload = fr_buffer_bytes(&payload);
    fr_log_request("db read", fr_log_text("key", self->key.text), fr_log_number("version", result.version),
                   fr_log_text("result", fr_code_name(result.code)));
    fr_read_loaded(self->read, &result);
    fr_buffer_fini(&payload);
}

static void load(struct fr_read *read, void *argument)
{
    struct origin_read *self = argument;
    struct fr_error error;
    self->read = read;
    self->work.run = run;
    if (fr_worker_pool_submit(self->origin->pool, &self->work, &error) != FR_OK) {
        fail(read, &error);
    }
}

static void on_read(void *argument, const struct fr_read_result *result)
{
    struct origin_read *self = argument;
    self->done(self->argument, result);
    free(self);
}

void fr_origin_read(struct fr_origin *self, const struct fr_key *key, const struct ProtobufCMessage *request,
                    uint64_t deadline_us, void (*done)(void *argument, const struct fr_read_result *result),
                    void *argument)
{
    struct origin_read *read = calloc(1, sizeof *read);
    if (read == NULL) {
        struct fr_read_result result = {.code = FR_RESOURCE_EXHAUSTED, .message = "out of memory"};
        done(argument, &result);
        return;
    }
    read->origin = self;
    read->key = *key;
    read->request = request;
    read->done = done;
    read->argument = argument;
    fr_read_start(&(struct fr_read_options){
        .loop = self->loop,
        .shared = self->shared,
        .policy = self->policy,
        .role = FR_READ_ORIGIN,
        .key = *key,
        .deadline_us = deadline_us,
        .load = load,
        .done = on_read,
        .argument = read,
    });
}

static void answer(void *argument, const struct fr_read_result *result)
{
    fr_read_reply(argument, result);
}

void fr_origin_handle(struct fr_call *call, void *context)
{
    struct fr_origin *self = context;
    struct ProtobufCMessage *request;
    struct fr_key key;
    struct fr_error error;
    if (fr_call_unpack(call, &request, &error) != FR_OK || fr_policy_key(self->policy, request, &key, &error) != FR_OK) {
        fr_call_fail_error(call, &error);
        return;
    }
    fr_origin_read(self, &key, request, fr_call_deadline_us(call), answer, call);
}
