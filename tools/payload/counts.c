/* SPDX-License-Identifier: MIT */
/*
 * counts.c - asks freshet-bench-allocations.
 */
#include "payload/counts.h"

#include <stdio.h>
#include <string.h>

#include "freshet/folder.h"
#include "freshet/child.h"

#define PROGRAM       "freshet-bench-allocations"
#define ARGUMENTS_MAX 160 /* options and import paths, two words each */
#define NAME_BYTES    64

struct arguments {
    char *words[ARGUMENTS_MAX];
    size_t count;
};

static void add(struct arguments *self, const char *option, const char *value)
{
    if (value != NULL && self->count + 2 < ARGUMENTS_MAX) {
        self->words[self->count++] = (char *)option;
        self->words[self->count++] = (char *)value;
    }
}

enum fr_code counts_run(const struct prepare_options *options, const struct prepared *prepared,
                        struct fr_buffer *out, struct fr_error *reterr)
{
    char folder[FOLDER_FILE_BYTES], path[FOLDER_FILE_BYTES + sizeof "/" PROGRAM];
    struct fr_bytes input = {0};
    enum fr_code code = folder_of_program(folder, reterr);
    if (code != FR_OK) {
        return code;
    }
    snprintf(path, sizeof path, "%s/%s", folder, PROGRAM);
    struct arguments arguments = {.words = {path}, .count = 1};
    add(&arguments, "--shape", options->shapes);
    add(&arguments, "--codec", options->codecs);
    if (options->user.data != NULL) {
        /* Standard input may have been read already. */
        input =
            (struct fr_bytes){prepared->subjects[0].input.json.data, prepared->subjects[0].input.json.size};
        add(&arguments, "--proto", options->user.proto);
        add(&arguments, "--message", options->user.message);
        add(&arguments, "--data", "-");
        for (size_t i = 0; i < options->user.import_paths->count; i++) {
            add(&arguments, "--import-path", options->user.import_paths->items[i]);
        }
    }
    return child_run(arguments.words, input, "it beside this program", out, reterr);
}

bool counts_find(const char *text, const char *shape, const char *codec, double *ret_encode,
                 double *ret_decode)
{
    while (text != NULL && *text != '\0') {
        char names[2][NAME_BYTES];
        double encode, decode;
        if (sscanf(text, "%63s %63s %lf %lf", names[0], names[1], &encode, &decode) == 4 &&
            strcmp(names[0], shape) == 0 && strcmp(names[1], codec) == 0) {
            *ret_encode = encode;
            *ret_decode = decode;
            return true;
        }
        text = strchr(text, '\n');
        text = text == NULL ? NULL : text + 1;
    }
    return false;
}
