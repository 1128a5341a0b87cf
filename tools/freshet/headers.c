/* SPDX-License-Identifier: MIT */
/*
 * headers.c - metadata as people type it: "key: value", and base64 (RFC 4648) for "-bin" keys.
 */
#include "freshet/headers.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static bool is_binary_key(struct fr_bytes key)
{
    return key.size > 4 && memcmp(key.data + key.size - 4, "-bin", 4) == 0;
}

/* Decodes in place: the result is never longer. Padding may be left out. */
static bool base64_decode(char *text, size_t size, size_t *ret_size)
{
    while (size > 0 && text[size - 1] == '=') {
        size--;
    }
    uint32_t bits = 0;
    size_t out = 0;
    for (size_t i = 0; i < size; i++) {
        const char *at = text[i] == '\0' ? NULL : strchr(alphabet, text[i]);
        if (at == NULL) {
            return false;
        }
        bits = bits << 6 | (uint32_t)(at - alphabet);
        if (i % 4 != 0) {
            text[out++] = (char)(bits >> (6 - 2 * (i % 4)));
        }
    }
    *ret_size = out;
    return size % 4 != 1;
}

static void base64_append(struct fr_buffer *out, struct fr_bytes value)
{
    for (size_t i = 0; i < value.size; i += 3) {
        size_t left = value.size - i;
        uint32_t bits = (uint32_t)value.data[i] << 16 | (left > 1 ? (uint32_t)value.data[i + 1] << 8 : 0) |
                        (left > 2 ? value.data[i + 2] : 0);
        char quad[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63],
                        left > 1 ? alphabet[bits >> 6 & 63] : '=', left > 2 ? alphabet[bits & 63] : '='};
        fr_buffer_append(out, quad, sizeof quad);
    }
}

static enum fr_code split(char *text, struct fr_metadata_entry *ret_entry, struct fr_error *reterr)
{
    char *colon = strchr(text, ':');
    if (colon == NULL || colon == text) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "-H '%s': expected 'key: value'", text);
    }
    size_t key_size = (size_t)(colon - text);
    for (size_t i = 0; i < key_size; i++) {
        text[i] = (char)tolower((unsigned char)text[i]);
    }
    char *value = colon + 1 + strspn(colon + 1, " \t");
    size_t size = strlen(value);
    while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t')) {
        size--;
    }
    ret_entry->key = (struct fr_bytes){(const uint8_t *)text, key_size};
    if (is_binary_key(ret_entry->key) && !base64_decode(value, size, &size)) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "-H '%.*s': the value is not base64", (int)key_size,
                            text);
    }
    ret_entry->value = (struct fr_bytes){(const uint8_t *)value, size};
    return FR_OK;
}

enum fr_code headers_add(struct headers *self, const char *text, struct fr_error *reterr)
{
    if (self->count == FR_METADATA_MAX_ENTRIES) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "-H: at most %d headers", FR_METADATA_MAX_ENTRIES);
    }
    char *copy = strdup(text);
    if (copy == NULL) {
        return fr_error_no_memory(reterr);
    }
    enum fr_code code = split(copy, &self->entries[self->count], reterr);
    if (code != FR_OK) {
        free(copy);
        return code;
    }
    self->texts[self->count++] = copy;
    return FR_OK;
}

enum fr_code headers_add_all(struct headers *self, const struct fr_option_list *texts,
                             struct fr_error *reterr)
{
    for (size_t i = 0; i < texts->count; i++) {
        enum fr_code code = headers_add(self, texts->items[i], reterr);
        if (code != FR_OK) {
            return code;
        }
    }
    return FR_OK;
}

void headers_fini(struct headers *self)
{
    for (size_t i = 0; i < self->count; i++) {
        free(self->texts[i]);
    }
    self->count = 0;
}

struct fr_metadata headers_metadata(const struct headers *self)
{
    return (struct fr_metadata){.entries = self->entries, .count = self->count};
}

void headers_append(struct fr_buffer *out, const struct fr_metadata_entry *entry)
{
    fr_buffer_append(out, entry->key.data, entry->key.size);
    fr_buffer_append_text(out, ": ");
    if (is_binary_key(entry->key)) {
        base64_append(out, entry->value);
    } else {
        fr_buffer_append(out, entry->value.data, entry->value.size);
    }
}
