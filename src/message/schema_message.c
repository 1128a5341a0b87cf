/* SPDX-License-Identifier: MIT */
/*
 * schema_message.c - protobuf-c message descriptors made at run time: fields, their order and their layout.
 *
 * message_init stays NULL: protobuf-c then clears the struct and copies the defaults itself. Members of a oneof
 * have no default, since they share their place.
 */
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "message/schema_types.h"

#define MAX_FIELD_NUMBER 536870911

typedef Google__Protobuf__FieldDescriptorProto field_proto;

/* One message on its way. */
struct build {
    struct fr_schema_builder *builder;
    const struct fr_symbol *symbol;
    const Google__Protobuf__DescriptorProto *proto;
    const field_proto **protos; /* by field number, as the two arrays below */
    ProtobufCFieldDescriptor *fields;
    struct fr_field *extras;
    unsigned *oneof_cases;   /* offset of the case of each oneof */
    unsigned *oneof_members; /* offset of its value */
    size_t size;             /* of the struct so far */
};

static enum fr_code bad_field(const struct build *self, const field_proto *proto, const char *what)
{
    return fr_error_set(self->builder->reterr, FR_INVALID_ARGUMENT, "%s.%s: %s", self->symbol->name,
                        fr_schema_is_name(proto->name) ? proto->name : "?", what);
}

/* The C type for a type of descriptor.proto; -1 for groups and for numbers that are none. */
static int type_of(int type)
{
    static const int types[] = {
        -1,
        PROTOBUF_C_TYPE_DOUBLE,
        PROTOBUF_C_TYPE_FLOAT,
        PROTOBUF_C_TYPE_INT64,
        PROTOBUF_C_TYPE_UINT64,
        PROTOBUF_C_TYPE_INT32,
        PROTOBUF_C_TYPE_FIXED64,
        PROTOBUF_C_TYPE_FIXED32,
        PROTOBUF_C_TYPE_BOOL,
        PROTOBUF_C_TYPE_STRING,
        -1,
        PROTOBUF_C_TYPE_MESSAGE,
        PROTOBUF_C_TYPE_BYTES,
        PROTOBUF_C_TYPE_UINT32,
        PROTOBUF_C_TYPE_ENUM,
        PROTOBUF_C_TYPE_SFIXED32,
        PROTOBUF_C_TYPE_SFIXED64,
        PROTOBUF_C_TYPE_SINT32,
        PROTOBUF_C_TYPE_SINT64,
    };
    return type < 0 || (size_t)type >= sizeof types / sizeof types[0] ? -1 : types[type];
}

size_t fr_schema_element_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 4;
    }
}

static bool in_oneof(const field_proto *proto)
{
    return proto->has_oneof_index && !proto->proto3_optional;
}

static enum fr_code check_field(const struct build *self, const field_proto *proto)
{
    if (!fr_schema_is_name(proto->name)) {
        return bad_field(self, proto, "the field's name is not a name");
    }
    if (!proto->has_number || proto->number < 1 || proto->number > MAX_FIELD_NUMBER) {
        return bad_field(self, proto, "the field's number is out of range");
    }
    if (proto->has_type && proto->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_GROUP) {
        return bad_field(self, proto, "protobuf-c has no groups; use a field of a message type");
    }
    if (!proto->has_type || type_of((int)proto->type) < 0) {
        return bad_field(self, proto, "the field's type is not supported");
    }
    if (!proto->has_label || (int)proto->label < 1 || (int)proto->label > 3) {
        return bad_field(self, proto, "the field's label is not one");
    }
    bool optional = proto->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_OPTIONAL;
    if (in_oneof(proto) &&
        (!optional || proto->oneof_index < 0 || (size_t)proto->oneof_index >= self->proto->n_oneof_decl ||
         !fr_schema_is_name(self->proto->oneof_decl[proto->oneof_index]->name))) {
        return bad_field(self, proto, "the field's oneof is not one");
    }
    return FR_OK;
}

