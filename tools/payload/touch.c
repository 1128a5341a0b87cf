/* SPDX-License-Identifier: MIT */
/*
 * touch.c - reads every field of a message into a sink, in the order and form that walk_in.h keeps as well.
 */
#include "payload/touch.h"

static inline __attribute__((always_inline)) void touch_times(struct sink *sink,
                                                              const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *fields = message->descriptor->fields;
    sink_number(sink, (uint64_t) * (const int64_t *)((const uint8_t *)message + fields[0].offset));
    sink_number(sink, (uint64_t) * (const int32_t *)((const uint8_t *)message + fields[1].offset));
}

static inline __attribute__((always_inline)) void
touch_value(struct sink *sink, const struct plan_field *field, const void *value)
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
        touch_times(sink, *(const ProtobufCMessage *const *)value);
        break;
    case PLAN_WRAPPER:
        touch_value(sink, field->message->fields,
                    plan_value(field->message->fields, *(const ProtobufCMessage *const *)value));
        break;
    case PLAN_OBJECT:
        touch_message(sink, field->message, *(const ProtobufCMessage *const *)value);
        break;
    }
}

static inline __attribute__((always_inline)) void touch_map(struct sink *sink, const struct plan_field *field,
                                                            const ProtobufCMessage *const *entries,
                                                            size_t count)
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

static inline __attribute__((always_inline)) void
touch_list(struct sink *sink, const struct plan_field *field, const uint8_t *elements, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        touch_value(sink, field, elements + i * field->element_bytes);
    }
    sink_number(sink, count);
}

void touch_message(struct sink *sink_out, const struct plan *plan, const ProtobufCMessage *message)
{
    struct sink copy = *sink_out, *sink = &copy;
    for (unsigned i = 0; i < plan->field_count; i++) {
        const struct plan_field *field = &plan->fields[i];
        if (!plan_is_set(field, message)) {
            continue;
        }
        const void *value = plan_value(field, message);
        sink_field(sink, field->field->id);
        if (field->is_map) {
            touch_map(sink, field, *(const ProtobufCMessage *const *const *)value,
                      *(const size_t *)plan_quantifier(field, message));
        } else if (field->is_list) {
            touch_list(sink, field, *(const uint8_t *const *)value,
                       *(const size_t *)plan_quantifier(field, message));
        } else {
            touch_value(sink, field, value);
        }
    }
    *sink_out = copy;
}
