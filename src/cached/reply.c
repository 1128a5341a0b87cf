/* SPDX-License-Identifier: MIT */
/*
 * reply.c - what an RPC asks of the caches, and what came of it as its answer.
 */
#include "cached/reply.h"

#include "base/clock.h"
#include "cached/demand.h"
#include "cached/extras.h"

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

void fr_read_describe(struct fr_call *call, enum fr_source source, uint64_t age_us)
{
    char age_ms[DECIMAL_BYTES];
    fr_call_set_metadata(call, "x-cache", fr_bytes_of(fr_source_name(source)));
    fr_call_set_metadata(call, "x-cache-age-ms", fr_bytes_of(decimal(age_us / FR_MILLISECOND_US, age_ms)));
}

void fr_read_reply(struct fr_call *call, const struct fr_read_result *result)
{
    if (result->code == FR_OK || result->code == FR_NOT_FOUND) {
        char version[DECIMAL_BYTES];
        fr_read_describe(call, result->source, result->age_us);
        fr_call_set_metadata(call, "x-cache-version", fr_bytes_of(decimal(result->version, version)));
    }
    if (result->code == FR_OK) {
        fr_call_reply(call, result->payload);
    } else {
        fr_call_set_retry_after(call, result->retry_after_us);
        fr_extras_tell(call, result->extras);
        fr_call_fail(call, result->code, "%s", result->message);
    }
}

static void answer(void *argument, const struct fr_read_result *result)
{
    fr_read_reply(argument, result);
}

static bool is_gone(void *argument)
{
    return fr_call_is_over(argument);
}

bool fr_read_of_call(struct fr_call *call, const struct fr_cache_policy *policy, struct fr_cache_kind *kind,
                     struct fr_key *key, struct fr_cache_read *ret_read)
{
    struct ProtobufCMessage *request;
    struct fr_error error;
    struct fr_cache_read read = {
        .kind = kind, .key = key, .done = answer, .is_gone = is_gone, .argument = call};
    if (fr_call_unpack(call, &request, &error) != FR_OK || fr_policy_key(policy, request, key, &error) != FR_OK ||
        fr_demand_read(fr_call_metadata(call), &read.demand, &error) != FR_OK) {
        fr_call_fail_error(call, &error);
        return false;
    }
    read.request = fr_call_request(call);
    *ret_read = read;
    return true;
}