static int by_number(const void *left, const void *right)
{
    int32_t a = (*(const field_proto *const *)left)->number;
    int32_t b = (*(const field_proto *const *)right)->number;
    return a < b ? -1 : a > b;
}

static enum fr_code sort_fields(struct build *self)
{
    for (size_t i = 0; i < self->proto->n_field; i++) {
        enum fr_code code = check_field(self, self->proto->field[i]);
        if (code != FR_OK) {
            return code;
        }
        self->protos[i] = self->proto->field[i];
    }
    qsort(self->protos, self->proto->n_field, sizeof *self->protos, by_number);
    for (size_t i = 1; i < self->proto->n_field; i++) {
        if (self->protos[i - 1]->number == self->protos[i]->number) {
            return bad_field(self, self->protos[i], "the field's number is used twice");
        }
    }
    return FR_OK;
}

static ProtobufCLabel label_of(const struct build *self, const field_proto *proto, ProtobufCType type)
{
    if (proto->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED) {
        return PROTOBUF_C_LABEL_REPEATED;
    }
    if (proto->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REQUIRED) {
        return PROTOBUF_C_LABEL_REQUIRED;
    }
    bool presence = !fr_schema_is_proto3(self->symbol->file) || proto->proto3_optional || in_oneof(proto) ||
                    type == PROTOBUF_C_TYPE_MESSAGE;
    return presence ? PROTOBUF_C_LABEL_OPTIONAL : PROTOBUF_C_LABEL_NONE;
}

static uint32_t flags_of(const struct build *self, const field_proto *proto,
                         const ProtobufCFieldDescriptor *field)
{
    uint32_t flags = in_oneof(proto) ? PROTOBUF_C_FIELD_FLAG_ONEOF : 0;
    if (proto->options != NULL && proto->options->deprecated) {
        flags |= PROTOBUF_C_FIELD_FLAG_DEPRECATED;
    }
    bool packable = field->label == PROTOBUF_C_LABEL_REPEATED && field->type != PROTOBUF_C_TYPE_STRING &&
                    field->type != PROTOBUF_C_TYPE_BYTES && field->type != PROTOBUF_C_TYPE_MESSAGE;
    bool packed = proto->options != NULL && proto->options->has_packed
                      ? proto->options->packed
                      : fr_schema_is_proto3(self->symbol->file);
    return packable && packed ? flags | PROTOBUF_C_FIELD_FLAG_PACKED : flags;
}

char *fr_schema_json_name(const char *name, char *out)
{
    size_t size = 0;
    bool upper = false;
    for (; *name != '\0'; name++) {
        if (*name == '_') {
            upper = true;
            continue;
        }
        out[size++] = upper && *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;
        upper = false;
    }
    out[size] = '\0';
    return out;
}

static const char *json_name(const struct build *self, const char *name)
{
    char *text = fr_schema_alloc(self->builder->schema, strlen(name) + 1, 1);
    return text == NULL ? NULL : fr_schema_json_name(name, text);
}

/* Points the field at its message or enum. Map entries are checked when all messages are built. */
static enum fr_code link_type(struct build *self, const field_proto *proto, ProtobufCFieldDescriptor *field,
                              struct fr_field *extra)
{
    bool message = field->type == PROTOBUF_C_TYPE_MESSAGE;
    if (!message && field->type != PROTOBUF_C_TYPE_ENUM) {
        return FR_OK;
    }
    const struct fr_symbol *target = fr_schema_resolve(self->builder->schema, proto->type_name,
                                                       message ? FR_SYMBOL_MESSAGE : FR_SYMBOL_ENUM);
    if (target == NULL) {
        return fr_error_set(self->builder->reterr, FR_INVALID_ARGUMENT, "%s.%s: the %s '%s' is missing",
                            self->symbol->name, proto->name, message ? "message" : "enum",
                            proto->type_name == NULL ? "" : proto->type_name);
    }
    if (!message) {
        extra->enumeration = target->type.enumeration;
        field->descriptor = &target->type.enumeration->descriptor;
        return FR_OK;
    }
    extra->message = target->type.message;
    field->descriptor = &target->type.message->descriptor;
    const Google__Protobuf__MessageOptions *options = target->proto.message->options;
    extra->is_map = options != NULL && options->map_entry;
    return extra->is_map && field->label != PROTOBUF_C_LABEL_REPEATED
               ? bad_field(self, proto, "a map entry outside of a map")
               : FR_OK;
}

