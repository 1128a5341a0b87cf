/* SPDX-License-Identifier: MIT */
/*
 * real_digits.c - shortest digits without a C++ compiler: more of them until the number reads back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "payload/real.h"

#define DOUBLE_DIGITS 16 /* behind the first one; enough for every double */
#define FLOAT_DIGITS  8

const char real_source[] = "snprintf";

void real_digits(char out[REAL_BYTES], double value)
{
    for (int digits = 0; digits <= DOUBLE_DIGITS; digits++) {
        snprintf(out, REAL_BYTES, "%.*e", digits, value);
        if (strtod(out, NULL) == value) {
            return;
        }
    }
}

void real_digits_float(char out[REAL_BYTES], float value)
{
    for (int digits = 0; digits <= FLOAT_DIGITS; digits++) {
        snprintf(out, REAL_BYTES, "%.*e", digits, (double)value);
        if (strtof(out, NULL) == value) {
            return;
        }
    }
}
