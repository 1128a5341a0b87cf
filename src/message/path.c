/* SPDX-License-Identifier: MIT */
/*
 * path.c - errors that name the path of a field.
 */
#include "message/path.h"

#include <stdarg.h>
#include <stdio.h>

/* The rest of the message is for what is wrong. */
#define MAX_PATH_BYTES 120

void fr_path_append_field(struct fr_buffer *path, const char *name)
{
    if (path->size > 0) {
        fr_buffer_append_text(path, ".");
    }
    fr_buffer_append_text(path, name);
}

enum fr_code fr_path_error(struct fr_error *reterr, const struct fr_buffer *path, const char *format, ...)
{
    char what[FR_ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    if (path->size == 0) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "%s", what);
    }
    const char *text = (const char *)path->data;
    size_t cut = path->size > MAX_PATH_BYTES ? path->size - MAX_PATH_BYTES : 0;
    while (cut > 0 && cut < path->size && (path->data[cut] & 0xc0) == 0x80) {
        cut++;
    }
    return fr_error_set(reterr, FR_INVALID_ARGUMENT, "%s%.*s: %s", cut > 0 ? "…" : "", (int)(path->size - cut),
                        text + cut, what);
}
