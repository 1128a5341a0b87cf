/* SPDX-License-Identifier: MIT */
/*
 * extensions.c - options that .proto files define themselves, in .proto syntax.
 *
 * protobuf-c keeps them as unknown fields, so their values are read from the wire with the types that the schema's
 * files declare. A value may come from a stranger: what does not fit its type is left out.
 */
#include "message/extensions.h"

#include <inttypes.h>
#include <string.h>

#include "message/message.h"
#include "message/utf8.h"
#include "message/wire.h"

typedef Google__Protobuf__FieldDescriptorProto field_proto;

struct extension {
    const char *scope; /* what stands before its name: a package or a message, "" for none */
    const field_proto *field;
};

static bool find_among(field_proto *const *fields, size_t count, const char *extendee, uint32_t number,
                       const field_proto **ret_field)
{
    for (size_t i = 0; i < count; i++) {
        if (fields[i]->extendee != NULL && fields[i]->extendee[0] == '.' &&
            strcmp(fields[i]->extendee + 1, extendee) == 0 && fields[i]->has_number &&
            (uint32_t)fields[i]->number == number && fr_schema_is_name(fields[i]->name) && fields[i]->has_type) {
            *ret_field = fields[i];
            return true;
        }
    }
    return false;
}

static bool find_extension(const struct fr_schema *schema, const char *extendee, uint32_t number,
                           struct extension *ret_extension)
{
    for (size_t i = 0; i < schema->set->n_file; i++) {
        const Google__Protobuf__FileDescriptorProto *file = schema->set->file[i];
        if (find_among(file->extension, file->n_extension, extendee, number, &ret_extension->field)) {
            ret_extension->scope = file->package == NULL ? "" : file->package;
            return true;
        }
    }
    for (size_t i = 0; i < schema->symbol_count; i++) {
        const struct fr_symbol *symbol = schema->symbols[i];
        if (symbol->kind == FR_SYMBOL_MESSAGE &&
            find_among(symbol->proto.message->extension, symbol->proto.message->n_extension, extendee, number,
                       &ret_extension->field)) {
            ret_extension->scope = symbol->name;
            return true;
        }
    }
    return false;
}

/* ---- values ---- */

static uint64_t number_of(struct fr_bytes value, enum fr_wire_type type)
{
    uint64_t number = 0;
    for (size_t i = 0; i < value.size; i++) {
        number |=
            type == FR_WIRE_VARINT ? (uint64_t)(value.data[i] & 0x7F) << (7 * i) : (uint64_t)value.data[i] << (8 * i);
    }
    return number;
}

/* Control characters are escaped, so that it cannot drive a terminal; so is everything beyond ASCII in bytes. */
static void append_quoted(struct fr_buffer *out, struct fr_bytes text, bool is_bytes)
{
    is_bytes = is_bytes || !fr_utf8_valid(text.data, text.size);
    fr_buffer_append_text(out, "\"");
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c < 0x20 || c == 0x7F || (is_bytes && c > 0x7F)) {
            fr_buffer_append_format(out, "\\%03o", (unsigned)c);
        } else {
            fr_buffer_append_text(out, c == '"' || c == '\\' ? "\\" : "");
            fr_buffer_append(out, &c, 1);
        }
    }
    fr_buffer_append_text(out, "\"");
}

static void append_enum(const struct fr_schema *schema, const field_proto *field, int32_t number, struct fr_buffer *out)
{
    const struct fr_symbol *symbol = fr_schema_resolve(schema, field->type_name, FR_SYMBOL_ENUM);
    for (size_t i = 0; symbol != NULL && i < symbol->proto.enumeration->n_value; i++) {
        if (symbol->proto.enumeration->value[i]->number == number) {
            fr_buffer_append_text(out, symbol->proto.enumeration->value[i]->name);
            return;
        }
    }
    fr_buffer_append_format(out, "%" PRId32, number);
}

static void append_number(const struct fr_schema *schema, const field_proto *field, uint64_t number,
                          struct fr_buffer *out)
{
    float single;
    double real;
    uint32_t low = (uint32_t)number;
    switch (field->type) {
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_DOUBLE:
        memcpy(&real, &number, sizeof real);
        fr_buffer_append_format(out, "%.17g", real);
        break;
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_FLOAT:
        memcpy(&single, &low, sizeof single);
        fr_buffer_append_format(out, "%.9g", (double)single);
        break;
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_BOOL:
        fr_buffer_append_text(out, number != 0 ? "true" : "false");
        break;
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_ENUM:
        append_enum(schema, field, (int32_t)low, out);
        break;
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_UINT64:
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_FIXED64:
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_UINT32:
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_FIXED32:
        fr_buffer_append_format(out, "%" PRIu64, number);
        break;
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_SINT32:
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_SINT64:
        fr_buffer_append_format(out, "%" PRId64, (int64_t)(number >> 1 ^ (0 - (number & 1))));
        break;
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_SFIXED32:
        fr_buffer_append_format(out, "%" PRId32, (int32_t)low);
        break;
    default:
        fr_buffer_append_format(out, "%" PRId64, (int64_t)number);
    }
}

