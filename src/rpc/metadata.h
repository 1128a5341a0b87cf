/* SPDX-License-Identifier: MIT */
/*
 * metadata.h - keys and values that travel beside a message.
 */
#ifndef FR_RPC_METADATA_H
#define FR_RPC_METADATA_H

#include "base/buffer.h"
#include "base/error.h"

#define FR_METADATA_MAX_ENTRIES 64
#define FR_METADATA_MAX_BYTES   8192 /* keys and values of one message together */

/* Borrowed. Keys are lower case letters, digits, '-', '_' and '.'; only "-bin" keys carry other bytes than text. */
struct fr_metadata_entry {
    struct fr_bytes key;
    struct fr_bytes value;
};

struct fr_metadata {
    const struct fr_metadata_entry *entries;
    size_t count;
};

#define FR_MAX_DETAILS 16 /* of one error; more are dropped */

/* What went wrong, for a program: a google.protobuf.Any. Borrowed. */
struct fr_detail {
    struct fr_bytes type_url; /* such as "type.googleapis.com/google.rpc.BadRequest" */
    struct fr_bytes value;    /* the serialized message */
};

struct fr_details {
    const struct fr_detail *entries;
    size_t count;
};

/* The first value of key; {NULL, 0} when there is none. */
struct fr_bytes fr_metadata_find(struct fr_metadata self, const char *key);

/*   FR_INVALID_ARGUMENT  a bad key or value; FR_RESOURCE_EXHAUSTED  too many or too large */
FR_MUST_CHECK enum fr_code fr_metadata_check(struct fr_metadata self, struct fr_error *reterr);

#endif
