/* SPDX-License-Identifier: MIT */
/*
 * schema_types.h - what a schema is made of; private to src/message.
 *
 * Everything lives in the schema's arena. A type's index of a field is the same in descriptor.fields and in
 * fields: by field number.
 */
#ifndef FR_MESSAGE_SCHEMA_TYPES_H
#define FR_MESSAGE_SCHEMA_TYPES_H

#include <google/protobuf/descriptor.pb-c.h>

#include "message/arena.h"
#include "message/schema.h"

/* What protobuf-c's field descriptor lacks. */
struct fr_field {
    const char *json_name;
    const struct fr_message_type *message;  /* NULL unless of a message type */
    const struct fr_enum_type *enumeration; /* NULL unless of an enum type */
    const char *oneof;                      /* name of its oneof, or NULL */
    bool is_map; /* message is then the entry type: field 0 the key, field 1 the value */
};

struct fr_enum_type {
    ProtobufCEnumDescriptor descriptor;
    bool closed; /* proto2: no other numbers than the named ones */
    bool is_null_value;
};

struct fr_message_type {
    ProtobufCMessageDescriptor descriptor;
    const struct fr_field *fields;
    enum fr_well_known well_known;
    bool is_map_entry;
    const struct fr_schema *schema; /* of an Any: where the types that it may hold are; otherwise NULL */
};

enum fr_symbol_kind { FR_SYMBOL_MESSAGE, FR_SYMBOL_ENUM, FR_SYMBOL_SERVICE };

/* Where a symbol stands in its file: the path that source_code_info uses, link by link from the inside. */
struct fr_location {
    const struct fr_location *parent; /* NULL at the top of the file */
    int32_t field;                    /* number of the list in the parent's descriptor */
    int32_t index;
};

struct fr_symbol {
    const char *name; /* "users.v1.User" */
    enum fr_symbol_kind kind;
    const Google__Protobuf__FileDescriptorProto *file;
    struct fr_location location;
    union {
        const Google__Protobuf__DescriptorProto *message;
        const Google__Protobuf__EnumDescriptorProto *enumeration;
        const Google__Protobuf__ServiceDescriptorProto *service;
    } proto;
    union {
        struct fr_message_type *message;
        struct fr_enum_type *enumeration;
    } type;
};

struct fr_schema {
    struct fr_arena *arena;                         /* owned */
    const Google__Protobuf__FileDescriptorSet *set; /* in the arena */
    struct fr_symbol **symbols;                     /* by name */
    size_t symbol_count;
    struct fr_schema_service *services; /* in the order of the files */
    size_t service_count;
};

/* What the building steps pass along. */
struct fr_schema_builder {
    struct fr_schema *schema;
    const Google__Protobuf__FileDescriptorSet *set;
    struct fr_error *reterr;
};

/* schema_symbols.c */

/* Collects every message, enum and service under its full name and checks the names. */
FR_MUST_CHECK enum fr_code fr_schema_collect(struct fr_schema_builder *builder);
const struct fr_symbol *fr_schema_find(const struct fr_schema *self, const char *name);
/* Resolves a type_name, ".users.v1.User"; NULL when there is none of that kind. */
const struct fr_symbol *fr_schema_resolve(const struct fr_schema *self, const char *type_name,
                                          enum fr_symbol_kind kind);
/* Cleared memory from the schema's arena; NULL without memory. */
void *fr_schema_alloc(const struct fr_schema *self, size_t count, size_t size);
/* Whether it is not NULL and an identifier: what is one needs no escaping anywhere. */
bool fr_schema_is_name(const char *name);
bool fr_schema_is_proto3(const Google__Protobuf__FileDescriptorProto *file);

/* schema_enum.c */
FR_MUST_CHECK enum fr_code fr_schema_build_enum(struct fr_schema_builder *builder, struct fr_symbol *symbol);
/* The runs of consecutive numbers among count sorted ones, with the sentinel that protobuf-c wants. */
FR_MUST_CHECK enum fr_code fr_schema_ranges(struct fr_schema_builder *builder, const int *numbers,
                                            size_t count, const ProtobufCIntRange **ret_ranges,
                                            unsigned *ret_count);

/* schema_message.c */
FR_MUST_CHECK enum fr_code fr_schema_build_message(struct fr_schema_builder *builder,
                                                   struct fr_symbol *symbol);

/* "update_mask" becomes "updateMask", as protoc names it when the set does not say. out may be as long as name. */
char *fr_schema_json_name(const char *name, char *out);
/* Bytes that one value of the type takes in a message's struct, or in the array of a repeated field. */
size_t fr_schema_element_size(ProtobufCType type);

/* schema_default.c */

/* The default of a field as protobuf-c keeps it, NULL for the type's zero. */
FR_MUST_CHECK enum fr_code fr_schema_default(struct fr_schema_builder *builder, const char *message,
                                             const Google__Protobuf__FieldDescriptorProto *proto,
                                             const ProtobufCFieldDescriptor *field, const void **ret_default);

/* schema_well_known.c */

/* The type of a type_url, "type.googleapis.com/users.v1.User"; any is the type of the Any. NULL: it is unknown. */
const struct fr_message_type *fr_schema_any_type(const struct fr_message_type *any, const char *type_url);
/* Says which well-known type a built message is; one that only has the name of one is refused. */
FR_MUST_CHECK enum fr_code fr_schema_classify(struct fr_schema_builder *builder,
                                              struct fr_message_type *type);

#endif
