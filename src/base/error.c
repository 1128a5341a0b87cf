/* SPDX-License-Identifier: MIT */
/*
 * error.c - status codes, the error type, and assertions for our own bugs.
 */
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cuts an incomplete UTF-8 sequence off the end of a text that snprintf truncated. */
static void trim_partial_character(char *text, size_t size)
{
    size_t start = size;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80) {
        start--;
    }
    unsigned char lead = start > 0 ? (unsigned char)text[start - 1] : 0;
    size_t width = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (start > 0 && size - start + 1 < width) {
        text[start - 1] = '\0';
    }
}

enum fr_code fr_error_setv(struct fr_error *reterr, enum fr_code code, const char *format, va_list arguments)
{
    if (reterr != NULL) {
        reterr->code = code;
        int length = vsnprintf(reterr->message, sizeof reterr->message, format, arguments);
        if (length >= (int)sizeof reterr->message) {
            trim_partial_character(reterr->message, sizeof reterr->message - 1);
        }
    }
    return code;
}

enum fr_code fr_error_set(struct fr_error *reterr, enum fr_code code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fr_error_setv(reterr, code, format, arguments);
    va_end(arguments);
    return code;
}

enum fr_code fr_error_no_memory(struct fr_error *reterr)
{
    return fr_error_set(reterr, FR_RESOURCE_EXHAUSTED, "out of memory");
}

static const char *const code_names[FR_CODE_COUNT] = {
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
};

const char *fr_code_name(unsigned code)
{
    return code_names[fr_code_from_wire(code)];
}

enum fr_code fr_code_from_wire(unsigned code)
{
    return code < FR_CODE_COUNT ? (enum fr_code)code : FR_UNKNOWN;
}

void fr_assert_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: bug: this does not hold: %s\n", file, line, condition);
    abort();
}
