/* SPDX-License-Identifier: MIT */
/*
 * real_digits.c - shortest digits without a C++ compiler: more of them until the number reads back.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "payload/real.h"

/* Digits behind the first one: a text of so few is never lost, and so many keep every number. */
#define DOUBLE_DIGITS_MIN 14
#define DOUBLE_DIGITS_MAX 16
#define FLOAT_DIGITS_MIN  5
#define FLOAT_DIGITS_MAX  8

const char real_source[] = "snprintf";

/* Takes the zeros away that stand at the end of the digits, and the point with them. */
static void trim(char *text)
{
    char *mark = strchr(text, 'e'), *end = mark;
    while (end[-1] == '0' && memchr(text, '.', (size_t)(end - text)) != NULL) {
        end--;
    }
    end -= end[-1] == '.';
    memmove(end, mark, strlen(mark) + 1);
}

void real_digits(char out[REAL_BYTES], double value)
{
    /* Below the normal numbers there are fewer bits, so fewer digits may do. */
    int digits = fabs(value) < DBL_MIN ? 0 : DOUBLE_DIGITS_MIN;
    do {
        snprintf(out, REAL_BYTES, "%.*e", digits, value);
    } while (strtod(out, NULL) != value && ++digits <= DOUBLE_DIGITS_MAX);
    trim(out);
}

void real_digits_float(char out[REAL_BYTES], float value)
{
    int digits = fabsf(value) < FLT_MIN ? 0 : FLOAT_DIGITS_MIN;
    do {
        snprintf(out, REAL_BYTES, "%.*e", digits, (double)value);
    } while (strtof(out, NULL) != value && ++digits <= FLOAT_DIGITS_MAX);
    trim(out);
}
