/* SPDX-License-Identifier: MIT */
/*
 * stub.h - what generated code calls to add types to calls; nobody else needs it.
 *
 * A typed callback travels as fr_any_function beside a generated function that knows its type, so no function is
 * called as what it is not.
 */
#ifndef FR_RPC_STUB_H
#define FR_RPC_STUB_H

#include "rpc/channel.h"
#include "rpc/server.h"

/* Calls done with its own types. */
typedef void fr_stub_deliver(fr_any_function *done, void *argument, const struct fr_result *result,
                             const struct ProtobufCMessage *response);

/* As fr_channel_start with messages. response is NULL unless code is FR_OK; both are borrowed until done returns. */
void fr_stub_start(struct fr_channel *channel, const struct fr_method *method, const struct ProtobufCMessage *request,
                   const struct fr_call_options *options, fr_stub_deliver *deliver, fr_any_function *done,
                   void *argument, struct fr_pending **ret_pending);

/* The unpacked request, which lives until the call is answered. NULL: it is none, and the call has been failed. */
const struct ProtobufCMessage *fr_stub_request(struct fr_call *call);

/* The member typed that the method was registered with. */
fr_any_function *fr_stub_typed(const struct fr_call *call);

#endif
