/* SPDX-License-Identifier: MIT */
/*
 * text64.c - base64 by tables: two characters for twelve bits to write, four look-ups for a group to read.
 */
#include "payload/text64.h"

#include <string.h>

#define GROUPS  4096
#define INVALID 0x80000000u

static char pairs[GROUPS][2];
static uint32_t values[4][256]; /* shifted to the place of each character in its group */

__attribute__((constructor)) static void make_tables(void)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (unsigned i = 0; i < GROUPS; i++) {
        pairs[i][0] = alphabet[i >> 6];
        pairs[i][1] = alphabet[i & 63];
    }
    for (unsigned place = 0; place < 4; place++) {
        for (unsigned i = 0; i < 256; i++) {
            values[place][i] = INVALID;
        }
        for (unsigned i = 0; i < 64; i++) {
            values[place][(unsigned char)alphabet[i]] = i << (18 - 6 * place);
        }
    }
}

void text64_write(char *out, const uint8_t *data, size_t size)
{
    size_t at = 0;
    for (; at + 3 <= size; at += 3, out += 4) {
        memcpy(out, pairs[data[at] << 4 | data[at + 1] >> 4], 2);
        memcpy(out + 2, pairs[(data[at + 1] & 15) << 8 | data[at + 2]], 2);
    }
    if (at < size) {
        unsigned second = size - at == 2 ? data[at + 1] : 0;
        memcpy(out, pairs[data[at] << 4 | second >> 4], 2);
        out[2] = size - at == 2 ? pairs[(second & 15) << 8][0] : '=';
        out[3] = '=';
    }
}

static uint32_t group_of(const char *text)
{
    return values[0][(unsigned char)text[0]] | values[1][(unsigned char)text[1]] |
           values[2][(unsigned char)text[2]] | values[3][(unsigned char)text[3]];
}

bool text64_read(uint8_t *out, const char *text, size_t size, size_t *ret_size)
{
    if (size % 4 != 0) {
        return false;
    }
    size_t padding = size == 0 || text[size - 1] != '=' ? 0 : text[size - 2] != '=' ? 1 : 2;
    size_t whole = padding == 0 ? size : size - 4;
    uint32_t wrong = 0;
    uint8_t *to = out;
    for (size_t at = 0; at < whole; at += 4, to += 3) {
        uint32_t group = group_of(text + at);
        wrong |= group;
        to[0] = (uint8_t)(group >> 16);
        to[1] = (uint8_t)(group >> 8);
        to[2] = (uint8_t)group;
    }
    if (padding > 0) {
        char last[4] = {text[whole], text[whole + 1], padding == 2 ? 'A' : text[whole + 2], 'A'};
        uint32_t group = group_of(last);
        wrong |= group;
        *to++ = (uint8_t)(group >> 16);
        if (padding == 1) {
            *to++ = (uint8_t)(group >> 8);
        }
    }
    *ret_size = (size_t)(to - out);
    return (wrong & INVALID) == 0;
}
