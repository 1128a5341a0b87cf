/* SPDX-License-Identifier: MIT */
/*
 * place.h - where a definition stands in its .proto file, its comments, and what is wrong there.
 */
#ifndef PROTOC_GEN_FRESHET_PLACE_H
#define PROTOC_GEN_FRESHET_PLACE_H

#include <google/protobuf/descriptor.pb-c.h>

#include "base/buffer.h"

#define PLACE_PATH_MAX 48 /* a deeper path is cut: its place is then that of what encloses it */

/* Field numbers in descriptor.proto, as the paths of SourceCodeInfo use them. */
enum {
    PLACE_FILE_PACKAGE = 2,
    PLACE_FILE_IMPORTS = 3,
    PLACE_FILE_MESSAGES = 4,
    PLACE_FILE_ENUMS = 5,
    PLACE_FILE_SERVICES = 6,
    PLACE_MESSAGE_FIELDS = 2,
    PLACE_MESSAGE_NESTED = 3,
    PLACE_SERVICE_METHODS = 2,
    PLACE_METHOD_OPTIONS = 4,
};

struct place {
    const Google__Protobuf__FileDescriptorProto *file; /* borrowed */
    int32_t path[PLACE_PATH_MAX];
    size_t depth;
};

/* The place of element number index of the list field within self. */
struct place place_of(struct place self, int32_t field, int32_t index);
/* The place of the singular field within self. */
struct place place_of_field(struct place self, int32_t field);

/* The comment before the definition, otherwise the one behind it, in protoc's sense; borrowed. NULL when there is none. */
const char *place_comment(const struct place *self);

/* Everything that is wrong with the input, one "file:line:column: message" a line. */
struct problems {
    struct fr_buffer text;
    size_t count;
};

/* Lines and columns count from 1. A place that the file does not know is that of what encloses it. */
void problems_add(struct problems *self, const struct place *place, const char *format, ...) FR_PRINTF(3, 4);
void problems_fini(struct problems *self);

#endif
