/* SPDX-License-Identifier: MIT */
/*
 * model.h - what a CodeGeneratorRequest asks for, resolved and checked, for every language alike.
 *
 * Everything lives in the model's arena. Names that end up in generated code have been checked: package, message,
 * service and method names are identifiers, file names are plain relative paths.
 */
#ifndef PROTOC_GEN_FRESHET_MODEL_H
#define PROTOC_GEN_FRESHET_MODEL_H

#include "freshet/cache/v1/options.pb-c.h"
#include "message/arena.h"
#include "protoc-gen-freshet/place.h"
#include "protoc-gen-freshet/plugin.pb-c.h"

struct model_type {
    const char *name;                /* "users.v1.User" */
    const struct model_type *parent; /* the message that it is nested in, or NULL */
    const Google__Protobuf__FileDescriptorProto *file;
    const Google__Protobuf__DescriptorProto *proto;
    struct place place;
};

/* What "cached" declares, checked. */
struct model_policy {
    const char *kind;
    const Google__Protobuf__FieldDescriptorProto **by;
    size_t by_count;
    uint64_t ttl_us, stale_us, not_found_ttl_us;
};

struct model_service;

struct model_method {
    const char *full_name; /* "users.v1.Users/GetUser" */
    const Google__Protobuf__MethodDescriptorProto *proto;
    const struct model_service *service;
    const struct model_type *request, *response; /* NULL only after a problem was told */
    struct place place;
    bool no_side_effects, idempotent, deprecated;
    const struct model_policy *cached;      /* NULL: it is no origin */
    const struct model_method *cached_from; /* NULL: it is no consumer */
};

struct model_service {
    const char *name; /* "users.v1.Users" */
    const Google__Protobuf__ServiceDescriptorProto *proto;
    const struct model_file *file;
    struct place place;
    bool deprecated;
    struct model_method *methods;
    size_t method_count;
};

struct model_file {
    const Google__Protobuf__FileDescriptorProto *proto;
    bool wanted; /* to be generated; the others are imports */
    struct model_service *services;
    size_t service_count;
};

struct model {
    struct fr_arena *arena;
    struct model_file *files; /* each after its imports */
    size_t file_count;
    const struct model_type **types; /* by name */
    size_t type_count;
    struct problems problems;
};

/*
 * Resolves request, which must outlive the model. What is wrong with the .proto files goes to ret_model->problems;
 * model_fini in any case.
 *   FR_INVALID_ARGUMENT    the request is not one that protoc makes
 *   FR_RESOURCE_EXHAUSTED  no memory
 */
FR_MUST_CHECK enum fr_code model_init(struct model *ret_model, const Freshet__Plugin__CodeGeneratorRequest *request,
                                      struct fr_error *reterr);
void model_fini(struct model *self);

/* NULL when there is none. */
const struct model_method *model_find_method(const struct model *self, const char *full_name);

/* Whether file, which is wanted, tells what is wrong with other: each with itself, the first one with the imports too. */
bool model_speaks_for(const struct model *self, const struct model_file *file, const struct model_file *other);

/* Cleared memory from the model's arena; NULL without memory. */
void *model_alloc(const struct model *self, size_t count, size_t size);
/* Any of a, b, c may be "". NULL without memory. */
char *model_join(const struct model *self, const char *a, const char *b, const char *c);

/* policy.c: reads and checks the options of every method. FR_RESOURCE_EXHAUSTED without memory. */
FR_MUST_CHECK enum fr_code model_read_policies(struct model *self, struct fr_error *reterr);

#endif
