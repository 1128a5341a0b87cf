/* SPDX-License-Identifier: MIT */
/*
 * walk_in.h - the walk that reads a parsed JSON tree into a sink, the same for every library; a template by
 * inclusion.
 *
 * Each field is looked up by its name and converted to what the message would hold: numbers of 64 bits, times and
 * base64 are read out of their texts. The including file defines the types IN (its state), IN_NODE (a value),
 * IN_OBJECT, IN_LIST and IN_MEMBERS (an object or list being read) and, before it includes this:
 *
 *   bool in_object(IN *, IN_NODE *, IN_OBJECT *);       false: it is none; in_list and in_members in the same way
 *   bool in_member(IN *, IN_OBJECT *, const struct plan_name *, IN_NODE *);              false: there is none
 *   bool in_next(IN *, IN_LIST *, IN_NODE *);                                            false: behind the last one
 *   bool in_next_member(IN *, IN_MEMBERS *, const char **, size_t *, IN_NODE *);         the same with the key
 *   bool in_text(IN *, IN_NODE *, const char **, size_t *);
 *   bool in_integer(IN *, IN_NODE *, int64_t *); in_real, in_bool in the same way
 *   uint8_t *in_room(IN *, size_t);                     scratch for decoded bytes; NULL without memory
 */

static bool walk_in_message(IN *in, IN_NODE *node, const struct plan *plan, struct sink *sink);

static inline bool walk_in_bytes(IN *in, IN_NODE *node, struct sink *sink)
{
    const char *text;
    size_t size;
    if (!in_text(in, node, &text, &size)) {
        return false;
    }
    uint8_t *room = in_room(in, size);
    if (room == NULL || !text64_read(room, text, size, &size)) {
        return false;
    }
    sink_text(sink, room, size);
    return true;
}

static inline bool walk_in_enum(IN *in, IN_NODE *node, const struct plan_field *field, struct sink *sink)
{
    const char *text;
    size_t size;
    int64_t number;
    char name[256]; /* with a NUL, which not every library keeps */
    if (!in_text(in, node, &text, &size)) {
        if (!in_integer(in, node, &number)) {
            return false;
        }
        sink_number(sink, (uint64_t)number);
        return true;
    }
    if (size >= sizeof name) {
        return false;
    }
    memcpy(name, text, size);
    name[size] = '\0';
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value_by_name(
        (const ProtobufCEnumDescriptor *)field->field->descriptor, name);
    if (known != NULL) {
        sink_number(sink, (uint64_t)(int64_t)known->value);
    }
    return known != NULL;
}

static inline bool walk_in_wide(IN *in, IN_NODE *node, struct sink *sink)
{
    const char *text;
    size_t size;
    uint64_t number;
    if (!in_text(in, node, &text, &size) || !decimal_read(text, size, &number)) {
        return false;
    }
    sink_number(sink, number);
    return true;
}

static inline bool walk_in_real(IN *in, IN_NODE *node, const struct plan_field *field, struct sink *sink)
{
    const char *text;
    size_t size;
    double real;
    if (!in_real(in, node, &real)) {
        if (!in_text(in, node, &text, &size)) {
            return false;
        }
        real = size == 3 ? (double)NAN : text[0] == '-' ? -(double)INFINITY : (double)INFINITY;
    }
    sink_real(sink, field->kind == PLAN_FLOAT ? (double)(float)real : real);
    return true;
}

static inline bool walk_in_times(IN *in, IN_NODE *node, const struct plan_field *field, struct sink *sink)
{
    const char *text;
    size_t size;
    int64_t seconds;
    int32_t nanos;
    if (!in_text(in, node, &text, &size) || !times_read(text, size, field->kind, &seconds, &nanos)) {
        return false;
    }
    sink_number(sink, (uint64_t)seconds);
    sink_number(sink, (uint64_t)(int64_t)nanos);
    return true;
}

/* What most fields are; as touch.c does, without the switch. */
static inline bool walk_in_text(IN *in, IN_NODE *node, struct sink *sink)
{
    const char *text;
    size_t size;
    if (!in_text(in, node, &text, &size)) {
        return false;
    }
    sink_text(sink, text, size);
    return true;
}

