/* SPDX-License-Identifier: MIT */
/*
 * shapes.h - the built-in data, as one table: a name, a message type and a function that makes the data.
 */
#ifndef PAYLOAD_SHAPES_H
#define PAYLOAD_SHAPES_H

#include "base/buffer.h"

struct ProtobufCMessageDescriptor;

struct shape {
    const char *name;
    const char *about;
    const char *message;                                 /* "users.v1.User" */
    const struct ProtobufCMessageDescriptor *descriptor; /* of generated code */
    void (*fill)(struct fr_buffer *out);                 /* appends the data as JSON; the same every time */
};

extern const struct shape shapes[];
extern const size_t shape_count;

/* The FileDescriptorSet of all their types. */
extern const uint8_t shapes_protoset[];
extern const size_t shapes_protoset_size;

#endif