static enum fr_code fill_field(struct build *self, size_t index)
{
    const field_proto *proto = self->protos[index];
    ProtobufCFieldDescriptor *field = &self->fields[index];
    struct fr_field *extra = &self->extras[index];
    field->name = proto->name;
    field->id = (uint32_t)proto->number;
    field->type = (ProtobufCType)type_of((int)proto->type);
    field->label = label_of(self, proto, field->type);
    field->flags = flags_of(self, proto, field);
    extra->oneof = in_oneof(proto) ? self->proto->oneof_decl[proto->oneof_index]->name : NULL;
    extra->json_name = proto->json_name != NULL ? proto->json_name : json_name(self, proto->name);
    if (extra->json_name == NULL) {
        return fr_error_no_memory(self->builder->reterr);
    }
    enum fr_code code = link_type(self, proto, field, extra);
    bool may_default = field->label == PROTOBUF_C_LABEL_OPTIONAL && !in_oneof(proto) &&
                       !fr_schema_is_proto3(self->symbol->file);
    if (code == FR_OK && field->label == PROTOBUF_C_LABEL_NONE && field->type == PROTOBUF_C_TYPE_STRING) {
        field->default_value = protobuf_c_empty_string;
    } else if (code == FR_OK && may_default) {
        code = fr_schema_default(self->builder, self->symbol->name, proto, field, &field->default_value);
    }
    return code;
}

static unsigned place(struct build *self, size_t size, size_t alignment)
{
    size_t offset = (self->size + alignment - 1) / alignment * alignment;
    self->size = offset + size;
    return (unsigned)offset;
}

static void lay_out(struct build *self, size_t index)
{
    ProtobufCFieldDescriptor *field = &self->fields[index];
    size_t size = fr_schema_element_size(field->type);
    size_t alignment = size > alignof(void *) ? alignof(void *) : size;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        field->quantifier_offset = place(self, sizeof(size_t), alignof(size_t));
        field->offset = place(self, sizeof(void *), alignof(void *));
        return;
    }
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        int32_t oneof = self->protos[index]->oneof_index;
        if (self->oneof_members[oneof] == 0) {
            self->oneof_members[oneof] =
                place(self, sizeof(ProtobufCBinaryData), alignof(ProtobufCBinaryData));
            self->oneof_cases[oneof] = place(self, sizeof(uint32_t), alignof(uint32_t));
        }
        field->offset = self->oneof_members[oneof];
        field->quantifier_offset = self->oneof_cases[oneof];
        return;
    }
    if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->type != PROTOBUF_C_TYPE_STRING &&
        field->type != PROTOBUF_C_TYPE_MESSAGE) {
        field->quantifier_offset = place(self, sizeof(protobuf_c_boolean), alignof(protobuf_c_boolean));
    }
    field->offset = place(self, size, alignment);
}

/* A name and the index of its field, to sort. */
struct named {
    const char *name;
    unsigned index;
};

static int compare_named(const void *left, const void *right)
{
    return strcmp(((const struct named *)left)->name, ((const struct named *)right)->name);
}

static enum fr_code sort_names(struct build *self, ProtobufCMessageDescriptor *descriptor)
{
    unsigned count = descriptor->n_fields;
    struct named *names = fr_schema_alloc(self->builder->schema, count, sizeof *names);
    unsigned *sorted = fr_schema_alloc(self->builder->schema, count, sizeof *sorted);
    int *numbers = fr_schema_alloc(self->builder->schema, count, sizeof *numbers);
    if (names == NULL || sorted == NULL || numbers == NULL) {
        return fr_error_no_memory(self->builder->reterr);
    }
    for (unsigned i = 0; i < count; i++) {
        names[i] = (struct named){self->fields[i].name, i};
        numbers[i] = (int)self->fields[i].id;
    }
    qsort(names, count, sizeof *names, compare_named);
    for (unsigned i = 0; i < count; i++) {
        sorted[i] = names[i].index;
        if (i > 0 && strcmp(names[i - 1].name, names[i].name) == 0) {
            return bad_field(self, self->protos[names[i].index], "the field's name is used twice");
        }
    }
    descriptor->fields_sorted_by_name = sorted;
    return fr_schema_ranges(self->builder, numbers, count, &descriptor->field_ranges,
                            &descriptor->n_field_ranges);
}

