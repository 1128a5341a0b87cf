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

static bool put(struct fr_key *key, const uint8_t *bytes, size_t size)
{
    if (key->size + size > FR_KEY_MAX_BYTES) {
        return false;
    }
    memcpy(key->text + key->size, bytes, size);
    key->size = (uint16_t)(key->size + size);
    return true;
}

/* Where the next byte is that needs encoding. */
static size_t plain_until(struct fr_bytes field, size_t from)
{
    while (from < field.size && !needs_encoding(field.data[from])) {
        from++;
    }
    return from;
}

static bool put_field(struct fr_key *key, struct fr_bytes field)
{
    static const char digits[] = "0123456789ABCDEF";
    bool fits = put(key, (const uint8_t *)":", 1);
    for (size_t at = 0; fits && at < field.size;) {
        size_t end = plain_until(field, at);
        fits = put(key, field.data + at, end - at);
        if (fits && end < field.size) {
            uint8_t byte = field.data[end++];
            fits = put(key, (const uint8_t[]){'%', (uint8_t)digits[byte >> 4], (uint8_t)digits[byte & 15]}, 3);
        }
        at = end;
    }
    return fits;
}

enum fr_code fr_key_make(struct fr_key *ret_key, const char *kind, const struct fr_bytes *fields,
                         size_t count, struct fr_error *reterr)
{
    struct fr_bytes name = fr_bytes_of(kind);
    if (name.size == 0) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "a cache kind must not be empty");
    }
    if (plain_until(name, 0) < name.size) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT,
                            "cache kind '%s' holds a ':', '%%', space or control byte", kind);
    }
    struct fr_key key; /* every read through a cache makes one, so it is neither zeroed nor copied whole */
    key.size = 0;
    bool fits = put(&key, name.data, name.size);
    for (size_t i = 0; fits && i < count; i++) {
        fits = put_field(&key, fields[i]);
    }
    if (!fits) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "cache key of kind '%.64s' is longer than %d bytes",
                            kind, FR_KEY_MAX_BYTES);
    }
    memcpy(ret_key->text, key.text, key.size);
    ret_key->text[key.size] = '\0';
    ret_key->size = key.size;
    return FR_OK;
}

/* -1: none of those that put_field writes. */
static int digit_value(uint8_t digit)
{
    return digit >= '0' && digit <= '9' ? digit - '0' : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* The byte that stands encoded at "at", if people can read it, otherwise -1. */
static int readable_escape(const uint8_t *at, size_t left)
{
    if (left < 3 || at[0] != '%' || digit_value(at[1]) < 0 || digit_value(at[2]) < 0) {
        return -1;
    }
    int byte = digit_value(at[1]) * 16 + digit_value(at[2]);
    return byte >= ' ' && byte < 0x7f ? byte : -1;
}

void fr_key_show(struct fr_bytes encoded, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < encoded.size && used + 1 < size; i++) {
        int byte = readable_escape(encoded.data + i, encoded.size - i);
        out[used++] = byte >= 0 ? (char)byte : (char)encoded.data[i];
        i += byte >= 0 ? 2 : 0;
    }
    out[used] = '\0';
}
