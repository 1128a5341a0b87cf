/* SPDX-License-Identifier: MIT */
/*
 * json_number.h - numbers and their text. Pure.
 */
#ifndef FR_MESSAGE_JSON_NUMBER_H
#define FR_MESSAGE_JSON_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A whole number of 64 bits, signed or not. */
struct fr_integer {
    bool negative;
    uint64_t magnitude;
};

struct fr_integer fr_integer_of(int64_t value);
/* False if value has a fraction or does not fit. */
bool fr_integer_of_double(double value, struct fr_integer *ret_integer);
/* "0", "-12": digits with at most a minus before them, no leading zeros. */
bool fr_integer_parse(const char *text, struct fr_integer *ret_integer);
bool fr_integer_to_signed(struct fr_integer self, int64_t min, int64_t max, int64_t *ret_value);
bool fr_integer_to_unsigned(struct fr_integer self, uint64_t max, uint64_t *ret_value);

/* A number as JSON writes it, and nothing around it. */
bool fr_double_parse(const char *text, double *ret_value);

#define FR_DOUBLE_TEXT_BYTES 32
/* The shortest text that reads back as the same number; value is finite. */
void fr_double_format(double value, char text[FR_DOUBLE_TEXT_BYTES]);
void fr_float_format(float value, char text[FR_DOUBLE_TEXT_BYTES]);

#endif
