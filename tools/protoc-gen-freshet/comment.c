/* SPDX-License-Identifier: MIT */
/*
 * comment.c - comments of a .proto file as line comments of another language.
 */
#include "protoc-gen-freshet/comment.h"

#include <ctype.h>
#include <string.h>

static void append_line(struct fr_buffer *out, const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)line[i];
        fr_buffer_append(out, c == '\t' || c >= ' ' ? &line[i] : " ", 1);
    }
    fr_buffer_append_text(out, size > 0 && line[size - 1] == '\\' ? "." : "");
}

void comment_lines(struct fr_buffer *out, const char *indent, const char *mark, const char *text)
{
    while (text != NULL && *text != '\0') {
        size_t whole = strcspn(text, "\n"), size = whole;
        while (size > 0 && isspace((unsigned char)text[size - 1])) {
            size--;
        }
        fr_buffer_append_format(out, "%s%s%s", indent, mark, size > 0 && text[0] != ' ' ? " " : "");
        append_line(out, text, size);
        fr_buffer_append_text(out, "\n");
        text += whole + (text[whole] == '\n');
    }
}
