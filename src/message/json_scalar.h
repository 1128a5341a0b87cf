/* SPDX-License-Identifier: MIT */
/*
 * json_scalar.h - reads single JSON values that are no messages; private to src/message.
 */
#ifndef FR_MESSAGE_JSON_SCALAR_H
#define FR_MESSAGE_JSON_SCALAR_H

#include <jansson.h>

#include "message/schema_types.h"

/* What reading passes along. */
struct fr_json_reader {
    struct fr_arena *arena;
    struct fr_buffer path; /* owned; of the value being read */
    unsigned depth;
    struct fr_error *reterr;
};

/* "user.preference: expected a string, got a number". */
enum fr_code fr_json_unexpected(const struct fr_json_reader *self, const char *expected, const json_t *value);

/* Reads any type but a message to where the field keeps it. The value is not null. */
FR_MUST_CHECK enum fr_code fr_json_read_scalar(struct fr_json_reader *self,
                                               const ProtobufCFieldDescriptor *field,
                                               const struct fr_field *extra, const json_t *value, void *to);

/* The same for a map key, which JSON always writes as text. */
FR_MUST_CHECK enum fr_code fr_json_read_key(struct fr_json_reader *self,
                                            const ProtobufCFieldDescriptor *field, const char *text,
                                            void *to);

#endif
