/* SPDX-License-Identifier: MIT */
/*
 * language.c - the table of languages, and the outputs that they add.
 */
#include "protoc-gen-freshet/language.h"

#include <string.h>

static const struct language languages[] = {
    {"c", NULL, c_emit, c_example},
    {"cpp", NULL, cpp_emit, cpp_example},
    {"go", go_parameters, go_emit, go_example},
    {"python", NULL, python_emit, python_example},
    {"js", NULL, js_emit, js_example},
};

#define LANGUAGE_COUNT (sizeof languages / sizeof languages[0])

const struct language *language_find(const char *name)
{
    for (size_t i = 0; i < LANGUAGE_COUNT; i++) {
        if (strcmp(languages[i].name, name) == 0) {
            return &languages[i];
        }
    }
    return NULL;
}

void language_names(struct fr_buffer *out)
{
    for (size_t i = 0; i < LANGUAGE_COUNT; i++) {
        fr_buffer_append_format(out, "%s%s", i == 0 ? "" : ", ", languages[i].name);
    }
}

const char *output_parameter(const struct output *self, const char *start)
{
    const char *part = self->parameter == NULL ? "" : self->parameter;
    while (*part != '\0') {
        size_t size = strcspn(part, ",");
        if (strncmp(part, start, strlen(start)) == 0) {
            char *value = model_join(self->model, part + strlen(start), "", "");
            if (value != NULL) {
                value[size - strlen(start)] = '\0';
            }
            return value;
        }
        part += size + (part[size] == ',');
    }
    return NULL;
}

void output_warn(struct fr_buffer *out, const char *indent, const char *mark, const struct model_method *method)
{
    if (!method->no_side_effects) {
        fr_buffer_append_format(out, "%s%s No method is declared NO_SIDE_EFFECTS: this one may change something at the server.\n",
                                indent, mark);
    }
}

const char *output_stem(const struct model *model, const Google__Protobuf__FileDescriptorProto *file)
{
    static const char extension[] = ".proto";
    char *stem = model_join(model, file->name, "", "");
    size_t size = strlen(file->name);
    size_t tail = sizeof extension - 1;
    if (stem != NULL && size > tail && strcmp(stem + size - tail, extension) == 0) {
        stem[size - tail] = '\0';
    }
    return stem;
}

enum fr_code output_add(struct output *self, const char *stem, const char *suffix, struct fr_buffer *content,
                        struct fr_error *reterr)
{
    Freshet__Plugin__CodeGeneratorResponse *response = self->response;
    Freshet__Plugin__CodeGeneratorResponse__File *file = model_alloc(self->model, 1, sizeof *file);
    /* Of all files so far and this one; the arena is freed as a whole, and files are few. */
    Freshet__Plugin__CodeGeneratorResponse__File **files =
        model_alloc(self->model, response->n_file + 1, sizeof files[0]);
    const char *text = fr_buffer_text(content);
    if (file == NULL || files == NULL || text == NULL) {
        return fr_error_no_memory(reterr);
    }
    freshet__plugin__code_generator_response__file__init(file);
    file->name = model_join(self->model, stem, suffix, "");
    file->content = model_join(self->model, text, "", "");
    if (file->name == NULL || file->content == NULL) {
        return fr_error_no_memory(reterr);
    }
    if (response->n_file > 0) {
        memcpy(files, response->file, response->n_file * sizeof files[0]);
    }
    files[response->n_file++] = file;
    response->file = files;
    return FR_OK;
}
