/* SPDX-License-Identifier: MIT */
/*
 * base64.c - bytes as text (RFC 4648).
 */
#include "message/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void fr_base64_write(struct fr_bytes bytes, struct fr_buffer *out)
{
    for (size_t at = 0; at < bytes.size; at += 3) {
        size_t left = bytes.size - at < 3 ? bytes.size - at : 3;
        uint32_t group = (uint32_t)bytes.data[at] << 16;
        group |= left > 1 ? (uint32_t)bytes.data[at + 1] << 8 : 0;
        group |= left > 2 ? bytes.data[at + 2] : 0;
        char text[4] = {alphabet[group >> 18], alphabet[group >> 12 & 63],
                        left > 1 ? alphabet[group >> 6 & 63] : '=', left > 2 ? alphabet[group & 63] : '='};
        fr_buffer_append(out, text, sizeof text);
    }
}

/* The six bits of a character, or -1. */
static int value_of(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

bool fr_base64_read(struct fr_bytes text, uint8_t *out, size_t *ret_size)
{
    size_t length = text.size;
    while (length > 0 && text.size - length < 2 && text.data[length - 1] == '=') {
        length--;
    }
    if (length % 4 == 1 || (length < text.size && text.size % 4 != 0)) {
        return false;
    }
    uint32_t bits = 0;
    size_t size = 0;
    for (size_t i = 0; i < length; i++) {
        int value = value_of(text.data[i]);
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 > 0) {
            out[size++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
        }
    }
    *ret_size = size;
    return true;
}
