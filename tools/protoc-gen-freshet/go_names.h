/* SPDX-License-Identifier: MIT */
/*
 * go_names.h - the names of generated Go code.
 *
 * Messages have the names and packages that protoc-gen-go gives them. Stubs stand in the package of their file's
 * messages: for users.v1.Users the interface UsersClient, made by NewUsersClient.
 */
#ifndef PROTOC_GEN_FRESHET_GO_NAMES_H
#define PROTOC_GEN_FRESHET_GO_NAMES_H

#include "protoc-gen-freshet/language.h"

struct go_package {
    const char *path; /* "example.org/users/v1" */
    const char *name; /* "usersv1" */
};

struct go_import {
    struct go_package package;
    const char *alias; /* the name it has in this file */
};

struct go_unit {
    struct output *output;
    const struct model_file *file;
    struct go_package own;
    struct go_import *imports; /* sorted by path; the run time is one of them */
    size_t import_count;
    const char *run_time; /* its alias */
};

/* All packages that the stubs of one file need. What is wrong with them, or with names, goes to the model's problems. */
FR_MUST_CHECK enum fr_code go_unit_init(struct go_unit *self, struct output *output, const struct model_file *file,
                                        struct fr_error *reterr);

/*
 * Tells the model's problems of names that two things in the Go package of file would share; other files may be in it.
 * Only the first of the wanted ones tells.
 */
FR_MUST_CHECK enum fr_code go_check_package(struct output *output, const struct model_file *file, struct fr_error *reterr);

/* "GetUser" for get_user; NULL without memory. */
const char *go_name(const struct model *model, const char *name);
/* "usersClient" for "UsersClient"; NULL without memory. */
const char *go_unexported(const struct model *model, const char *name);
/* How this file names a message: "User" or "emptypb.Empty"; NULL without memory. */
const char *go_type(const struct go_unit *self, const struct model_type *type);

#endif
