/* SPDX-License-Identifier: MIT */
/*
 * option_text.c - the options of a definition in .proto syntax.
 */
#include "message/option_text.h"

#include "message/extensions.h"

void fr_option_text_begin(struct fr_option_text *self)
{
    self->count++;
    if (self->out != NULL && self->in_brackets) {
        fr_buffer_append_text(self->out, self->count == 1 ? " [" : ", ");
    } else if (self->out != NULL) {
        fr_buffer_append_format(self->out, "%*soption ", (int)self->indent, "");
    }
}

void fr_option_text_end(const struct fr_option_text *self)
{
    if (self->out != NULL && !self->in_brackets) {
        fr_buffer_append_text(self->out, ";\n");
    }
}

void fr_option_text_close(const struct fr_option_text *self)
{
    if (self->out != NULL && self->in_brackets && self->count > 0) {
        fr_buffer_append_text(self->out, "]");
    }
}

/* The options of descriptor.proto itself are single, and bools or enums. */
static void write_known(const ProtobufCFieldDescriptor *field, const void *value, struct fr_option_text *text)
{
    fr_option_text_begin(text);
    if (text->out != NULL && field->type == PROTOBUF_C_TYPE_BOOL) {
        fr_buffer_append_format(text->out, "%s = %s", field->name,
                                *(const protobuf_c_boolean *)value != 0 ? "true" : "false");
    } else if (text->out != NULL) {
        int number = *(const int *)value;
        const ProtobufCEnumValue *named = protobuf_c_enum_descriptor_get_value(field->descriptor, number);
        if (named != NULL) {
            fr_buffer_append_format(text->out, "%s = %s", field->name, named->name);
        } else {
            fr_buffer_append_format(text->out, "%s = %d", field->name, number);
        }
    }
    fr_option_text_end(text);
}

void fr_option_text_append(const struct fr_schema *schema, const ProtobufCMessage *options,
                           struct fr_option_text *text)
{
    if (options == NULL) {
        return;
    }
    const uint8_t *base = (const uint8_t *)options;
    for (unsigned i = 0; i < options->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &options->descriptor->fields[i];
        bool plain = field->label == PROTOBUF_C_LABEL_OPTIONAL &&
                     (field->type == PROTOBUF_C_TYPE_BOOL || field->type == PROTOBUF_C_TYPE_ENUM);
        if (plain && *(const protobuf_c_boolean *)(base + field->quantifier_offset) != 0) {
            write_known(field, base + field->offset, text);
        }
    }
    fr_extensions_append(schema, options, text);
}
