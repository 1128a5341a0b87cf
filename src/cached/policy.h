/* SPDX-License-Identifier: MIT */
/*
 * policy.h - what is declared about one kind of cached value; protoc-gen-freshet makes it from the .proto.
 */
#ifndef FR_CACHED_POLICY_H
#define FR_CACHED_POLICY_H

#include "cache/cache.h"

struct ProtobufCMessage;
struct fr_method;

#define FR_KEY_MAX_FIELDS 16

/* A field of the request that is part of the key. */
struct fr_key_field {
    const char *name;
    uint32_t number;
};

struct fr_cache_policy {
    const char *kind; /* first part of the key; one kind has one response type */
    uint64_t ttl_us;
    uint64_t stale_us; /* after that: how long it may still serve, marked, while its origin cannot be reached */
    uint64_t not_found_ttl_us;
    const struct fr_key_field *by; /* single strings, bytes, integers, bools and enums of the request */
    size_t by_count;               /* 1 to FR_KEY_MAX_FIELDS */
};

/*
 * The key of an unpacked request.
 *   FR_INVALID_ARGUMENT  a string or bytes field of the key is empty, or the key would be too long
 */
FR_MUST_CHECK enum fr_code fr_policy_key(const struct fr_cache_policy *self, const struct ProtobufCMessage *request,
                                         struct fr_key *ret_key, struct fr_error *reterr);

/* What the cache is to know of it; role and loader are left to the caller. */
struct fr_cache_kind_options fr_policy_kind(const struct fr_cache_policy *self);

/* The policy of a method that is cached, or cached from one that is; NULL for others. */
const struct fr_cache_policy *fr_policy_of(const struct fr_method *method);

#endif
