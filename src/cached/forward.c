/* SPDX-License-Identifier: MIT */
/*
 * forward.c - passes a call on to another service, with its metadata and the time left, and its answer back.
 */
#include "cached/consumer.h"

static void on_answer(void *argument, const struct fr_result *result)
{
    struct fr_call *call = argument;
    if (result->code == FR_OK) {
        fr_call_reply(call, result->payload);
    } else {
        fr_call_fail(call, result->code, "%s", result->message);
    }
}

void fr_forward_handle(struct fr_call *call, void *context)
{
    struct fr_forward *self = context;
    struct fr_call_options options = {
        .timeout_us = fr_forward_timeout_us(fr_call_deadline_us(call)),
        .metadata = fr_call_metadata(call),
    };
    fr_channel_start(self->target, self->method, fr_call_request(call), &options, on_answer, call, NULL);
}
