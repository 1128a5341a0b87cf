/* SPDX-License-Identifier: MIT */
/*
 * describe.c - definitions in .proto syntax with their comments.
 *
 * Types are written with their full names, so that each can be described next.
 */
#include <inttypes.h>
#include <string.h>

#include "message/comments.h"
#include "message/option_text.h"
#include "message/schema.h"
#include "message/schema_types.h"

/* Field numbers in descriptor.proto, as paths in source_code_info use them. */
#define MESSAGE_FIELDS  2
#define MESSAGE_NESTED  3
#define MESSAGE_ENUMS   4
#define MESSAGE_ONEOFS  8
#define ENUM_VALUES     2
#define SERVICE_METHODS 2

#define MAX_FIELD_NUMBER    536870911 /* 2^29 - 1 */
#define INDENT              2         /* spaces a level */
#define MAX_JSON_NAME_BYTES 256       /* longer names are not compared with the one that protoc makes */

/* Where the text goes and which file it is about. */
struct printer {
    const struct fr_schema *schema;
    const Google__Protobuf__FileDescriptorProto *file;
    struct fr_buffer *out;
    unsigned indent;
};

static void begin_line(const struct printer *self, const struct fr_location *location)
{
    fr_comments_append_leading(self->file, location, self->indent, self->out);
    fr_buffer_append_format(self->out, "%*s", (int)self->indent, "");
}

static void end_line(const struct printer *self, const struct fr_location *location)
{
    fr_comments_append_trailing(self->file, location, self->out);
    fr_buffer_append_text(self->out, "\n");
}

static void end_block(struct printer *self)
{
    self->indent -= INDENT;
    fr_buffer_append_format(self->out, "%*s}\n", (int)self->indent, "");
}

/* The options within a definition's braces. */
static void print_options(const struct printer *self, const ProtobufCMessage *options)
{
    struct fr_option_text text = {.out = self->out, .indent = self->indent};
    fr_option_text_append(self->schema, options, &text);
}

/* The scalar names by their number in descriptor.proto; types with a name of their own are NULL. */
static const char *const scalar_names[] = {
    NULL, "double", "float", "int64",  "uint64", "int32",    "fixed64",  "fixed32", "bool",   "string",
    NULL, NULL,     "bytes", "uint32", NULL,     "sfixed32", "sfixed64", "sint32",  "sint64",
};

static const char *type_name(const Google__Protobuf__FieldDescriptorProto *field)
{
    const char *scalar = scalar_names[field->type];
    return scalar != NULL ? scalar : field->type_name + 1;
}

static const Google__Protobuf__DescriptorProto *map_entry(const struct printer *self,
                                                          const Google__Protobuf__FieldDescriptorProto *field)
{
    const struct fr_symbol *symbol = fr_schema_resolve(self->schema, field->type_name, FR_SYMBOL_MESSAGE);
    return symbol != NULL && symbol->type.message->is_map_entry ? symbol->proto.message : NULL;
}

static const char *label_text(const struct printer *self, const Google__Protobuf__FieldDescriptorProto *field)
{
    switch (field->label) {
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED:
        return "repeated ";
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REQUIRED:
        return "required ";
    default:
        if (field->has_oneof_index && !field->proto3_optional) {
            return "";
        }
        return field->proto3_optional || !fr_schema_is_proto3(self->file) ? "optional " : "";
    }
}

/* protoc escapes the default of bytes itself, and keeps that of a string as it is. */
static void append_default(const struct printer *self, const Google__Protobuf__FieldDescriptorProto *field)
{
    bool text = field->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_STRING;
    bool quoted = text || field->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_BYTES;
    fr_buffer_append_text(self->out, quoted ? "\"" : "");
    for (const char *at = field->default_value; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            fr_buffer_append_format(self->out, "\\%03o", (unsigned)*at);
            continue;
        }
        if (text && (*at == '"' || *at == '\\')) {
            fr_buffer_append_text(self->out, "\\");
        }
        fr_buffer_append(self->out, at, 1);
    }
    fr_buffer_append_text(self->out, quoted ? "\"" : "");
}

static void append_field_options(const struct printer *self,
                                 const Google__Protobuf__FieldDescriptorProto *field)
{
    struct fr_option_text text = {.out = self->out, .in_brackets = true};
    if (field->default_value != NULL) {
        fr_option_text_begin(&text);
        fr_buffer_append_text(self->out, "default = ");
        append_default(self, field);
    }
    char derived[MAX_JSON_NAME_BYTES];
    if (field->json_name != NULL && strlen(field->json_name) < sizeof derived &&
        strlen(field->name) < sizeof derived &&
        strcmp(fr_schema_json_name(field->name, derived), field->json_name) != 0 &&
        fr_schema_is_name(field->json_name)) {
        fr_option_text_begin(&text);
        fr_buffer_append_format(self->out, "json_name = \"%s\"", field->json_name);
    }
    fr_option_text_append(self->schema, (const ProtobufCMessage *)field->options, &text);
    fr_option_text_close(&text);
}

