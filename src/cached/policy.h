/* SPDX-License-Identifier: MIT */
/*
 * policy.h - what is declared about one kind of cached value.
 */
#ifndef FR_CACHED_POLICY_H
#define FR_CACHED_POLICY_H

#include "cache/key.h"

struct ProtobufCMessage;

struct fr_cache_policy {
    const char *kind; /* first part of the key; one kind has one response type */
    uint64_t ttl_us;
    uint64_t not_found_ttl_us;
    /* The key of an unpacked request. INVALID_ARGUMENT when it has none, such as an empty id. */
    enum fr_code (*key_of)(const struct ProtobufCMessage *request, struct fr_key *ret_key, struct fr_error *reterr);
};

#endif
