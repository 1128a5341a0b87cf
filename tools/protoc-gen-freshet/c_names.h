/* SPDX-License-Identifier: MIT */
/*
 * c_names.h - the names of generated C code.
 *
 * Message types have protoc-c's names, or nothing would fit together. Everything else has ours: the package, the
 * service and the method in snake case, joined by "_": users_v1_users_get_user. A method that is a keyword of C has a
 * "_" behind it as a member of a struct, and one that is called Register behind it in its functions. Names with "__"
 * in the middle are for generated code alone; runs of "_" in a user's name are drawn together.
 */
#ifndef PROTOC_GEN_FRESHET_C_NAMES_H
#define PROTOC_GEN_FRESHET_C_NAMES_H

#include "protoc-gen-freshet/language.h"

struct c_method {
    const struct model_method *method;
    const char *member;                                   /* "get_user" */
    const char *base;                                     /* "users_v1_users_get_user" */
    const char *reply;                                    /* "users_v1_users_reply_get_user" */
    const char *request, *response;                       /* "Users__V1__GetUserRequest" */
    const char *request_descriptor, *response_descriptor; /* "users__v1__get_user_request__descriptor" */
};

struct c_service {
    const struct model_service *service;
    const char *prefix; /* "users_v1_users" */
    struct c_method *methods;
    size_t method_count;
    size_t source_count; /* methods that are cached or cached_from another */
};

struct c_unit {
    struct model *model;
    const struct model_file *file;
    const char *stem;   /* "users/v1/users" */
    const char *symbol; /* "users_v1_users_proto" */
    const char *guard;  /* "USERS_V1_USERS_PROTO" */
    struct c_service *services;
    size_t service_count;
    size_t source_count; /* of all services */
};

/* All names of one file. What two things would share goes to the model's problems. */
FR_MUST_CHECK enum fr_code c_unit_init(struct c_unit *self, struct model *model, const struct model_file *file,
                                       struct fr_error *reterr);

/* "get_http_status" for GetHTTPStatus, "users_v1_users" for users.v1.Users. NULL without memory. */
const char *c_snake(const struct model *model, const char *text);

/* What protoc-c begins a message's functions with: "users__v1__user". NULL without memory. */
const char *c_type_prefix(const struct model *model, const char *full_name);

/* The prefix of a method's names. NULL without memory. */
const char *c_method_base(const struct model *model, const struct model_method *method);

#endif
