/* SPDX-License-Identifier: MIT */
/*
 * language.h - the languages that stubs can be generated for: one row, one emit function and one file each.
 */
#ifndef PROTOC_GEN_FRESHET_LANGUAGE_H
#define PROTOC_GEN_FRESHET_LANGUAGE_H

#include "protoc-gen-freshet/model.h"

/* Where an emit function puts its files. */
struct output {
    struct model *model;
    Freshet__Plugin__CodeGeneratorResponse *response;
    const char *parameter; /* of the plugin, whole; see output_parameter */
};

struct language {
    const char *name; /* as in --freshet_out=lang=NAME:DIR */
    const char *const *parameters; /* how the further ones begin that it takes, to NULL; NULL: none */
    /*
     * Adds the outputs of one wanted file. What this language cannot express goes to the model's problems; the
     * files are then thrown away. FR_RESOURCE_EXHAUSTED without memory.
     */
    enum fr_code (*emit)(struct output *output, const struct model_file *file, struct fr_error *reterr);
    /* Adds a whole program that calls method, for the parameter "example". */
    enum fr_code (*example)(struct output *output, const struct model_method *method, struct fr_error *reterr);
};

/* NULL when there is none. */
const struct language *language_find(const char *name);
/* Appends "c, …". */
void language_names(struct fr_buffer *out);

/* Adds the file stem + suffix, such as "users/v1/users" + ".freshet.h"; content is copied. */
FR_MUST_CHECK enum fr_code output_add(struct output *self, const char *stem, const char *suffix,
                                      struct fr_buffer *content, struct fr_error *reterr);

/* The value of the parameter that begins with start, such as "runtime="; NULL: not given, or no memory. */
const char *output_parameter(const struct output *self, const char *start);

/* Appends a line comment that warns of what the example's method may do, unless it changes nothing; mark is "//" or "#". */
void output_warn(struct fr_buffer *out, const char *indent, const char *mark, const struct model_method *method);

/* The name of a file without ".proto". NULL without memory. */
const char *output_stem(const struct model *model, const Google__Protobuf__FileDescriptorProto *file);

/* c.c */
FR_MUST_CHECK enum fr_code c_emit(struct output *output, const struct model_file *file, struct fr_error *reterr);
FR_MUST_CHECK enum fr_code c_example(struct output *output, const struct model_method *method, struct fr_error *reterr);
/* cpp.c */
FR_MUST_CHECK enum fr_code cpp_emit(struct output *output, const struct model_file *file, struct fr_error *reterr);
FR_MUST_CHECK enum fr_code cpp_example(struct output *output, const struct model_method *method, struct fr_error *reterr);
/* go.c */
FR_MUST_CHECK enum fr_code go_emit(struct output *output, const struct model_file *file, struct fr_error *reterr);
FR_MUST_CHECK enum fr_code go_example(struct output *output, const struct model_method *method, struct fr_error *reterr);
extern const char *const go_parameters[];
/* python.c */
FR_MUST_CHECK enum fr_code python_emit(struct output *output, const struct model_file *file, struct fr_error *reterr);
FR_MUST_CHECK enum fr_code python_example(struct output *output, const struct model_method *method,
                                          struct fr_error *reterr);
/* js.c */
FR_MUST_CHECK enum fr_code js_emit(struct output *output, const struct model_file *file, struct fr_error *reterr);
FR_MUST_CHECK enum fr_code js_example(struct output *output, const struct model_method *method, struct fr_error *reterr);

#endif
