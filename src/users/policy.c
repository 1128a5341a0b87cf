/* SPDX-License-Identifier: MIT */
/*
 * policy.c - how users are cached, and what a request may ask for.
 */
#include "users/policy.h"

#include "base/clock.h"
#include "users/v1/users.pb-c.h"

enum fr_code fr_user_key(const char *id, struct fr_key *ret_key, struct fr_error *reterr)
{
    struct fr_bytes field = fr_bytes_of(id);
    if (field.size == 0) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "id must not be empty");
    }
    return fr_key_make(ret_key, fr_user_policy.kind, &field, 1, reterr);
}

static enum fr_code key_of(const struct ProtobufCMessage *request, struct fr_key *ret_key, struct fr_error *reterr)
{
    return fr_user_key(((const Users__V1__GetUserRequest *)request)->id, ret_key, reterr);
}

const struct fr_cache_policy fr_user_policy = {
    .kind = "user",
    .ttl_us = 60 * FR_SECOND_US,
    .not_found_ttl_us = 5 * FR_SECOND_US,
    .key_of = key_of,
};