static void append_message(const struct fr_schema *schema, const char *type_name, struct fr_bytes bytes, unsigned depth,
                           struct fr_buffer *out);

static void append_value(const struct fr_schema *schema, const field_proto *field, const struct fr_wire_field *value,
                         unsigned depth, struct fr_buffer *out)
{
    if (value->type != FR_WIRE_BYTES) {
        append_number(schema, field, number_of(value->value, value->type), out);
    } else if (field->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_MESSAGE) {
        append_message(schema, field->type_name, value->value, depth + 1, out);
    } else {
        append_quoted(out, value->value, field->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_BYTES);
    }
}

static bool is_bytes_like(const field_proto *field)
{
    return field->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_MESSAGE ||
           field->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_STRING ||
           field->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_BYTES;
}

/* Packed numbers, as repeated ones come from proto3 files, are the only values whose wire type differs otherwise. */
static void append_packed(const struct fr_schema *schema, const field_proto *field, struct fr_bytes bytes,
                          struct fr_buffer *out)
{
    const char *separator = "";
    fr_buffer_append_text(out, "[");
    while (bytes.size > 0) {
        enum fr_wire_type type = FR_WIRE_VARINT;
        size_t size = fr_wire_varint_size(bytes);
        switch (field->type) {
        case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_DOUBLE:
        case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_FIXED64:
        case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_SFIXED64:
            type = FR_WIRE_64BIT;
            size = 8;
            break;
        case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_FLOAT:
        case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_FIXED32:
        case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_SFIXED32:
            type = FR_WIRE_32BIT;
            size = 4;
            break;
        default:
            break;
        }
        if (size == 0 || size > bytes.size) {
            break;
        }
        fr_buffer_append_text(out, separator);
        append_number(schema, field, number_of((struct fr_bytes){bytes.data, size}, type), out);
        separator = ", ";
        bytes = (struct fr_bytes){bytes.data + size, bytes.size - size};
    }
    fr_buffer_append_text(out, "]");
}

static const field_proto *find_field(const Google__Protobuf__DescriptorProto *message, uint32_t number)
{
    for (size_t i = 0; i < message->n_field; i++) {
        if ((uint32_t)message->field[i]->number == number) {
            return message->field[i];
        }
    }
    return NULL;
}

/* "{ kind: "user" by: "id" }" */
static void append_message(const struct fr_schema *schema, const char *type_name, struct fr_bytes bytes, unsigned depth,
                           struct fr_buffer *out)
{
    const struct fr_symbol *symbol = fr_schema_resolve(schema, type_name, FR_SYMBOL_MESSAGE);
    struct fr_wire_field value;
    fr_buffer_append_text(out, "{ ");
    while (symbol != NULL && depth < FR_MESSAGE_MAX_DEPTH && bytes.size > 0 && fr_wire_next(&bytes, &value) == NULL) {
        const field_proto *field = find_field(symbol->proto.message, value.number);
        bool as_bytes = value.type == FR_WIRE_BYTES;
        if (field == NULL || (!as_bytes && is_bytes_like(field))) {
            continue;
        }
        bool nested = field->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_MESSAGE;
        fr_buffer_append_format(out, "%s%s", field->name, nested ? " " : ": ");
        if (as_bytes && !is_bytes_like(field)) {
            append_packed(schema, field, value.value, out);
        } else {
            append_value(schema, field, &value, depth, out);
        }
        fr_buffer_append_text(out, " ");
    }
    fr_buffer_append_text(out, "}");
}

/* ---- options ---- */

/* An unknown field of protobuf-c as one of the wire; its data starts with the length where there is one. */
static bool as_wire_field(const ProtobufCMessageUnknownField *unknown, struct fr_wire_field *ret_field)
{
    struct fr_bytes data = {unknown->data, unknown->len};
    size_t skip = unknown->wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED ? fr_wire_varint_size(data) : 0;
    *ret_field = (struct fr_wire_field){
        .number = unknown->tag,
        .type = (enum fr_wire_type)unknown->wire_type,
        .value = {data.data + skip, data.size - skip},
    };
    return ret_field->type == FR_WIRE_VARINT || ret_field->type == FR_WIRE_64BIT || ret_field->type == FR_WIRE_BYTES ||
           ret_field->type == FR_WIRE_32BIT;
}

void fr_extensions_append(const struct fr_schema *schema, const ProtobufCMessage *options,
                          struct fr_option_text *text)
{
    for (size_t i = 0; i < options->n_unknown_fields; i++) {
        struct extension extension;
        struct fr_wire_field value;
        if (!as_wire_field(&options->unknown_fields[i], &value) ||
            !find_extension(schema, options->descriptor->name, value.number, &extension) ||
            is_bytes_like(extension.field) != (value.type == FR_WIRE_BYTES)) {
            continue;
        }
        fr_option_text_begin(text);
        if (text->out != NULL) {
            fr_buffer_append_format(text->out, "(%s%s%s) = ", extension.scope, extension.scope[0] == '\0' ? "" : ".",
                                    extension.field->name);
            append_value(schema, extension.field, &value, 0, text->out);
        }
        fr_option_text_end(text);
    }
}
