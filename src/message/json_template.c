/* SPDX-License-Identifier: MIT */
/*
 * json_template.c - a JSON message to fill in.
 *
 * A type may hold itself, and types of a stranger may hold each other so often that writing all of them out would
 * take forever: what lies too deep, or comes too late, is null or empty.
 */
#include <string.h>

#include "message/json.h"
#include "message/schema_types.h"

#define MAX_DEPTH 8
#define MAX_BYTES 65536
#define INDENT    2 /* spaces a level */

struct writer {
    struct fr_buffer *out;
    const struct fr_message_type *open[MAX_DEPTH]; /* the messages around what is being written */
    unsigned depth;
    unsigned level; /* of brackets */
};

static void write_message(struct writer *self, const struct fr_message_type *type);

static void begin_line(const struct writer *self)
{
    fr_buffer_append_format(self->out, "\n%*s", (int)(self->level * INDENT), "");
}

static void write_enum(const struct writer *self, const struct fr_enum_type *type)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(&type->descriptor, 0);
    if (value == NULL && type->descriptor.n_values > 0) {
        value = &type->descriptor.values[0];
    }
    if (type->is_null_value || value == NULL) {
        fr_buffer_append_text(self->out, type->is_null_value ? "null" : "0");
    } else {
        fr_buffer_append_format(self->out, "\"%s\"", value->name);
    }
}

static void write_value(struct writer *self, const ProtobufCFieldDescriptor *field,
                        const struct fr_field *extra)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        fr_buffer_append_text(self->out, "\"0\"");
        break;
    case PROTOBUF_C_TYPE_BOOL:
        fr_buffer_append_text(self->out, "false");
        break;
    case PROTOBUF_C_TYPE_ENUM:
        write_enum(self, extra->enumeration);
        break;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
        fr_buffer_append_text(self->out, "\"\"");
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        write_message(self, extra->message);
        break;
    default:
        fr_buffer_append_text(self->out, "0");
    }
}

/* Only the first member of a oneof: JSON may not name two. */
static bool is_written(const struct fr_message_type *type, unsigned index)
{
    const char *oneof = type->fields[index].oneof;
    for (unsigned i = 0; oneof != NULL && i < index; i++) {
        if (type->fields[i].oneof != NULL && strcmp(type->fields[i].oneof, oneof) == 0) {
            return false;
        }
    }
    return true;
}

/* Whether a value of type must not be written out here. */
static bool holds(const struct writer *self, const struct fr_message_type *type)
{
    if (type == NULL || type->well_known != FR_WELL_KNOWN_NONE) {
        return false;
    }
    for (unsigned i = 0; i < self->depth; i++) {
        if (self->open[i] == type) {
            return true;
        }
    }
    return self->depth == MAX_DEPTH || self->out->size > MAX_BYTES;
}

static void write_map(struct writer *self, const struct fr_message_type *entry)
{
    const ProtobufCFieldDescriptor *key = &entry->descriptor.fields[0];
    if (holds(self, entry->fields[1].message)) {
        fr_buffer_append_text(self->out, "{}");
        return;
    }
    const char *text = key->type == PROTOBUF_C_TYPE_STRING ? ""
                       : key->type == PROTOBUF_C_TYPE_BOOL ? "false"
                                                           : "0";
    fr_buffer_append_text(self->out, "{");
    self->level++;
    begin_line(self);
    fr_buffer_append_format(self->out, "\"%s\": ", text);
    write_value(self, &entry->descriptor.fields[1], &entry->fields[1]);
    self->level--;
    begin_line(self);
    fr_buffer_append_text(self->out, "}");
}

static void write_field(struct writer *self, const struct fr_message_type *type, unsigned index)
{
    const ProtobufCFieldDescriptor *field = &type->descriptor.fields[index];
    const struct fr_field *extra = &type->fields[index];
    const char *name = fr_schema_is_name(extra->json_name) ? extra->json_name : field->name;
    fr_buffer_append_format(self->out, "\"%s\": ", name);
    if (extra->is_map) {
        write_map(self, extra->message);
    } else if (field->label != PROTOBUF_C_LABEL_REPEATED && holds(self, extra->message)) {
        fr_buffer_append_text(self->out, "null");
    } else if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        write_value(self, field, extra);
    } else if (holds(self, extra->message)) {
        fr_buffer_append_text(self->out, "[]");
    } else {
        fr_buffer_append_text(self->out, "[");
        self->level++;
        begin_line(self);
        write_value(self, field, extra);
        self->level--;
        begin_line(self);
        fr_buffer_append_text(self->out, "]");
    }
}

static void write_object(struct writer *self, const struct fr_message_type *type)
{
    const char *separator = "";
    if (type->descriptor.n_fields == 0) {
        fr_buffer_append_text(self->out, "{}");
        return;
    }
    self->open[self->depth++] = type;
    self->level++;
    fr_buffer_append_text(self->out, "{");
    for (unsigned i = 0; i < type->descriptor.n_fields; i++) {
        if (is_written(type, i)) {
            fr_buffer_append_text(self->out, separator);
            begin_line(self);
            write_field(self, type, i);
            separator = ",";
        }
    }
    self->level--;
    self->depth--;
    begin_line(self);
    fr_buffer_append_text(self->out, "}");
}

static void write_message(struct writer *self, const struct fr_message_type *type)
{
    switch (type->well_known) {
    case FR_WELL_KNOWN_TIMESTAMP:
        fr_buffer_append_text(self->out, "\"1970-01-01T00:00:00Z\"");
        break;
    case FR_WELL_KNOWN_DURATION:
        fr_buffer_append_text(self->out, "\"0s\"");
        break;
    case FR_WELL_KNOWN_FIELD_MASK:
        fr_buffer_append_text(self->out, "\"\"");
        break;
    case FR_WELL_KNOWN_WRAPPER:
        write_value(self, &type->descriptor.fields[0], &type->fields[0]);
        break;
    case FR_WELL_KNOWN_STRUCT:
    case FR_WELL_KNOWN_ANY:
        fr_buffer_append_text(self->out, "{}");
        break;
    case FR_WELL_KNOWN_LIST:
        fr_buffer_append_text(self->out, "[]");
        break;
    case FR_WELL_KNOWN_VALUE:
        fr_buffer_append_text(self->out, "null");
        break;
    case FR_WELL_KNOWN_NONE:
        write_object(self, type);
    }
}

void fr_json_template(const struct fr_message_type *type, struct fr_buffer *out)
{
    struct writer writer = {.out = out};
    write_message(&writer, type);
    fr_buffer_append_text(out, "\n");
}
