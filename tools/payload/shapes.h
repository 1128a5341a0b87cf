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

/* One of many that differ in their ids and some other fields, as those of a database do; number 0 is that of the table. */
void shape_put_user(struct fr_buffer *out, unsigned number);
void shape_put_order(struct fr_buffer *out, unsigned number);
/* The users from this number on. */
void shape_put_list(struct fr_buffer *out, unsigned number);
#define SHAPE_LIST_USERS 100

extern const struct shape shapes[];
extern const size_t shape_count;

/* The FileDescriptorSet of all their types. */
extern const uint8_t shapes_protoset[];
extern const size_t shapes_protoset_size;

#endif
