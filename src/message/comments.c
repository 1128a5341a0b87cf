/* SPDX-License-Identifier: MIT */
/*
 * comments.c - the comments that a .proto file has for one of its definitions.
 */
#include "message/comments.h"

#include <string.h>

static bool same_path(const Google__Protobuf__SourceCodeInfo__Location *entry,
                      const struct fr_location *location)
{
    size_t at = entry->n_path;
    for (; location != NULL; location = location->parent) {
        if (at < 2 || entry->path[at - 1] != location->index || entry->path[at - 2] != location->field) {
            return false;
        }
        at -= 2;
    }
    return at == 0;
}

static const Google__Protobuf__SourceCodeInfo__Location *
find(const Google__Protobuf__FileDescriptorProto *file, const struct fr_location *location)
{
    const Google__Protobuf__SourceCodeInfo *info = file->source_code_info;
    for (size_t i = 0; info != NULL && i < info->n_location; i++) {
        if (same_path(info->location[i], location)) {
            return info->location[i];
        }
    }
    return NULL;
}

/* One line, without control characters: the comment may come from a stranger and go to a terminal. */
static void append_line(const char *line, size_t size, struct fr_buffer *out)
{
    while (size > 0 && (line[size - 1] == ' ' || line[size - 1] == '\r')) {
        size--;
    }
    fr_buffer_append_text(out, "//");
    for (size_t i = 0; i < size; i++) {
        bool control = ((unsigned char)line[i] < 0x20 && line[i] != '\t') || line[i] == 0x7f;
        fr_buffer_append(out, control ? "?" : &line[i], 1);
    }
}

void fr_comments_append_leading(const Google__Protobuf__FileDescriptorProto *file,
                                const struct fr_location *location, unsigned indent, struct fr_buffer *out)
{
    const Google__Protobuf__SourceCodeInfo__Location *entry = find(file, location);
    const char *text = entry == NULL ? NULL : entry->leading_comments;
    while (text != NULL && *text != '\0') {
        size_t size = strcspn(text, "\n");
        fr_buffer_append_format(out, "%*s", (int)indent, "");
        append_line(text, size, out);
        fr_buffer_append_text(out, "\n");
        text += size + (text[size] == '\n');
    }
}

void fr_comments_append_trailing(const Google__Protobuf__FileDescriptorProto *file,
                                 const struct fr_location *location, struct fr_buffer *out)
{
    const Google__Protobuf__SourceCodeInfo__Location *entry = find(file, location);
    const char *text = entry == NULL ? NULL : entry->trailing_comments;
    if (text == NULL) {
        return;
    }
    size_t size = strcspn(text, "\n");
    if (text[size] == '\0' || text[size + 1] == '\0') {
        fr_buffer_append_text(out, " ");
        append_line(text, size, out);
    }
}