static bool walk_in_value(IN *in, IN_NODE *node, const struct plan_field *field, struct sink *sink)
{
    int64_t number;
    bool truth;
    switch (field->kind) {
    case PLAN_INT32:
    case PLAN_UINT32:
        if (!in_integer(in, node, &number)) {
            return false;
        }
        sink_number(sink, (uint64_t)number);
        return true;
    case PLAN_INT64:
    case PLAN_UINT64:
        return walk_in_wide(in, node, sink);
    case PLAN_FLOAT:
    case PLAN_DOUBLE:
        return walk_in_real(in, node, field, sink);
    case PLAN_BOOL:
        if (!in_bool(in, node, &truth)) {
            return false;
        }
        sink_number(sink, truth ? 1 : 0);
        return true;
    case PLAN_ENUM:
        return walk_in_enum(in, node, field, sink);
    case PLAN_TEXT:
        return walk_in_text(in, node, sink);
    case PLAN_BYTES:
        return walk_in_bytes(in, node, sink);
    case PLAN_TIMESTAMP:
    case PLAN_DURATION:
        return walk_in_times(in, node, field, sink);
    case PLAN_WRAPPER:
        return walk_in_value(in, node, field->message->fields, sink);
    case PLAN_OBJECT:
        return walk_in_message(in, node, field->message, sink);
    }
    return false;
}

/* Keys are text in JSON whatever they are in the message. */
static inline bool walk_in_key(const struct plan_field *key, const char *text, size_t size, struct sink *sink)
{
    uint64_t number;
    if (key->kind == PLAN_TEXT) {
        sink_text(sink, text, size);
        return true;
    }
    if (key->kind == PLAN_BOOL) {
        sink_number(sink, size == 4);
        return true;
    }
    if (!decimal_read(text, size, &number)) {
        return false;
    }
    sink_number(sink, number);
    return true;
}

static inline bool walk_in_map(IN *in, IN_NODE *node, const struct plan_field *field, struct sink *sink)
{
    const struct plan_field *members = field->message->fields;
    IN_MEMBERS entries;
    IN_NODE value;
    const char *key;
    size_t size, count = 0;
    uint64_t sum = 0;
    if (!in_members(in, node, &entries)) {
        return false;
    }
    while (in_next_member(in, &entries, &key, &size, &value)) {
        struct sink entry = sink_entry(sink);
        if (!walk_in_key(&members[0], key, size, &entry) || !walk_in_value(in, &value, &members[1], &entry)) {
            return false;
        }
        sum += entry.sum;
        count++;
    }
    sink_number(sink, sum);
    sink_number(sink, count);
    return true;
}

static inline bool walk_in_list(IN *in, IN_NODE *node, const struct plan_field *field, struct sink *sink)
{
    IN_LIST list;
    IN_NODE value;
    size_t count = 0;
    if (!in_list(in, node, &list)) {
        return false;
    }
    while (in_next(in, &list, &value)) {
        if (!walk_in_value(in, &value, field, sink)) {
            return false;
        }
        count++;
    }
    sink_number(sink, count);
    return true;
}

static inline bool walk_in_fields(IN *in, IN_OBJECT *object, const struct plan *plan, struct sink *sink)
{
    IN_NODE value;
    for (unsigned i = 0; i < plan->field_count; i++) {
        const struct plan_field *field = &plan->fields[i];
        if (!in_member(in, object, &field->name, &value)) {
            continue;
        }
        sink_field(sink, field->field->id);
        bool good = field->presence == PLAN_NOT_EMPTY_TEXT ? walk_in_text(in, &value, sink)
                    : field->is_map                        ? walk_in_map(in, &value, field, sink)
                    : field->is_list                       ? walk_in_list(in, &value, field, sink)
                                                           : walk_in_value(in, &value, field, sink);
        if (!good) {
            return false;
        }
    }
    return true;
}

/* Reads the object at node; false: it does not fit the plan. */
static bool walk_in_message(IN *in, IN_NODE *node, const struct plan *plan, struct sink *sink)
{
    IN_OBJECT object;
    return in_object(in, node, &object) && walk_in_fields(in, &object, plan, sink);
}
