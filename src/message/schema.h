/* SPDX-License-Identifier: MIT */
/*
 * schema.h - message types known only at run time, made from a FileDescriptorSet.
 */
#ifndef FR_MESSAGE_SCHEMA_H
#define FR_MESSAGE_SCHEMA_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"

struct ProtobufCMessageDescriptor;
struct fr_schema;       /* immutable once made: thread-safe */
struct fr_message_type; /* borrowed from its schema */

/* Messages that JSON writes in a form of their own. */
enum fr_well_known {
    FR_WELL_KNOWN_NONE,
    FR_WELL_KNOWN_TIMESTAMP,
    FR_WELL_KNOWN_DURATION,
    FR_WELL_KNOWN_FIELD_MASK,
    FR_WELL_KNOWN_WRAPPER, /* StringValue and the like */
    FR_WELL_KNOWN_STRUCT,
    FR_WELL_KNOWN_VALUE,
    FR_WELL_KNOWN_LIST, /* ListValue */
    FR_WELL_KNOWN_ANY,
};

/* What JSON needs to know of a field beyond its descriptor. */
struct fr_field_mapping {
    const char *json_name;
    const struct fr_message_type *message; /* NULL unless of a message type */
    bool is_map;                           /* message is then the entry type, with the fields key and value */
};

struct fr_schema_method {
    const char *name;      /* "GetUser" */
    const char *full_name; /* "users.v1.Users/GetUser" */
    const struct fr_message_type *request, *response;
    bool client_streaming, server_streaming;
    bool idempotent; /* its idempotency_level is IDEMPOTENT or NO_SIDE_EFFECTS */
};

struct fr_schema_service {
    const char *name; /* "users.v1.Users" */
    const struct fr_schema_method *methods;
    size_t method_count;
};

/* The FileDescriptorSet of Freshet's own protos, comments included, compiled into fr_proto. */
extern const uint8_t fr_protoset[];
extern const size_t fr_protoset_size;

/*
 * Builds protobuf-c descriptors for every message of a serialized FileDescriptorSet (as protoc writes it with
 * --include_imports). *ret_schema is owned.
 *   FR_INVALID_ARGUMENT  malformed, or a type is missing; the message names it
 */
FR_MUST_CHECK enum fr_code fr_schema_new(struct fr_bytes descriptor_set, struct fr_schema **ret_schema,
                                         struct fr_error *reterr);
void fr_schema_free(struct fr_schema *self);

size_t fr_schema_service_count(const struct fr_schema *self);
const struct fr_schema_service *fr_schema_service_at(const struct fr_schema *self, size_t index);
const struct fr_schema_service *fr_schema_find_service(const struct fr_schema *self, const char *name);
/* Takes "users.v1.Users/GetUser" and "users.v1.Users.GetUser"; NULL when there is none. */
const struct fr_schema_method *fr_schema_find_method(const struct fr_schema *self, const char *full_name);
/* Takes "users.v1.User"; NULL when there is none. */
const struct fr_message_type *fr_schema_find_message(const struct fr_schema *self, const char *full_name);
/* The next message by name; previous NULL: the first one. NULL behind the last one. */
const struct fr_message_type *fr_schema_next_message(const struct fr_schema *self,
                                                     const struct fr_message_type *previous);

const char *fr_message_type_name(const struct fr_message_type *self);
/* For fr_message_unpack and protobuf-c; borrowed from the schema. */
const struct ProtobufCMessageDescriptor *fr_message_type_descriptor(const struct fr_message_type *self);
enum fr_well_known fr_message_type_well_known(const struct fr_message_type *self);
/* index: as in the descriptor, by field number. */
struct fr_field_mapping fr_message_type_mapping(const struct fr_message_type *self, unsigned index);

/*
 * Appends the definition of a service, method, message or enum in .proto syntax with its comments.
 *   FR_NOT_FOUND  the schema has no such symbol
 */
FR_MUST_CHECK enum fr_code fr_schema_describe(const struct fr_schema *self, const char *symbol,
                                              struct fr_buffer *out, struct fr_error *reterr);

#endif
