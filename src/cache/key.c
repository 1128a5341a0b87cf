/* SPDX-License-Identifier: MIT */
/*
 * key.c - cache keys with percent-encoded fields. Pure.
 */
#include "cache/key.h"

#include <stdbool.h>
#include <string.h>

static bool needs_encoding(uint8_t byte)
{
    return byte <= ' ' || byte == 0x7f || byte == ':' || byte == '%';
}

static bool put(struct fr_key *key, char byte)
{
    if (key->size == FR_KEY_MAX_BYTES) {
        return false;
    }
    key->text[key->size++] = byte;
    return true;
}

static bool put_field(struct fr_key *key, struct fr_bytes field)
{
    static const char digits[] = "0123456789ABCDEF";
    bool fits = put(key, ':');
    for (size_t i = 0; fits && i < field.size; i++) {
        uint8_t byte = field.data[i];
        if (needs_encoding(byte)) {
            fits = put(key, '%') && put(key, digits[byte >> 4]) && put(key, digits[byte & 15]);
        } else {
            fits = put(key, (char)byte);
        }
    }
    return fits;
}

enum fr_code fr_key_make(struct fr_key *ret_key, const char *kind, const struct fr_bytes *fields,
                         size_t count, struct fr_error *reterr)
{
    struct fr_key key = {.size = 0};
    bool fits = true;
    for (const char *at = kind; fits && *at != '\0'; at++) {
        if (needs_encoding((uint8_t)*at)) {
            return fr_error_set(reterr, FR_INVALID_ARGUMENT,
                                "cache kind '%s' holds a ':', '%%', space or control byte", kind);
        }
        fits = put(&key, *at);
    }
    if (key.size == 0) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "a cache kind must not be empty");
    }
    for (size_t i = 0; fits && i < count; i++) {
        fits = put_field(&key, fields[i]);
    }
    if (!fits) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "cache key of kind '%.64s' is longer than %d bytes",
                            kind, FR_KEY_MAX_BYTES);
    }
    key.text[key.size] = '\0';
    *ret_key = key;
    return FR_OK;
}

static int digit_value(uint8_t digit)
{
    return digit <= '9' ? digit - '0' : digit - 'A' + 10;
}

void fr_key_show(struct fr_bytes encoded, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < encoded.size && used + 1 < size; i++) {
        const uint8_t *at = encoded.data + i;
        bool escape = *at == '%' && i + 2 < encoded.size;
        out[used++] = escape ? (char)(digit_value(at[1]) << 4 | digit_value(at[2])) : (char)*at;
        i += escape ? 2 : 0;
    }
    out[used] = '\0';
}
