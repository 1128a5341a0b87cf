/* SPDX-License-Identifier: MIT */
/*
 * place.c - where a definition stands in its .proto file, its comments, and what is wrong there.
 */
#include "protoc-gen-freshet/place.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_PROBLEMS      50
#define MAX_MESSAGE_BYTES 1024

typedef Google__Protobuf__SourceCodeInfo__Location location;

static void append(struct place *self, int32_t element)
{
    if (self->depth < PLACE_PATH_MAX) {
        self->path[self->depth++] = element;
    }
}

struct place place_of(struct place self, int32_t field, int32_t index)
{
    append(&self, field);
    append(&self, index);
    return self;
}

struct place place_of_field(struct place self, int32_t field)
{
    append(&self, field);
    return self;
}

static const location *find(const struct place *self, size_t depth)
{
    const Google__Protobuf__SourceCodeInfo *info = self->file->source_code_info;
    for (size_t i = 0; info != NULL && i < info->n_location; i++) {
        const location *entry = info->location[i];
        if (entry->n_path == depth && (depth == 0 || memcmp(entry->path, self->path, depth * sizeof(int32_t)) == 0)) {
            return entry;
        }
    }
    return NULL;
}

const char *place_comment(const struct place *self)
{
    const location *entry = find(self, self->depth);
    return entry == NULL                     ? NULL
           : entry->leading_comments != NULL ? entry->leading_comments
                                             : entry->trailing_comments;
}

void problems_add(struct problems *self, const struct place *place, const char *format, ...)
{
    if (++self->count > MAX_PROBLEMS) {
        return;
    }
    const location *entry = NULL;
    for (size_t depth = place->depth; depth > 0 && entry == NULL; depth--) {
        entry = find(place, depth);
    }
    bool known = entry != NULL && entry->n_span >= 3;
    char message[MAX_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    fr_buffer_append_format(&self->text, "%s%s:%" PRId64 ":%" PRId64 ": %s", self->text.size == 0 ? "" : "\n",
                            place->file->name, known ? (int64_t)entry->span[0] + 1 : 1,
                            known ? (int64_t)entry->span[1] + 1 : 1, message);
}

void problems_fini(struct problems *self)
{
    fr_buffer_fini(&self->text);
}
