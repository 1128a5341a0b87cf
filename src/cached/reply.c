/* SPDX-License-Identifier: MIT */
/*
 * reply.c - what a read came to, as the answer of an RPC.
 */
#include "cached/reply.h"

#include <inttypes.h>
#include <stdio.h>

void fr_read_reply(struct fr_call *call, const struct fr_read_result *result)
{
    if (result->code == FR_OK || result->code == FR_NOT_FOUND) {
        char version[24];
        snprintf(version, sizeof version, "%" PRIu64, result->version);
        fr_call_set_metadata(call, "x-cache", fr_source_name(result->source));
        fr_call_set_metadata(call, "x-cache-version", version);
    }
    if (result->code == FR_OK) {
        fr_call_reply(call, result->payload);
    } else {
        fr_call_fail(call, result->code, "%s", result->message);
    }
}
