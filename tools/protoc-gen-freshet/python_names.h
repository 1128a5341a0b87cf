/* SPDX-License-Identifier: MIT */
/*
 * python_names.h - the names of generated Python code: modules as protoc calls them, and what is in them.
 */
#ifndef PROTOC_GEN_FRESHET_PYTHON_NAMES_H
#define PROTOC_GEN_FRESHET_PYTHON_NAMES_H

#include "protoc-gen-freshet/language.h"

/* That of a file's messages; a "." of the file's name parts folders, as "/" does. */
struct python_module {
    const char *name;   /* "users.v1.users_pb2" */
    const char *parent; /* "users.v1", or "" */
    const char *alias;  /* "users_dot_v1_dot_users__pb2" */
    bool plain;         /* the import statement takes it */
};

/* A message. */
struct python_type {
    const char *value; /* "users_dot_v1_dot_users__pb2.User", an expression */
    const char *hint;  /* the same, or Any where no type hint can say it */
};

/* Or what the run time is imported as, which no method may hide either. */
bool python_is_keyword(const char *name, size_t size);
/* Whether each part of "users.v1.users" is an identifier; plain: and no keyword, so that the import statement takes it. */
bool python_is_module(const char *name);
bool python_is_plain(const char *name);

/* text with each character of from as the text at its place in to. NULL without memory. */
const char *python_replaced(const struct model *model, const char *text, const char *from, const char *const *to);

FR_MUST_CHECK enum fr_code python_name_module(const struct model *model,
                                              const Google__Protobuf__FileDescriptorProto *file,
                                              struct python_module *ret_module, struct fr_error *reterr);
FR_MUST_CHECK enum fr_code python_name_type(const struct model *model, const struct model_type *type,
                                            struct python_type *ret_name, struct fr_error *reterr);

#endif
