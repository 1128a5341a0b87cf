/* SPDX-License-Identifier: MIT */
/*
 * comment.h - comments of a .proto file as line comments of another language.
 */
#ifndef PROTOC_GEN_FRESHET_COMMENT_H
#define PROTOC_GEN_FRESHET_COMMENT_H

#include "base/buffer.h"

/*
 * Appends each line of text (NULL: none) after indent and mark, such as "//". No line ends in a backslash, which would
 * draw the next one into the comment.
 */
void comment_lines(struct fr_buffer *out, const char *indent, const char *mark, const char *text);

#endif
