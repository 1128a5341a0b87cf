/* SPDX-License-Identifier: MIT */
/*
 * decimal.h - whole numbers as text, fast. Also for C++.
 */
#ifndef PAYLOAD_DECIMAL_H
#define PAYLOAD_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define DECIMAL_BYTES 24 /* of 64 bits, with a sign */

/* Writes no NUL; returns how many bytes it wrote. */
static inline size_t decimal_write_unsigned(char *out, uint64_t value)
{
    static const char pairs[] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
        "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
        "8081828384858687888990919293949596979899";
    char text[DECIMAL_BYTES];
    char *at = text + sizeof text;
    while (value >= 100) {
        at -= 2;
        memcpy(at, pairs + value % 100 * 2, 2);
        value /= 100;
    }
    if (value >= 10) {
        at -= 2;
        memcpy(at, pairs + value * 2, 2);
    } else {
        *--at = (char)('0' + value);
    }
    size_t size = (size_t)(text + sizeof text - at);
    memcpy(out, at, size);
    return size;
}

static inline size_t decimal_write_signed(char *out, int64_t value)
{
    if (value >= 0) {
        return decimal_write_unsigned(out, (uint64_t)value);
    }
    *out = '-';
    return 1 + decimal_write_unsigned(out + 1, -(uint64_t)value);
}

/* The magnitude's 64 bits, negated behind a minus. false: not a whole number. */
static inline bool decimal_read(const char *text, size_t size, uint64_t *ret_value)
{
    size_t at = size > 0 && text[0] == '-' ? 1 : 0;
    bool negative = at == 1;
    uint64_t value = 0;
    if (at == size) {
        return false;
    }
    for (; at < size; at++) {
        unsigned digit = (unsigned)(text[at] - '0');
        if (digit > 9) {
            return false;
        }
        value = value * 10 + digit;
    }
    *ret_value = negative ? -value : value;
    return true;
}

#endif
