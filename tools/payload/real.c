/* SPDX-License-Identifier: MIT */
/*
 * real.c - puts the digits of a number into their place: 1.25e+01 becomes 12.5.
 */
#include "payload/real.h"

#include <stdbool.h>
#include <string.h>

#define FIXED_MIN -4 /* exponents that are written without an e, as Python does */
#define FIXED_MAX 15

static size_t write_zeros(char *out, int count)
{
    memset(out, '0', (size_t)count);
    return (size_t)count;
}

/* digits: without their point. */
static size_t write_fixed(char *out, const char *digits, int count, int exponent)
{
    size_t size = 0;
    if (exponent < 0) {
        memcpy(out, "0.", 2);
        size = 2 + write_zeros(out + 2, -exponent - 1);
        memcpy(out + size, digits, (size_t)count);
        return size + (size_t)count;
    }
    int before = exponent + 1 < count ? exponent + 1 : count;
    memcpy(out, digits, (size_t)before);
    size = (size_t)before + write_zeros(out + before, exponent + 1 - before);
    out[size++] = '.';
    if (before == count) {
        out[size++] = '0';
        return size;
    }
    memcpy(out + size, digits + before, (size_t)(count - before));
    return size + (size_t)(count - before);
}

static int exponent_of(const char *text)
{
    int value = 0;
    for (const char *at = text + 2; *at != '\0'; at++) {
        value = value * 10 + (*at - '0');
    }
    return text[1] == '-' ? -value : value;
}

static size_t rearrange(char *out, const char *text)
{
    size_t sign = *text == '-' ? 1 : 0;
    const char *mark = strchr(text, 'e');
    int exponent = exponent_of(mark);
    if (exponent < FIXED_MIN || exponent > FIXED_MAX) {
        size_t size = strlen(text);
        memcpy(out, text, size);
        return size;
    }
    char digits[REAL_BYTES];
    digits[0] = text[sign];
    int count = 1;
    for (const char *at = text + sign + 1; at < mark; at++) {
        if (*at != '.') {
            digits[count++] = *at;
        }
    }
    out[0] = '-';
    return sign + write_fixed(out + sign, digits, count, exponent);
}

size_t real_write(char out[REAL_BYTES], double value)
{
    char text[REAL_BYTES];
    real_digits(text, value);
    return rearrange(out, text);
}

size_t real_write_float(char out[REAL_BYTES], float value)
{
    char text[REAL_BYTES];
    real_digits_float(text, value);
    return rearrange(out, text);
}
