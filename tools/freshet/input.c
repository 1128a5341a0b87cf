/* SPDX-License-Identifier: MIT */
/*
 * input.c - a request as an argument, a file or standard input.
 */
#include "freshet/input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define READ_BYTES ((size_t)64 << 10)
#define LIMIT_BYTES                                                                                          \
    ((size_t)64 << 20) /* JSON may be many times as long as the 4 MiB message it stands for                  \
                        */

/* Rather than what a parser says of it, which names a place in a text that is not there. */
static enum fr_code check_content(const struct fr_buffer *text, const char *name, struct fr_error *reterr)
{
    for (size_t i = 0; i < text->size; i++) {
        if (memchr(" \t\r\n", text->data[i], 4) == NULL) {
            return FR_OK;
        }
    }
    return fr_error_set(reterr, FR_INVALID_ARGUMENT, "'%s' is empty", name);
}

static enum fr_code read_stream(FILE *stream, const char *name, struct fr_buffer *out,
                                struct fr_error *reterr)
{
    size_t got;
    do {
        uint8_t *room = fr_buffer_reserve(out, READ_BYTES);
        if (room == NULL) {
            return fr_error_no_memory(reterr);
        }
        got = fread(room, 1, READ_BYTES, stream);
        out->size += got;
    } while (got > 0 && out->size <= LIMIT_BYTES);
    if (ferror(stream)) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "cannot read '%s': %s", name, strerror(errno));
    }
    if (out->size > LIMIT_BYTES) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "'%s' is too large for a request", name);
    }
    return check_content(out, name, reterr);
}

enum fr_code input_read(const char *argument, struct fr_buffer *out, struct fr_error *reterr)
{
    if (argument == NULL) {
        argument = "{}";
    }
    if (strcmp(argument, "@-") == 0 || strcmp(argument, "-") == 0) {
        return read_stream(stdin, "standard input", out, reterr);
    }
    if (argument[0] != '@') {
        fr_buffer_append_text(out, argument);
        return out->failed ? fr_error_no_memory(reterr) : check_content(out, argument, reterr);
    }
    FILE *stream = fopen(argument + 1, "re");
    if (stream == NULL) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "cannot open '%s': %s", argument + 1,
                            strerror(errno));
    }
    enum fr_code code = read_stream(stream, argument + 1, out, reterr);
    fclose(stream);
    return code;
}
