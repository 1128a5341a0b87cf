/* SPDX-License-Identifier: MIT */
/*
 * schema_well_known.c - tells the messages that JSON writes in a form of their own.
 */
#include <string.h>

#include "message/schema_types.h"

/* What the JSON code relies on: fields 1 … field_count of these types. */
struct shape {
    const char *name;
    enum fr_well_known kind;
    unsigned field_count;
    ProtobufCType types[2];
    bool repeated;
};

static const struct shape shapes[] = {
    {"Timestamp", FR_WELL_KNOWN_TIMESTAMP, 2, {PROTOBUF_C_TYPE_INT64, PROTOBUF_C_TYPE_INT32}, false},
    {"Duration", FR_WELL_KNOWN_DURATION, 2, {PROTOBUF_C_TYPE_INT64, PROTOBUF_C_TYPE_INT32}, false},
    {"FieldMask", FR_WELL_KNOWN_FIELD_MASK, 1, {PROTOBUF_C_TYPE_STRING}, true},
    {"DoubleValue", FR_WELL_KNOWN_WRAPPER, 1, {PROTOBUF_C_TYPE_DOUBLE}, false},
    {"FloatValue", FR_WELL_KNOWN_WRAPPER, 1, {PROTOBUF_C_TYPE_FLOAT}, false},
    {"Int64Value", FR_WELL_KNOWN_WRAPPER, 1, {PROTOBUF_C_TYPE_INT64}, false},
    {"UInt64Value", FR_WELL_KNOWN_WRAPPER, 1, {PROTOBUF_C_TYPE_UINT64}, false},
    {"Int32Value", FR_WELL_KNOWN_WRAPPER, 1, {PROTOBUF_C_TYPE_INT32}, false},
    {"UInt32Value", FR_WELL_KNOWN_WRAPPER, 1, {PROTOBUF_C_TYPE_UINT32}, false},
    {"BoolValue", FR_WELL_KNOWN_WRAPPER, 1, {PROTOBUF_C_TYPE_BOOL}, false},
    {"StringValue", FR_WELL_KNOWN_WRAPPER, 1, {PROTOBUF_C_TYPE_STRING}, false},
    {"BytesValue", FR_WELL_KNOWN_WRAPPER, 1, {PROTOBUF_C_TYPE_BYTES}, false},
    {"Any", FR_WELL_KNOWN_UNSUPPORTED, 0, {0}, false},
    {"Struct", FR_WELL_KNOWN_UNSUPPORTED, 0, {0}, false},
    {"Value", FR_WELL_KNOWN_UNSUPPORTED, 0, {0}, false},
    {"ListValue", FR_WELL_KNOWN_UNSUPPORTED, 0, {0}, false},
};

static bool has_shape(const ProtobufCMessageDescriptor *descriptor, const struct shape *shape)
{
    if (shape->kind == FR_WELL_KNOWN_UNSUPPORTED) {
        return true;
    }
    if (descriptor->n_fields != shape->field_count) {
        return false;
    }
    for (unsigned i = 0; i < shape->field_count; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        ProtobufCLabel label = shape->repeated ? PROTOBUF_C_LABEL_REPEATED : PROTOBUF_C_LABEL_NONE;
        if (field->id != i + 1 || field->type != shape->types[i] || field->label != label) {
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
        if (!has_shape(&type->descriptor, &shapes[i])) {
            return fr_error_set(builder->reterr, FR_INVALID_ARGUMENT, "%s does not have the fields it should",
                                type->descriptor.name);
        }
        type->well_known = shapes[i].kind;
    }
    return FR_OK;
}
