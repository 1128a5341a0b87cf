/* SPDX-License-Identifier: MIT */
/*
 * key.h - cache keys: "[namespace:]kind:field[:field…]".
 *
 * Field values are percent-encoded where they hold ':', '%', control or space bytes.
 */
#ifndef FR_CACHE_KEY_H
#define FR_CACHE_KEY_H

#include "base/buffer.h"
#include "base/error.h"

#define FR_KEY_MAX_BYTES 512

/* A key without its namespace; a value, copied by assignment. */
struct fr_key {
    uint16_t size;
    char text[FR_KEY_MAX_BYTES + 1]; /* NUL-terminated */
};

/*
 * Different fields never make the same key.
 *   FR_INVALID_ARGUMENT  the key would be longer than FR_KEY_MAX_BYTES, or kind is empty or holds a byte that a
 *                        field would have encoded
 */
FR_MUST_CHECK enum fr_code fr_key_make(struct fr_key *ret_key, const char *kind, const struct fr_bytes *fields,
                                       size_t count, struct fr_error *reterr);

/*
 * Writes encoded fields for people, as they were, but control bytes stay encoded: cut to size, at least 1, which
 * includes the NUL.
 */
void fr_key_show(struct fr_bytes encoded, char *out, size_t size);

#endif
