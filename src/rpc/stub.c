/* SPDX-License-Identifier: MIT */
/*
 * stub.c - what generated code calls to add types to calls.
 */
#include "rpc/stub.h"

#include <stdlib.h>

#include "rpc/server_internal.h"

/* One asynchronous call. */
struct stub_call {
    fr_stub_deliver *deliver;
    fr_any_function *done;
    void *argument;
};

static void on_done(void *argument, const struct fr_result *result, const struct ProtobufCMessage *response)
{
    struct stub_call *self = argument;
    self->deliver(self->done, self->argument, result, response);
    free(self);
}

void fr_stub_start(struct fr_channel *channel, const struct fr_method *method, const struct ProtobufCMessage *request,
                   const struct fr_call_options *options, fr_stub_deliver *deliver, fr_any_function *done,
                   void *argument, struct fr_pending **ret_pending)
{
    struct stub_call *call = malloc(sizeof *call);
    if (call == NULL) {
        struct fr_result result = {.code = FR_RESOURCE_EXHAUSTED, .message = "out of memory", .not_sent = true};
        if (ret_pending != NULL) {
            *ret_pending = NULL;
        }
        deliver(done, argument, &result, NULL);
        return;
    }
    *call = (struct stub_call){deliver, done, argument};
    fr_channel_start_message(channel, method, request, options, on_done, call, ret_pending);
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
    return call->target->declared.typed;
}
