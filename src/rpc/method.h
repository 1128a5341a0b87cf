/* SPDX-License-Identifier: MIT */
/*
 * method.h - what both sides know about a method.
 */
#ifndef FR_RPC_METHOD_H
#define FR_RPC_METHOD_H

#include "base/buffer.h"

struct ProtobufCMessageDescriptor;
struct fr_cache_policy; /* cached/policy.h; only carried here */

/* Any function at all; it is called only after a cast back to what it really is. */
typedef void fr_any_function(void);

/* As google.protobuf.MethodOptions.IdempotencyLevel. */
enum fr_idempotency { FR_IDEMPOTENCY_UNKNOWN, FR_NO_SIDE_EFFECTS, FR_IDEMPOTENT };

struct fr_method {
    const char *name; /* full: "users.v1.Users/GetUser" */
    const struct ProtobufCMessageDescriptor *request, *response;
    enum fr_idempotency idempotency;
    /* What the .proto declares about caching: at most one of the two, see freshet/cache/v1/options.proto. */
    const struct fr_cache_policy *cached;
    const struct fr_method *cached_from; /* the origin, whose policy serves for this method too */
    const struct fr_bytes *descriptors;  /* of its file and all imports: a FileDescriptorSet; NULL: not known */
};

#define FR_MAX_MESSAGE_BYTES (4u << 20)  /* one Request or Response with its envelope */
#define FR_MAX_BATCH_BYTES   (16u << 20) /* one REQ or REP message */
#define FR_MAX_BATCH_CALLS   4096u
#define FR_MAX_CANCELLED     4096u /* ids in one message */

#endif
