/* SPDX-License-Identifier: MIT */
/*
 * plan.h - what a walk over a message needs to know of its type: where a field lies and how JSON writes it.
 *
 * Every codec that writes or reads JSON walks by the same plan. Also for C++.
 */
#ifndef PAYLOAD_PLAN_H
#define PAYLOAD_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

enum plan_kind {
    PLAN_INT32,
    PLAN_UINT32,
    PLAN_INT64, /* text in JSON, as all whole numbers of 64 bits */
    PLAN_UINT64,
    PLAN_FLOAT,
    PLAN_DOUBLE,
    PLAN_BOOL,
    PLAN_ENUM, /* its name in JSON */
    PLAN_TEXT,
    PLAN_BYTES, /* base64 in JSON */
    PLAN_OBJECT,
    PLAN_TIMESTAMP, /* text in JSON */
    PLAN_DURATION,  /* text in JSON */
    PLAN_WRAPPER,   /* the value of its only field in JSON */
};

/* What tells whether a field is set: a walk visits it if it is there, or without presence and not its default. */
enum plan_presence {
    PLAN_ALWAYS,
    PLAN_COUNT,   /* of a list or map */
    PLAN_CASE,    /* of a oneof */
    PLAN_FLAG,    /* has_… */
    PLAN_POINTER, /* of a message */
    PLAN_OPTIONAL_TEXT,
    PLAN_NOT_EMPTY_TEXT,
    PLAN_NOT_EMPTY_BYTES,
    PLAN_NOT_ZERO_32,
    PLAN_NOT_ZERO_64,
};

/* The name of a member. Both texts end in NUL. */
struct plan_name {
    const char *text;
    size_t size;
    const char *quoted; /* "\"name\":"; NULL for the key of a map */
    size_t quoted_size;
};

struct plan_field {
    struct plan_name name;
    enum plan_kind kind; /* of each element; of a map's entries PLAN_OBJECT */
    enum plan_presence presence;
    bool is_list, is_map;
    unsigned offset, quantifier_offset; /* of the descriptor, nearer at hand */
    size_t element_bytes;               /* in a list */
    const ProtobufCFieldDescriptor *field;
    const struct plan *message; /* NULL unless of a message type; a map's has the fields key and value */
};

struct plan {
    const ProtobufCMessageDescriptor *descriptor;
    const struct plan_field *fields; /* by number */
    unsigned field_count;
    const struct plan *next; /* of those made together */
};

/* Where the value of a field lies in its message. */
static inline const void *plan_value(const struct plan_field *self, const ProtobufCMessage *message)
{
    return (const uint8_t *)message + self->offset;
}

/* What says how many values there are, or whether there is one. */
static inline const void *plan_quantifier(const struct plan_field *self, const ProtobufCMessage *message)
{
    return (const uint8_t *)message + self->quantifier_offset;
}

/* The text of a string field, which may be NULL. */
static inline const char *plan_text(const void *value)
{
    const char *text = *(const char *const *)value;
    return text == NULL ? "" : text;
}

static inline bool plan_is_set(const struct plan_field *self, const ProtobufCMessage *message)
{
    const void *value = plan_value(self, message);
    switch (self->presence) {
    case PLAN_ALWAYS:
        return true;
    case PLAN_COUNT:
        return *(const size_t *)plan_quantifier(self, message) > 0;
    case PLAN_CASE:
        return *(const uint32_t *)plan_quantifier(self, message) == self->field->id;
    case PLAN_FLAG:
        return *(const protobuf_c_boolean *)plan_quantifier(self, message) != 0;
    case PLAN_POINTER:
        return *(const void *const *)value != NULL;
    case PLAN_OPTIONAL_TEXT:
        return *(const void *const *)value != NULL &&
               *(const void *const *)value != self->field->default_value;
    case PLAN_NOT_EMPTY_TEXT:
        return *plan_text(value) != '\0';
    case PLAN_NOT_EMPTY_BYTES:
        return ((const ProtobufCBinaryData *)value)->len > 0;
    case PLAN_NOT_ZERO_32:
        return *(const uint32_t *)value != 0;
    case PLAN_NOT_ZERO_64:
        return *(const uint64_t *)value != 0;
    }
    return false;
}

#endif
