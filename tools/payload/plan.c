/* SPDX-License-Identifier: MIT */
/*
 * plan.c - makes the plan of a type.
 */
#include "payload/plan_new.h"

#include <string.h>

struct builder {
    struct fr_arena *arena;
    struct plan *plans; /* made so far: a type may hold itself */
    struct fr_error *reterr;
};

static enum fr_code plan_of(struct builder *self, const struct fr_message_type *type,
                            const ProtobufCMessageDescriptor *descriptor, const struct plan **ret_plan);

static enum plan_kind kind_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return PLAN_UINT32;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return PLAN_INT64;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return PLAN_UINT64;
    case PROTOBUF_C_TYPE_FLOAT:
        return PLAN_FLOAT;
    case PROTOBUF_C_TYPE_DOUBLE:
        return PLAN_DOUBLE;
    case PROTOBUF_C_TYPE_BOOL:
        return PLAN_BOOL;
    case PROTOBUF_C_TYPE_ENUM:
        return PLAN_ENUM;
    case PROTOBUF_C_TYPE_STRING:
        return PLAN_TEXT;
    case PROTOBUF_C_TYPE_BYTES:
        return PLAN_BYTES;
    case PROTOBUF_C_TYPE_MESSAGE:
        return PLAN_OBJECT;
    default:
        return PLAN_INT32;
    }
}

static size_t element_bytes(ProtobufCType type)
{
    switch (kind_of(type)) {
    case PLAN_BOOL:
        return sizeof(protobuf_c_boolean); /* an int */
    case PLAN_TEXT:
    case PLAN_OBJECT:
        return sizeof(void *);
    case PLAN_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PLAN_INT64:
    case PLAN_UINT64:
    case PLAN_DOUBLE:
        return sizeof(uint64_t);
    default:
        return sizeof(uint32_t);
    }
}

static enum plan_presence presence_of(const ProtobufCFieldDescriptor *field)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return PLAN_COUNT;
    }
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        return PLAN_CASE;
    }
    if (field->label == PROTOBUF_C_LABEL_REQUIRED) {
        return PLAN_ALWAYS;
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        return PLAN_POINTER;
    }
    if (field->label == PROTOBUF_C_LABEL_OPTIONAL) {
        return field->type == PROTOBUF_C_TYPE_STRING ? PLAN_OPTIONAL_TEXT : PLAN_FLAG;
    }
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return PLAN_NOT_EMPTY_TEXT;
    case PROTOBUF_C_TYPE_BYTES:
        return PLAN_NOT_EMPTY_BYTES;
    default:
        return element_bytes(field->type) == sizeof(uint64_t) ? PLAN_NOT_ZERO_64 : PLAN_NOT_ZERO_32;
    }
}

static enum fr_code name_init(struct builder *self, const char *text, struct plan_name *ret_name)
{
    size_t size = strlen(text);
    char *quoted = fr_arena_alloc(self->arena, size + sizeof "\"\":");
    if (quoted == NULL) {
        return fr_error_no_memory(self->reterr);
    }
    quoted[0] = '"';
    memcpy(quoted + 1, text, size);
    memcpy(quoted + 1 + size, "\":", sizeof "\":");
    *ret_name = (struct plan_name){text, size, quoted, size + 3};
    return FR_OK;
}

/* What JSON makes of a message type; false: nothing that the walks know. */
static bool message_kind(const struct fr_message_type *type, enum plan_kind *ret_kind)
{
    switch (fr_message_type_well_known(type)) {
    case FR_WELL_KNOWN_NONE:
        *ret_kind = PLAN_OBJECT;
        return true;
    case FR_WELL_KNOWN_TIMESTAMP:
        *ret_kind = PLAN_TIMESTAMP;
        return true;
    case FR_WELL_KNOWN_DURATION:
        *ret_kind = PLAN_DURATION;
        return true;
    case FR_WELL_KNOWN_WRAPPER:
        *ret_kind = PLAN_WRAPPER;
        return true;
    default:
        return false;
    }
}

static enum fr_code field_init(struct builder *self, const struct fr_message_type *type, unsigned index,
                               const ProtobufCFieldDescriptor *field, struct plan_field *ret_field)
{
    struct fr_field_mapping mapping = fr_message_type_mapping(type, index);
    *ret_field = (struct plan_field){.kind = kind_of(field->type),
                                     .presence = presence_of(field),
                                     .is_map = mapping.is_map,
                                     .is_list = field->label == PROTOBUF_C_LABEL_REPEATED && !mapping.is_map,
                                     .offset = field->offset,
                                     .quantifier_offset = field->quantifier_offset,
                                     .element_bytes = element_bytes(field->type),
                                     .field = field};
    enum fr_code code = name_init(self, mapping.json_name, &ret_field->name);
    if (code != FR_OK || mapping.message == NULL) {
        return code;
    }
    if (!message_kind(mapping.message, &ret_field->kind)) {
        return fr_error_set(self->reterr, FR_INVALID_ARGUMENT, "%s.%s: %s is not supported here",
                            fr_message_type_name(type), field->name, fr_message_type_name(mapping.message));
    }
    return plan_of(self, mapping.message, field->descriptor, &ret_field->message);
}

static enum fr_code plan_of(struct builder *self, const struct fr_message_type *type,
                            const ProtobufCMessageDescriptor *descriptor, const struct plan **ret_plan)
{
    for (const struct plan *plan = self->plans; plan != NULL; plan = plan->next) {
        if (plan->descriptor == descriptor) {
            *ret_plan = plan;
            return FR_OK;
        }
    }
    struct plan *plan = fr_arena_alloc(self->arena, sizeof *plan);
    struct plan_field *fields = fr_arena_alloc(self->arena, descriptor->n_fields * sizeof *fields);
    if (plan == NULL || fields == NULL) {
        return fr_error_no_memory(self->reterr);
    }
    *plan = (struct plan){descriptor, fields, descriptor->n_fields, self->plans};
    self->plans = plan;
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        enum fr_code code = field_init(self, type, i, &descriptor->fields[i], &fields[i]);
        if (code != FR_OK) {
            return code;
        }
    }
    *ret_plan = plan;
    return FR_OK;
}

enum fr_code plan_new(struct fr_arena *arena, const struct fr_message_type *type,
                      const ProtobufCMessageDescriptor *descriptor, const struct plan **ret_plan,
                      struct fr_error *reterr)
{
    struct builder builder = {.arena = arena, .reterr = reterr};
    enum plan_kind kind;
    if (!message_kind(type, &kind) || kind != PLAN_OBJECT) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "%s is no message with fields of its own in JSON",
                            fr_message_type_name(type));
    }
    return plan_of(&builder, type, descriptor, ret_plan);
}