static enum fr_code check_map_entry(const struct build *self)
{
    bool good = self->proto->n_field == 2 && self->fields[0].id == 1 && self->fields[1].id == 2 &&
                self->fields[0].label != PROTOBUF_C_LABEL_REPEATED &&
                self->fields[1].label != PROTOBUF_C_LABEL_REPEATED && self->extras[0].oneof == NULL &&
                self->extras[1].oneof == NULL;
    if (good) {
        ProtobufCType key = self->fields[0].type;
        good = key != PROTOBUF_C_TYPE_FLOAT && key != PROTOBUF_C_TYPE_DOUBLE &&
               key != PROTOBUF_C_TYPE_BYTES && key != PROTOBUF_C_TYPE_ENUM && key != PROTOBUF_C_TYPE_MESSAGE;
    }
    return good ? FR_OK
                : fr_error_set(self->builder->reterr, FR_INVALID_ARGUMENT, "%s is not a map entry",
                               self->symbol->name);
}

static enum fr_code fill_message(struct build *self, struct fr_message_type *type)
{
    ProtobufCMessageDescriptor *descriptor = &type->descriptor;
    enum fr_code code = sort_fields(self);
    for (size_t i = 0; i < self->proto->n_field && code == FR_OK; i++) {
        code = fill_field(self, i);
        if (code == FR_OK) {
            lay_out(self, i);
        }
    }
    if (code != FR_OK) {
        return code;
    }
    descriptor->sizeof_message = place(self, 0, alignof(void *));
    descriptor->n_fields = (unsigned)self->proto->n_field;
    descriptor->fields = self->proto->n_field > 0 ? self->fields : NULL;
    type->fields = self->extras;
    type->is_map_entry = self->proto->options != NULL && self->proto->options->map_entry;
    code = sort_names(self, descriptor);
    if (code == FR_OK && type->is_map_entry) {
        code = check_map_entry(self);
    }
    return code == FR_OK ? fr_schema_classify(self->builder, type) : code;
}

enum fr_code fr_schema_build_message(struct fr_schema_builder *builder, struct fr_symbol *symbol)
{
    const Google__Protobuf__DescriptorProto *proto = symbol->proto.message;
    struct build build = {
        .builder = builder, .symbol = symbol, .proto = proto, .size = sizeof(ProtobufCMessage)};
    build.protos = fr_schema_alloc(builder->schema, proto->n_field, sizeof *build.protos);
    build.fields = fr_schema_alloc(builder->schema, proto->n_field, sizeof *build.fields);
    build.extras = fr_schema_alloc(builder->schema, proto->n_field, sizeof *build.extras);
    build.oneof_cases = fr_schema_alloc(builder->schema, proto->n_oneof_decl, sizeof *build.oneof_cases);
    build.oneof_members = fr_schema_alloc(builder->schema, proto->n_oneof_decl, sizeof *build.oneof_members);
    if (build.protos == NULL || build.fields == NULL || build.extras == NULL || build.oneof_cases == NULL ||
        build.oneof_members == NULL) {
        return fr_error_no_memory(builder->reterr);
    }
    ProtobufCMessageDescriptor *descriptor = &symbol->type.message->descriptor;
    descriptor->magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC;
    descriptor->name = symbol->name;
    descriptor->short_name = proto->name;
    descriptor->c_name = proto->name;
    descriptor->package_name = symbol->file->package == NULL ? "" : symbol->file->package;
    return fill_message(&build, symbol->type.message);
}
