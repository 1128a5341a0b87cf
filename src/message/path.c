/* SPDX-License-Identifier: MIT */
/*
 * path.c - errors that name the path of a field.
 */
#include "message/path.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "message/utf8.h"

/* The rest of the message is for what is wrong. */
#define MAX_PATH_BYTES 120

void fr_path_append_field(struct fr_buffer *path, const char *name)
{
    if (path->size > 0) {
        fr_buffer_append_text(path, ".");
    }
    fr_buffer_append_text(path, name);
}

/* Keys and values of strangers may end on a terminal, or be cut within a character. */
static void make_printable(char *text)
{
    bool valid = fr_utf8_valid((const uint8_t *)text, strlen(text));
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == 0x7f || (c >= 0x80 && !valid)) {
            *text = '?';
        }
    }
}

enum fr_code fr_path_error(struct fr_error *reterr, const struct fr_buffer *path, const char *format, ...)
{
    char what[FR_ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    make_printable(what);
    if (path->size == 0) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "%s", what);
    }
    size_t cut = path->size > MAX_PATH_BYTES ? path->size - MAX_PATH_BYTES : 0;
    while (cut > 0 && cut < path->size && (path->data[cut] & 0xc0) == 0x80) {
        cut++;
    }
    char where[MAX_PATH_BYTES + 1];
    memcpy(where, path->data + cut, path->size - cut);
    where[path->size - cut] = '\0';
    make_printable(where);
    return fr_error_set(reterr, FR_INVALID_ARGUMENT, "%s%s: %s", cut > 0 ? "…" : "", where, what);
}
