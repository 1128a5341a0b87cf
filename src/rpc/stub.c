/* SPDX-License-Identifier: MIT */
/*
 * stub.c - what generated code calls to add types to handlers; fr_stub_start is in channel_message.c.
 */
#include "rpc/stub.h"

#include "rpc/server_internal.h"

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