static void print_field(const struct printer *self, const Google__Protobuf__FieldDescriptorProto *field,
                        const struct fr_location *location)
{
    begin_line(self, location);
    const Google__Protobuf__DescriptorProto *entry = map_entry(self, field);
    if (entry != NULL) {
        bool ordered = entry->field[0]->number == 1;
        const Google__Protobuf__FieldDescriptorProto *key = entry->field[ordered ? 0 : 1];
        const Google__Protobuf__FieldDescriptorProto *value = entry->field[ordered ? 1 : 0];
        fr_buffer_append_format(self->out, "map<%s, %s>", type_name(key), type_name(value));
    } else {
        fr_buffer_append_format(self->out, "%s%s", label_text(self, field), type_name(field));
    }
    fr_buffer_append_format(self->out, " %s = %" PRId32, field->name, field->number);
    append_field_options(self, field);
    fr_buffer_append_text(self->out, ";");
    end_line(self, location);
}

static void print_oneof(struct printer *self, const Google__Protobuf__DescriptorProto *proto,
                        const struct fr_location *message, int32_t index)
{
    struct fr_location location = {message, MESSAGE_ONEOFS, index};
    begin_line(self, &location);
    fr_buffer_append_format(self->out, "oneof %s {", proto->oneof_decl[index]->name);
    end_line(self, &location);
    self->indent += INDENT;
    print_options(self, (const ProtobufCMessage *)proto->oneof_decl[index]->options);
    for (size_t i = 0; i < proto->n_field; i++) {
        if (proto->field[i]->has_oneof_index && proto->field[i]->oneof_index == index) {
            print_field(self, proto->field[i], &(struct fr_location){message, MESSAGE_FIELDS, (int32_t)i});
        }
    }
    end_block(self);
}

/* Fields in the order of the file; a oneof where its first member stands. */
static void print_fields(struct printer *self, const Google__Protobuf__DescriptorProto *proto,
                         const struct fr_location *location)
{
    int32_t printed = -1; /* protoc keeps the members of a oneof together, and the oneofs in order */
    for (size_t i = 0; i < proto->n_field; i++) {
        const Google__Protobuf__FieldDescriptorProto *field = proto->field[i];
        if (!field->has_oneof_index || field->proto3_optional) {
            print_field(self, field, &(struct fr_location){location, MESSAGE_FIELDS, (int32_t)i});
        } else if (field->oneof_index > printed) {
            print_oneof(self, proto, location, field->oneof_index);
            printed = field->oneof_index;
        }
    }
}

/* From first to last; the highest number that there can be is called "max". */
static void append_range(const struct printer *self, const char *word, int32_t first, int32_t last, int32_t max)
{
    fr_buffer_append_format(self->out, "%*s%s %" PRId32, (int)self->indent, "", word, first);
    if (last >= max && last > first) {
        fr_buffer_append_text(self->out, " to max");
    } else if (last > first) {
        fr_buffer_append_format(self->out, " to %" PRId32, last);
    }
}

static void print_reserved_names(const struct printer *self, char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fr_schema_is_name(names[i])) {
            fr_buffer_append_format(self->out, "%*sreserved \"%s\";\n", (int)self->indent, "", names[i]);
        }
    }
}

/* The end of a message's range is the number behind its last; the last may be beyond the fields', as in a message set. */
static void print_ranges(const struct printer *self, const Google__Protobuf__DescriptorProto *proto)
{
    for (size_t i = 0; i < proto->n_extension_range; i++) {
        const Google__Protobuf__DescriptorProto__ExtensionRange *range = proto->extension_range[i];
        struct fr_option_text text = {.out = self->out, .in_brackets = true};
        append_range(self, "extensions", range->start, range->end > INT32_MIN ? range->end - 1 : range->end,
                     MAX_FIELD_NUMBER);
        fr_option_text_append(self->schema, (const ProtobufCMessage *)range->options, &text);
        fr_option_text_close(&text);
        fr_buffer_append_text(self->out, ";\n");
    }
    for (size_t i = 0; i < proto->n_reserved_range; i++) {
        const Google__Protobuf__DescriptorProto__ReservedRange *range = proto->reserved_range[i];
        append_range(self, "reserved", range->start, range->end > INT32_MIN ? range->end - 1 : range->end,
                     MAX_FIELD_NUMBER);
        fr_buffer_append_text(self->out, ";\n");
    }
    print_reserved_names(self, proto->reserved_name, proto->n_reserved_name);
}

/* The end of an enum's range is its last number. */
static void print_enum_ranges(const struct printer *self, const Google__Protobuf__EnumDescriptorProto *proto)
{
    for (size_t i = 0; i < proto->n_reserved_range; i++) {
        append_range(self, "reserved", proto->reserved_range[i]->start, proto->reserved_range[i]->end, INT32_MAX);
        fr_buffer_append_text(self->out, ";\n");
    }
    print_reserved_names(self, proto->reserved_name, proto->n_reserved_name);
}

