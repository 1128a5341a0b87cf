/* SPDX-License-Identifier: MIT */
/*
 * option_text.h - the options of a definition in .proto syntax; private to src/message.
 */
#ifndef FR_MESSAGE_OPTION_TEXT_H
#define FR_MESSAGE_OPTION_TEXT_H

#include "message/schema_types.h"

/* Where options go. Zeroed memory counts them and writes nothing. */
struct fr_option_text {
    struct fr_buffer *out; /* borrowed; NULL: only count */
    bool in_brackets;      /* " [a = 1, b = 2]" behind a field or a value; otherwise lines "option a = 1;" */
    unsigned indent;       /* of the lines, in spaces */
    size_t count;          /* written so far */
};

/* What stands before the name of the next option, and behind its value. */
void fr_option_text_begin(struct fr_option_text *self);
void fr_option_text_end(const struct fr_option_text *self);
/* Closes the bracket, if any option was written. */
void fr_option_text_close(const struct fr_option_text *self);

/*
 * Writes what options, a message of descriptor.proto such as FieldOptions, sets: its own fields, then the extensions that
 * the schema's files define. options may be NULL.
 */
void fr_option_text_append(const struct fr_schema *schema, const ProtobufCMessage *options,
                           struct fr_option_text *text);

#endif
