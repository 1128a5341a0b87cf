/* SPDX-License-Identifier: MIT */
/*
 * walk_out.h - the walk that encodes a message as JSON, the same for every library; a template by inclusion.
 *
 * Inlined into each codec, so that none pays for calls through pointers. The including file defines the types OUT
 * (its state) and OUT_NODE (a handle of an object or list under construction) and, before it includes this, the
 * functions that put one value under a name into an object, or without a name into a list:
 *
 *   OUT_NODE out_object(OUT *, OUT_NODE parent, const struct plan_name *);   out_list in the same way
 *   void out_end_object(OUT *, OUT_NODE);                                    out_end_list in the same way
 *   void out_text(OUT *, OUT_NODE, const struct plan_name *, const char *, size_t);
 *   void out_plain(…);      text without a character to escape
 *   void out_bytes(OUT *, OUT_NODE, const struct plan_name *, const uint8_t *, size_t);
 *   void out_integer(…, int64_t); void out_real(…, double); void out_float(…, float); void out_bool(…, bool);
 */
static void walk_out_message(OUT *out, OUT_NODE node, const struct plan *plan,
                             const ProtobufCMessage *message);

static inline void walk_out_real(OUT *out, OUT_NODE parent, const struct plan_name *name,
                                 const struct plan_field *field, const void *value)
{
    bool single = field->kind == PLAN_FLOAT;
    double real = single ? (double)*(const float *)value : *(const double *)value;
    if (isnan(real)) {
        out_plain(out, parent, name, "NaN", 3);
    } else if (isinf(real)) {
        out_plain(out, parent, name, real < 0 ? "-Infinity" : "Infinity", real < 0 ? 9 : 8);
    } else if (single) {
        out_float(out, parent, name, *(const float *)value);
    } else {
        out_real(out, parent, name, real);
    }
}

static inline void walk_out_enum(OUT *out, OUT_NODE parent, const struct plan_name *name,
                                 const struct plan_field *field, const void *value)
{
    int32_t number = *(const int32_t *)value;
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(
        (const ProtobufCEnumDescriptor *)field->field->descriptor, number);
    if (known != NULL) {
        out_plain(out, parent, name, known->name, strlen(known->name));
    } else {
        out_integer(out, parent, name, number);
    }
}

static void walk_out_value(OUT *out, OUT_NODE parent, const struct plan_name *name,
                           const struct plan_field *field, const void *value)
{
    char text[TIMES_BYTES];
    switch (field->kind) {
    case PLAN_INT32:
        out_integer(out, parent, name, *(const int32_t *)value);
        break;
    case PLAN_UINT32:
        out_integer(out, parent, name, *(const uint32_t *)value);
        break;
    case PLAN_INT64:
        out_plain(out, parent, name, text, decimal_write_signed(text, *(const int64_t *)value));
        break;
    case PLAN_UINT64:
        out_plain(out, parent, name, text, decimal_write_unsigned(text, *(const uint64_t *)value));
        break;
    case PLAN_FLOAT:
    case PLAN_DOUBLE:
        walk_out_real(out, parent, name, field, value);
        break;
    case PLAN_BOOL:
        out_bool(out, parent, name, *(const protobuf_c_boolean *)value != 0);
        break;
    case PLAN_ENUM:
        walk_out_enum(out, parent, name, field, value);
        break;
    case PLAN_TEXT:
        out_text(out, parent, name, plan_text(value), strlen(plan_text(value)));
        break;
    case PLAN_BYTES:
        out_bytes(out, parent, name, ((const ProtobufCBinaryData *)value)->data,
                  ((const ProtobufCBinaryData *)value)->len);
        break;
    case PLAN_TIMESTAMP:
    case PLAN_DURATION:
        out_plain(out, parent, name, text,
                  times_write(text, field->kind, *(const ProtobufCMessage *const *)value));
        break;
    case PLAN_WRAPPER:
        walk_out_value(out, parent, name, field->message->fields,
                       plan_value(field->message->fields, *(const ProtobufCMessage *const *)value));
        break;
    case PLAN_OBJECT: {
        OUT_NODE node = out_object(out, parent, name);
        walk_out_message(out, node, field->message, *(const ProtobufCMessage *const *)value);
        out_end_object(out, node);
        break;
    }
    }
}

/* The name of an entry; room has DECIMAL_BYTES for a number. */
static inline struct plan_name walk_out_key(const struct plan_field *key, const void *value, char *room)
{
    struct plan_name name;
    name.quoted = NULL;
    name.quoted_size = 0;
    name.text = room;
    switch (key->kind) {
    case PLAN_TEXT:
        name.text = plan_text(value);
        name.size = strlen(name.text);
        break;
    case PLAN_BOOL:
        name.text = *(const protobuf_c_boolean *)value ? "true" : "false";
        name.size = strlen(name.text);
        break;
    case PLAN_UINT32:
        name.size = decimal_write_unsigned(room, *(const uint32_t *)value);
        break;
    case PLAN_UINT64:
        name.size = decimal_write_unsigned(room, *(const uint64_t *)value);
        break;
    case PLAN_INT64:
        name.size = decimal_write_signed(room, *(const int64_t *)value);
        break;
    default:
        name.size = decimal_write_signed(room, *(const int32_t *)value);
        break;
    }
    if (name.text == room) {
        room[name.size] = '\0';
    }
    return name;
}

static inline void walk_out_map(OUT *out, OUT_NODE parent, const struct plan_field *field, const void *value,
                                size_t count)
{
    const ProtobufCMessage *const *entries = *(const ProtobufCMessage *const *const *)value;
    const struct plan_field *members = field->message->fields;
    OUT_NODE node = out_object(out, parent, &field->name);
    for (size_t i = 0; i < count; i++) {
        char room[DECIMAL_BYTES];
        struct plan_name name = walk_out_key(&members[0], plan_value(&members[0], entries[i]), room);
        walk_out_value(out, node, &name, &members[1], plan_value(&members[1], entries[i]));
    }
    out_end_object(out, node);
}

static inline void walk_out_list(OUT *out, OUT_NODE parent, const struct plan_field *field, const void *value,
                                 size_t count)
{
    const uint8_t *elements = *(const uint8_t *const *)value;
    OUT_NODE node = out_list(out, parent, &field->name);
    for (size_t i = 0; i < count; i++) {
        walk_out_value(out, node, NULL, field, elements + i * field->element_bytes);
    }
    out_end_list(out, node);
}

/* Puts every field into the object at node. */
static void walk_out_message(OUT *out, OUT_NODE node, const struct plan *plan,
                             const ProtobufCMessage *message)
{
    for (unsigned i = 0; i < plan->field_count; i++) {
        const struct plan_field *field = &plan->fields[i];
        if (!plan_is_set(field, message)) {
            continue;
        }
        const void *value = plan_value(field, message);
        if (field->is_map) {
            walk_out_map(out, node, field, value, *(const size_t *)plan_quantifier(field, message));
        } else if (field->is_list) {
            walk_out_list(out, node, field, value, *(const size_t *)plan_quantifier(field, message));
        } else {
            walk_out_value(out, node, &field->name, field, value);
        }
    }
}