static void print_enum(struct printer *self, const Google__Protobuf__EnumDescriptorProto *proto,
                       const struct fr_location *location)
{
    begin_line(self, location);
    fr_buffer_append_format(self->out, "enum %s {", proto->name);
    end_line(self, location);
    self->indent += INDENT;
    print_options(self, (const ProtobufCMessage *)proto->options);
    print_enum_ranges(self, proto);
    for (size_t i = 0; i < proto->n_value; i++) {
        struct fr_location value = {location, ENUM_VALUES, (int32_t)i};
        begin_line(self, &value);
        struct fr_option_text text = {.out = self->out, .in_brackets = true};
        fr_buffer_append_format(self->out, "%s = %" PRId32, proto->value[i]->name, proto->value[i]->number);
        fr_option_text_append(self->schema, (const ProtobufCMessage *)proto->value[i]->options, &text);
        fr_option_text_close(&text);
        fr_buffer_append_text(self->out, ";");
        end_line(self, &value);
    }
    end_block(self);
}

/* Recursion is bounded as the set's own nesting is. */
static void print_message(struct printer *self, const Google__Protobuf__DescriptorProto *proto,
                          const struct fr_location *location)
{
    begin_line(self, location);
    fr_buffer_append_format(self->out, "message %s {", proto->name);
    end_line(self, location);
    self->indent += INDENT;
    print_options(self, (const ProtobufCMessage *)proto->options);
    print_ranges(self, proto);
    print_fields(self, proto, location);
    for (size_t i = 0; i < proto->n_enum_type; i++) {
        print_enum(self, proto->enum_type[i], &(struct fr_location){location, MESSAGE_ENUMS, (int32_t)i});
    }
    for (size_t i = 0; i < proto->n_nested_type; i++) {
        const Google__Protobuf__DescriptorProto *nested = proto->nested_type[i];
        if (nested->options == NULL || !nested->options->map_entry) {
            print_message(self, nested, &(struct fr_location){location, MESSAGE_NESTED, (int32_t)i});
        }
    }
    end_block(self);
}

static void print_method(struct printer *self, const Google__Protobuf__MethodDescriptorProto *proto,
                         const struct fr_location *location)
{
    begin_line(self, location);
    fr_buffer_append_format(self->out, "rpc %s(%s%s) returns (%s%s)", proto->name,
                            proto->client_streaming ? "stream " : "", proto->input_type + 1,
                            proto->server_streaming ? "stream " : "", proto->output_type + 1);
    struct fr_option_text counted = {0};
    fr_option_text_append(self->schema, (const ProtobufCMessage *)proto->options, &counted);
    fr_buffer_append_text(self->out, counted.count > 0 ? " {" : ";");
    end_line(self, location);
    if (counted.count > 0) {
        self->indent += INDENT;
        print_options(self, (const ProtobufCMessage *)proto->options);
        end_block(self);
    }
}

static void print_service(struct printer *self, const Google__Protobuf__ServiceDescriptorProto *proto,
                          const struct fr_location *location)
{
    begin_line(self, location);
    fr_buffer_append_format(self->out, "service %s {", proto->name);
    end_line(self, location);
    self->indent += INDENT;
    print_options(self, (const ProtobufCMessage *)proto->options);
    for (size_t i = 0; i < proto->n_method; i++) {
        print_method(self, proto->method[i], &(struct fr_location){location, SERVICE_METHODS, (int32_t)i});
    }
    end_block(self);
}

/* Finds the method's service by name, then the method in it; false when there is no such method. */
static bool describe_method(const struct fr_schema *schema, const char *symbol, struct fr_buffer *out)
{
    const struct fr_schema_method *method = fr_schema_find_method(schema, symbol);
    if (method == NULL) {
        return false;
    }
    for (size_t i = 0; i < schema->symbol_count; i++) {
        const struct fr_symbol *service = schema->symbols[i];
        size_t size = strlen(service->name);
        if (service->kind != FR_SYMBOL_SERVICE || strncmp(service->name, method->full_name, size) != 0 ||
            method->full_name[size] != '/') {
            continue;
        }
        struct printer printer = {schema, service->file, out, 0};
        for (size_t j = 0; j < service->proto.service->n_method; j++) {
            if (strcmp(service->proto.service->method[j]->name, method->name) == 0) {
                print_method(&printer, service->proto.service->method[j],
                             &(struct fr_location){&service->location, SERVICE_METHODS, (int32_t)j});
            }
        }
    }
    return true;
}

enum fr_code fr_schema_describe(const struct fr_schema *self, const char *symbol, struct fr_buffer *out,
                                struct fr_error *reterr)
{
    const struct fr_symbol *found = fr_schema_find(self, symbol);
    if (found == NULL) {
        return describe_method(self, symbol, out)
                   ? FR_OK
                   : fr_error_set(reterr, FR_NOT_FOUND, "%s: no such service, method, message or enum",
                                  symbol);
    }
    struct printer printer = {self, found->file, out, 0};
    switch (found->kind) {
    case FR_SYMBOL_MESSAGE:
        print_message(&printer, found->proto.message, &found->location);
        break;
    case FR_SYMBOL_ENUM:
        print_enum(&printer, found->proto.enumeration, &found->location);
        break;
    case FR_SYMBOL_SERVICE:
        print_service(&printer, found->proto.service, &found->location);
        break;
    }
    return FR_OK;
}
