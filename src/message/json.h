/* SPDX-License-Identifier: MIT */
/*
 * json.h - the canonical proto3 JSON mapping (https://protobuf.dev/programming-guides/json/) for types of a schema.
 *
 * Timestamp, Duration, FieldMask, the wrappers, Struct, Value, ListValue and Any have their own forms. What an Any holds
 * must be a type of the same schema.
 */
#ifndef FR_MESSAGE_JSON_H
#define FR_MESSAGE_JSON_H

#include "message/arena.h"
#include "message/message.h"
#include "message/schema.h"

struct fr_json_options {
    bool emit_defaults; /* also fields that hold their default value */
    bool indent;        /* two spaces a level; otherwise one line */
    bool proto_names;   /* field names as in the .proto instead of lowerCamelCase */
};

/*
 * Reads JSON text into a message in arena. Names may be lowerCamelCase or as in the .proto. A key that comes twice
 * is refused, and so is a bare number above 2^63 - 1: write it as a string, as fr_json_write does.
 *   FR_INVALID_ARGUMENT  syntax error with line and column, or "user.preference: expected a string, got a number"
 */
FR_MUST_CHECK enum fr_code fr_json_read(const struct fr_message_type *type, struct fr_bytes text,
                                        struct fr_arena *arena, struct ProtobufCMessage **ret_message,
                                        struct fr_error *reterr);

/*
 * Appends message, which is of this type, as JSON, its fields by number and its maps by key. The message may come
 * from generated code for the same .proto. options may be NULL. After an error out holds a part of the text.
 *   FR_INVALID_ARGUMENT  a value that JSON cannot carry: a Timestamp out of range, an Any of an unknown type
 */
FR_MUST_CHECK enum fr_code fr_json_write(const struct fr_message_type *type, const struct ProtobufCMessage *message,
                                         const struct fr_json_options *options, struct fr_buffer *out,
                                         struct fr_error *reterr);

/*
 * Appends a message of this type to fill in: every field with its zero, one element in each list and map, the first
 * member of each oneof, messages within messages. fr_json_read takes it as it is. A type within itself is null or an
 * empty list.
 */
void fr_json_template(const struct fr_message_type *type, struct fr_buffer *out);

#endif
