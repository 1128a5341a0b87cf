/* SPDX-License-Identifier: MIT */
/*
 * utf8.c - whether bytes are text.
 */
#include "message/utf8.h"

#include <string.h>

#define WORD_HIGH_BITS UINT64_C(0x8080808080808080)

/* Length of the sequence that starts with lead, 0 if none does; the bounds are those of its second byte. */
static size_t sequence_length(uint8_t lead, uint8_t *ret_low, uint8_t *ret_high)
{
    *ret_low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    *ret_high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) {
        return 2;
    }
    if (lead >= 0xe0 && lead <= 0xef) {
        return 3;
    }
    return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

/* How many ASCII bytes lead data, at least those found eight at a time. */
static size_t skip_ascii(const uint8_t *data, size_t size)
{
    size_t at = 0;
    while (size - at >= sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, data + at, sizeof word);
        if ((word & WORD_HIGH_BITS) != 0) {
            break;
        }
        at += sizeof word;
    }
    while (at < size && data[at] < 0x80) {
        at++;
    }
    return at;
}

bool fr_utf8_valid(const uint8_t *data, size_t size)
{
    size_t at = 0;
    while ((at += skip_ascii(data + at, size - at)) < size) {
        uint8_t low;
        uint8_t high;
        size_t length = sequence_length(data[at], &low, &high);
        if (length == 0 || length > size - at || data[at + 1] < low || data[at + 1] > high) {
            return false;
        }
        for (size_t i = 2; i < length; i++) {
            if ((data[at + i] & 0xc0) != 0x80) {
                return false;
            }
        }
        at += length;
    }
    return true;
}
