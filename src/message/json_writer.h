/* SPDX-License-Identifier: MIT */
/*
 * json_writer.h - what the two halves of writing JSON share; private to src/message.
 */
#ifndef FR_MESSAGE_JSON_WRITER_H
#define FR_MESSAGE_JSON_WRITER_H

#include "message/json.h"
#include "message/schema_types.h"

struct fr_json_writer {
    const struct fr_json_options *options;
    struct fr_buffer *out;
    struct fr_buffer path; /* owned; of the value being written */
    unsigned depth;        /* of messages */
    unsigned level;        /* of brackets, for the indentation */
    struct fr_error *reterr;
};

/* json_write.c */

void fr_json_open_bracket(struct fr_json_writer *self, const char *bracket);
/* Separates one member or element from what stands before it. */
void fr_json_begin_item(const struct fr_json_writer *self, bool first);
void fr_json_close_bracket(struct fr_json_writer *self, const char *bracket, bool empty);
FR_MUST_CHECK enum fr_code fr_json_write_text(const struct fr_json_writer *self, const char *text);
/* The value of a field that is there: one value, a list or a map. */
FR_MUST_CHECK enum fr_code fr_json_write_field(struct fr_json_writer *self,
                                               const ProtobufCFieldDescriptor *field,
                                               const struct fr_field *extra, const ProtobufCMessage *message);
/* The fields within brackets that are open already, and the closing one; first: nothing stands in them yet. */
FR_MUST_CHECK enum fr_code fr_json_write_members(struct fr_json_writer *self,
                                                 const struct fr_message_type *type,
                                                 const ProtobufCMessage *message, bool first);
/* Any message. NULL, as where a map entry lacks its value, stands for an empty one. */
FR_MUST_CHECK enum fr_code fr_json_write_message(struct fr_json_writer *self,
                                                 const struct fr_message_type *type,
                                                 const ProtobufCMessage *message);

/* json_write_known.c */

/* The message in the form that its type has. */
FR_MUST_CHECK enum fr_code fr_json_write_content(struct fr_json_writer *self,
                                                 const struct fr_message_type *type,
                                                 const ProtobufCMessage *message);

#endif
