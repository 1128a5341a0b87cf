/* SPDX-License-Identifier: MIT */
/*
 * touch.c - reads every field of a message into a sink, in the order and form that walk_in.h keeps as well.
 *
 * All of it becomes one function for each message, with the sum in a register: decoding a small message takes no more
 * than a hundred nanoseconds, and reading it shall not be a quarter of that.
 */
#include "payload/touch.h"

#define INLINE static inline __attribute__((always_inline))

INLINE void touch_times(struct sink *sink, const struct plan_field *members, const ProtobufCMessage *message)
{
    sink_number(sink, (uint64_t) * (const int64_t *)plan_value(&members[0], message));
    sink_number(sink, (uint64_t) * (const int32_t *)plan_value(&members[1], message));
}

/* Of every kind but PLAN_WRAPPER, whose value is of another kind. */
INLINE void touch_plain(struct sink *sink, const struct plan_field *field, const void *value)
{
    switch (field->kind) {
    case PLAN_INT32:
    case PLAN_ENUM:
        sink_number(sink, (uint64_t) * (const int32_t *)value);
        break;
    case PLAN_UINT32:
        sink_number(sink, *(const uint32_t *)value);
        break;
    case PLAN_INT64:
    case PLAN_UINT64:
        sink_number(sink, *(const uint64_t *)value);
        break;
    case PLAN_FLOAT:
        sink_real(sink, (double)*(const float *)value);
        break;
    case PLAN_DOUBLE:
        sink_real(sink, *(const double *)value);
        break;
    case PLAN_BOOL:
        sink_number(sink, *(const protobuf_c_boolean *)value != 0);
        break;
    case PLAN_TEXT:
        sink_text(sink, plan_text(value), strlen(plan_text(value)));
        break;
    case PLAN_BYTES:
        sink_text(sink, ((const ProtobufCBinaryData *)value)->data,
                  ((const ProtobufCBinaryData *)value)->len);
        break;
    case PLAN_TIMESTAMP:
    case PLAN_DURATION:
        touch_times(sink, field->message->fields, *(const ProtobufCMessage *const *)value);
        break;
    case PLAN_OBJECT:
        touch_message(sink, field->message, *(const ProtobufCMessage *const *)value);
        break;
    case PLAN_WRAPPER:
        break;
    }
}

INLINE void touch_value(struct sink *sink, const struct plan_field *field, const void *value)
{
    if (field->kind == PLAN_WRAPPER) {
        const struct plan_field *inner = field->message->fields;
        touch_plain(sink, inner, plan_value(inner, *(const ProtobufCMessage *const *)value));
    } else {
        touch_plain(sink, field, value);
    }
}

INLINE void touch_map(struct sink *sink, const struct plan_field *field,
                      const ProtobufCMessage *const *entries, size_t count)
{
    const struct plan_field *members = field->message->fields;
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        struct sink entry = sink_entry(sink);
        touch_value(&entry, &members[0], plan_value(&members[0], entries[i]));
        touch_value(&entry, &members[1], plan_value(&members[1], entries[i]));
        sum += entry.sum;
    }
    sink_number(sink, sum);
    sink_number(sink, count);
}

INLINE void touch_list(struct sink *sink, const struct plan_field *field, const uint8_t *elements,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        touch_value(sink, field, elements + i * field->element_bytes);
    }
    sink_number(sink, count);
}

/* What most fields are gets a way of its own, without the two switches. */
INLINE void touch_text(struct sink *sink, const struct plan_field *field, const char *text)
{
    if (*text != '\0') {
        sink_field(sink, field->field->id);
        sink_text(sink, text, strlen(text));
    }
}

INLINE void touch_fields(struct sink *sink, const struct plan *plan, const ProtobufCMessage *message)
{
    for (unsigned i = 0; i < plan->field_count; i++) {
        const struct plan_field *field = &plan->fields[i];
        const void *value = plan_value(field, message);
        if (field->presence == PLAN_NOT_EMPTY_TEXT) {
            touch_text(sink, field, plan_text(value));
            continue;
        }
        if (!plan_is_set(field, message)) {
            continue;
        }
        sink_field(sink, field->field->id);
        if (field->presence != PLAN_COUNT) {
            touch_value(sink, field, value);
        } else if (field->is_map) {
            touch_map(sink, field, *(const ProtobufCMessage *const *const *)value,
                      *(const size_t *)plan_quantifier(field, message));
        } else {
            touch_list(sink, field, *(const uint8_t *const *)value,
                       *(const size_t *)plan_quantifier(field, message));
        }
    }
}

void touch_message(struct sink *sink, const struct plan *plan, const ProtobufCMessage *message)
{
    struct sink copy = {.sum = sink->sum, .strict = true};
    if (sink->strict) {
        touch_fields(&copy, plan, message);
    } else {
        copy.strict = false;
        touch_fields(&copy, plan, message);
    }
    sink->sum = copy.sum;
}
