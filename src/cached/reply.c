/* SPDX-License-Identifier: MIT */
/*
 * reply.c - what a read came to, as the answer of an RPC.
 */
#include "cached/reply.h"

#include "base/clock.h"

#define DECIMAL_BYTES 21 /* of 64 bits, with the NUL */

/* Writes it to the end of out and returns where it begins; snprintf takes as long as all else of a near hit's answer. */
static const char *decimal(uint64_t number, char out[DECIMAL_BYTES])
{
    char *at = out + DECIMAL_BYTES - 1;
    *at = '\0';
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return at;
}

void fr_read_reply(struct fr_call *call, const struct fr_read_result *result)
{
    if (result->code == FR_OK || result->code == FR_NOT_FOUND) {
        char version[DECIMAL_BYTES], age_ms[DECIMAL_BYTES];
        fr_call_set_metadata(call, "x-cache", fr_bytes_of(fr_source_name(result->source)));
        fr_call_set_metadata(call, "x-cache-age-ms", fr_bytes_of(decimal(result->age_us / FR_MILLISECOND_US, age_ms)));
        fr_call_set_metadata(call, "x-cache-version", fr_bytes_of(decimal(result->version, version)));
    }
    if (result->code == FR_OK) {
        fr_call_reply(call, result->payload);
    } else {
        fr_call_fail(call, result->code, "%s", result->message);
    }
}
