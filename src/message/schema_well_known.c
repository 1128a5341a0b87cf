/* SPDX-License-Identifier: MIT */
/*
 * schema_well_known.c - tells the messages that JSON writes in a form of their own.
 */
#include <string.h>

#include "message/schema_types.h"

enum form { PLAIN, LIST, MAP, ONEOF };

/* What the JSON code relies on: fields 1 … field_count of these types, all of the same form. */
struct shape {
    const char *name;
    enum fr_well_known kind;
    unsigned field_count;
    ProtobufCType types[6];
    enum form form;
};

static const struct shape shapes[] = {
    {"Timestamp", FR_WELL_KNOWN_TIMESTAMP, 2, {PROTOBUF_C_TYPE_INT64, PROTOBUF_C_TYPE_INT32}, PLAIN},
    {"Duration", FR_WELL_KNOWN_DURATION, 2, {PROTOBUF_C_TYPE_INT64, PROTOBUF_C_TYPE_INT32}, PLAIN},
    {"FieldMask", FR_WELL_KNOWN_FIELD_MASK, 1, {PROTOBUF_C_TYPE_STRING}, LIST},
    {"DoubleValue", FR_WELL_KNOWN_WRAPPER, 1, {PROTOBUF_C_TYPE_DOUBLE}, PLAIN},
    {"FloatValue", FR_WELL_KNOWN_WRAPPER, 1, {PROTOBUF_C_TYPE_FLOAT}, PLAIN},
    {"Int64Value", FR_WELL_KNOWN_WRAPPER, 1, {PROTOBUF_C_TYPE_INT64}, PLAIN},
    {"UInt64Value", FR_WELL_KNOWN_WRAPPER, 1, {PROTOBUF_C_TYPE_UINT64}, PLAIN},
    {"Int32Value", FR_WELL_KNOWN_WRAPPER, 1, {PROTOBUF_C_TYPE_INT32}, PLAIN},
    {"UInt32Value", FR_WELL_KNOWN_WRAPPER, 1, {PROTOBUF_C_TYPE_UINT32}, PLAIN},
    {"BoolValue", FR_WELL_KNOWN_WRAPPER, 1, {PROTOBUF_C_TYPE_BOOL}, PLAIN},
    {"StringValue", FR_WELL_KNOWN_WRAPPER, 1, {PROTOBUF_C_TYPE_STRING}, PLAIN},
    {"BytesValue", FR_WELL_KNOWN_WRAPPER, 1, {PROTOBUF_C_TYPE_BYTES}, PLAIN},
    {"Any", FR_WELL_KNOWN_ANY, 2, {PROTOBUF_C_TYPE_STRING, PROTOBUF_C_TYPE_BYTES}, PLAIN},
    {"Struct", FR_WELL_KNOWN_STRUCT, 1, {PROTOBUF_C_TYPE_MESSAGE}, MAP},
    {"ListValue", FR_WELL_KNOWN_LIST, 1, {PROTOBUF_C_TYPE_MESSAGE}, LIST},
    {"Value",
     FR_WELL_KNOWN_VALUE,
     6,
     {PROTOBUF_C_TYPE_ENUM, PROTOBUF_C_TYPE_DOUBLE, PROTOBUF_C_TYPE_STRING, PROTOBUF_C_TYPE_BOOL,
      PROTOBUF_C_TYPE_MESSAGE, PROTOBUF_C_TYPE_MESSAGE},
     ONEOF},
};

static bool has_form(const struct fr_message_type *type, unsigned index, enum form form)
{
    const ProtobufCFieldDescriptor *fields = type->descriptor.fields;
    switch (form) {
    case LIST:
        return fields[index].label == PROTOBUF_C_LABEL_REPEATED && !type->fields[index].is_map;
    case MAP:
        return type->fields[index].is_map;
    case ONEOF:
        return (fields[index].flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
               fields[index].quantifier_offset == fields[0].quantifier_offset;
    case PLAIN:
        break;
    }
    return fields[index].label == PROTOBUF_C_LABEL_NONE;
}

static bool has_shape(const struct fr_message_type *type, const struct shape *shape)
{
    if (type->descriptor.n_fields != shape->field_count) {
        return false;
    }
    for (unsigned i = 0; i < shape->field_count; i++) {
        const ProtobufCFieldDescriptor *field = &type->descriptor.fields[i];
        if (field->id != i + 1 || field->type != shape->types[i] || !has_form(type, i, shape->form)) {
            return false;
        }
    }
    return true;
}

enum fr_code fr_schema_classify(struct fr_schema_builder *builder, struct fr_message_type *type)
{
    if (strcmp(type->descriptor.package_name, "google.protobuf") != 0) {
        return FR_OK;
    }
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        /* The full name, since a nested message may share the short one. */
        if (strcmp(type->descriptor.name + strlen("google.protobuf."), shapes[i].name) != 0) {
            continue;
        }
        if (!has_shape(type, &shapes[i])) {
            return fr_error_set(builder->reterr, FR_INVALID_ARGUMENT, "%s does not have the fields it should",
                                type->descriptor.name);
        }
        type->well_known = shapes[i].kind;
        type->schema = type->well_known == FR_WELL_KNOWN_ANY ? builder->schema : NULL;
    }
    return FR_OK;
}

const struct fr_message_type *fr_schema_any_type(const struct fr_message_type *any, const char *type_url)
{
    const char *slash = strrchr(type_url, '/');
    return fr_schema_find_message(any->schema, slash == NULL ? type_url : slash + 1);
}
