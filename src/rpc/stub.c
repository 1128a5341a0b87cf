/* SPDX-License-Identifier: MIT */
/*
 * stub.c - what generated code calls to add types to calls.
 */
#include "rpc/stub.h"

#include <stdlib.h>

#include "rpc/server_internal.h"

#define RESPONSE_ARENA_BYTES 1024

/* One asynchronous call. */
struct stub_call {
    const struct fr_method *method;
    fr_stub_deliver *deliver;
    fr_any_function *done;
    void *argument;
};

static void on_done(void *argument, const struct fr_result *result)
{
    struct stub_call *self = argument;
    struct fr_arena *arena = NULL;
    struct ProtobufCMessage *response = NULL;
    struct fr_result told = *result;
    struct fr_error error;
    if (result->code == FR_OK) {
        arena = fr_arena_new(RESPONSE_ARENA_BYTES);
        told.code = arena == NULL
                        ? fr_error_no_memory(&error)
                        : fr_message_unpack(self->method->response, result->payload, arena, &response, &error);
        if (told.code != FR_OK) {
            told.code = told.code == FR_INVALID_ARGUMENT ? FR_INTERNAL : told.code;
            told.message = error.message;
            response = NULL;
        }
    }
    self->deliver(self->done, self->argument, &told, response);
    fr_arena_free(arena);
    free(self);
}

void fr_stub_start(struct fr_channel *channel, const struct fr_method *method, const struct ProtobufCMessage *request,
                   const struct fr_call_options *options, fr_stub_deliver *deliver, fr_any_function *done,
                   void *argument, struct fr_pending **ret_pending)
{
    struct stub_call *call = malloc(sizeof *call);
    struct fr_buffer payload = {0};
    fr_message_pack(request, &payload);
    if (call == NULL || payload.failed) {
        struct fr_result result = {.code = FR_RESOURCE_EXHAUSTED, .message = "out of memory", .not_sent = true};
        free(call);
        fr_buffer_fini(&payload);
        if (ret_pending != NULL) {
            *ret_pending = NULL;
        }
        deliver(done, argument, &result, NULL);
        return;
    }
    *call = (struct stub_call){method, deliver, done, argument};
    fr_channel_start(channel, method->name, fr_buffer_bytes(&payload), options, on_done, call, ret_pending);
    fr_buffer_fini(&payload);
}

const struct ProtobufCMessage *fr_stub_request(struct fr_call *call)
{
    struct ProtobufCMessage *request;
    struct fr_error error;
    if (fr_call_unpack(call, &request, &error) != FR_OK) {
        fr_call_fail_error(call, &error);
        return NULL;
    }
    return request;
}

fr_any_function *fr_stub_typed(const struct fr_call *call)
{
    return call->target->typed;
}
