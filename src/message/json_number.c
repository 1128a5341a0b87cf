/* SPDX-License-Identifier: MIT */
/*
 * json_number.c - numbers and their text.
 */
#include "message/json_number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The digits that a double and a float always survive, and those that some values need. */
#define DOUBLE_DIGITS_MIN 15
#define DOUBLE_DIGITS_MAX 17
#define FLOAT_DIGITS_MIN  6
#define FLOAT_DIGITS_MAX  9

#define TWO_TO_63 0x1p63
#define TWO_TO_64 0x1p64

struct fr_integer fr_integer_of(int64_t value)
{
    return (struct fr_integer){value < 0, value < 0 ? -(uint64_t)value : (uint64_t)value};
}

bool fr_integer_of_double(double value, struct fr_integer *ret_integer)
{
    if (!(value >= -TWO_TO_63 && value < TWO_TO_64) || value != trunc(value)) {
        return false;
    }
    *ret_integer = (struct fr_integer){value < 0, (uint64_t)fabs(value)};
    return true;
}

bool fr_integer_parse(const char *text, struct fr_integer *ret_integer)
{
    bool negative = *text == '-';
    const char *digits = text + negative;
    size_t count = strspn(digits, "0123456789");
    if (count == 0 || digits[count] != '\0' || (digits[0] == '0' && (count > 1 || negative))) {
        return false;
    }
    uint64_t magnitude = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned digit = (unsigned)(digits[i] - '0');
        if (magnitude > (UINT64_MAX - digit) / 10) {
            return false;
        }
        magnitude = magnitude * 10 + digit;
    }
    *ret_integer = (struct fr_integer){negative, magnitude};
    return true;
}

bool fr_integer_to_signed(struct fr_integer self, int64_t min, int64_t max, int64_t *ret_value)
{
    uint64_t limit = self.negative ? -(uint64_t)min : (uint64_t)max;
    if (self.magnitude > limit) {
        return false;
    }
    *ret_value = (int64_t)(self.negative ? -self.magnitude : self.magnitude);
    return true;
}

bool fr_integer_to_unsigned(struct fr_integer self, uint64_t max, uint64_t *ret_value)
{
    if ((self.negative && self.magnitude > 0) || self.magnitude > max) {
        return false;
    }
    *ret_value = self.magnitude;
    return true;
}

/* Moves past digits; false when there is none. */
static bool skip_digits(const char **text)
{
    size_t count = strspn(*text, "0123456789");
    *text += count;
    return count > 0;
}

bool fr_double_parse(const char *text, double *ret_value)
{
    const char *at = text + (*text == '-');
    if (at[0] == '0' && at[1] >= '0' && at[1] <= '9') {
        return false;
    }
    if (!skip_digits(&at)) {
        return false;
    }
    if (*at == '.' && (at++, !skip_digits(&at))) {
        return false;
    }
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '+' || *at == '-';
        if (!skip_digits(&at)) {
            return false;
        }
    }
    *ret_value = strtod(text, NULL);
    return *at == '\0' && isfinite(*ret_value);
}

/* Without a point, -0 would be read as a whole number and lose its sign. */
static bool format_negative_zero(double value, char text[FR_DOUBLE_TEXT_BYTES])
{
    if (value != 0 || !signbit(value)) {
        return false;
    }
    strcpy(text, "-0.0");
    return true;
}

void fr_double_format(double value, char text[FR_DOUBLE_TEXT_BYTES])
{
    if (format_negative_zero(value, text)) {
        return;
    }
    for (int digits = DOUBLE_DIGITS_MIN; digits <= DOUBLE_DIGITS_MAX; digits++) {
        snprintf(text, FR_DOUBLE_TEXT_BYTES, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            return;
        }
    }
}

void fr_float_format(float value, char text[FR_DOUBLE_TEXT_BYTES])
{
    if (format_negative_zero(value, text)) {
        return;
    }
    for (int digits = FLOAT_DIGITS_MIN; digits <= FLOAT_DIGITS_MAX; digits++) {
        snprintf(text, FR_DOUBLE_TEXT_BYTES, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value) {
            return;
        }
    }
}
