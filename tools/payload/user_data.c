/* SPDX-License-Identifier: MIT */
/*
 * user_data.c - data that the user brings: protoc makes a descriptor set of the .proto, our JSON reader a message.
 */
#include "payload/user_data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "freshet/input.h"
#include "freshet/near.h"
#include "freshet/child.h"

#define ARGUMENTS_MAX 80 /* of protoc: the import paths and a few more */

/* The folder of the file, as protoc's "-I…"; owned. */
static char *folder_argument(const char *proto)
{
    const char *slash = strrchr(proto, '/');
    int size = slash == NULL ? 1 : slash == proto ? 1 : (int)(slash - proto);
    struct fr_buffer text = {0};
    fr_buffer_append_format(&text, "-I%.*s", size, slash == NULL ? "." : proto);
    return (char *)fr_buffer_text(&text);
}

static enum fr_code compile(const struct user_data_options *options, struct fr_buffer *out,
                            struct fr_error *reterr)
{
    char *arguments[ARGUMENTS_MAX] = {"protoc", "--include_imports", "--descriptor_set_out=/dev/stdout"};
    size_t count = 3, owned = count;
    enum fr_code code = FR_OK;
    if (access(options->proto, R_OK) != 0) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "cannot open '%s': %s", options->proto,
                            strerror(errno));
    }
    for (size_t i = 0; i < options->import_paths->count; i++) {
        struct fr_buffer text = {0};
        fr_buffer_append_format(&text, "-I%s", options->import_paths->items[i]);
        arguments[count++] = (char *)fr_buffer_text(&text);
    }
    arguments[count++] = folder_argument(options->proto);
    for (size_t i = owned; i < count; i++) {
        code = arguments[i] == NULL ? fr_error_no_memory(reterr) : code;
    }
    arguments[count] = (char *)options->proto;
    if (code == FR_OK) {
        code = child_run(arguments, (struct fr_bytes){0}, "protobuf-compiler", out, reterr);
    }
    for (size_t i = owned; i < count; i++) {
        free(arguments[i]);
    }
    return code;
}

static enum fr_code no_message(const struct user_data_options *options, const struct fr_schema *schema,
                               struct fr_error *reterr)
{
    struct near near = {0};
    struct fr_buffer question = {0};
    for (const struct fr_message_type *type = fr_schema_next_message(schema, NULL); type != NULL;
         type = fr_schema_next_message(schema, type)) {
        near_offer(&near, options->message, fr_message_type_name(type));
    }
    near_append_question(&near, &question);
    enum fr_code code =
        fr_error_set(reterr, FR_INVALID_ARGUMENT, "there is no message '%s' in '%s'%s", options->message,
                     options->proto, question.size > 0 ? fr_buffer_text(&question) : "");
    fr_buffer_fini(&question);
    return code;
}

static enum fr_code read_data(struct subject *self, const struct user_data_options *options,
                              const struct fr_schema *schema, struct fr_error *reterr)
{
    const struct fr_message_type *type = fr_schema_find_message(schema, options->message);
    if (type == NULL) {
        return no_message(options, schema, reterr);
    }
    struct fr_buffer path = {0}, text = {0};
    struct fr_error cause;
    bool is_input = strcmp(options->data, "-") == 0;
    fr_buffer_append_format(&path, "%s%s", is_input ? "" : "@", options->data);
    const char *argument = fr_buffer_text(&path);
    enum fr_code code = argument == NULL ? fr_error_no_memory(reterr) : input_read(argument, &text, reterr);
    if (code == FR_OK) {
        code = subject_init(self, "data", is_input ? "standard input" : options->data, type, NULL,
                            fr_buffer_bytes(&text), &cause);
        if (code != FR_OK) {
            (void)fr_error_set(reterr, code, "%s: %s", is_input ? "standard input" : options->data,
                               cause.message);
        }
    }
    fr_buffer_fini(&path);
    fr_buffer_fini(&text);
    return code;
}

enum fr_code user_data_init(struct subject *self, const struct user_data_options *options,
                            struct fr_schema **ret_schema, struct fr_error *reterr)
{
    struct fr_buffer set = {0};
    *self = (struct subject){0};
    *ret_schema = NULL;
    enum fr_code code = compile(options, &set, reterr);
    if (code == FR_OK) {
        code = fr_schema_new(fr_buffer_bytes(&set), ret_schema, reterr);
    }
    fr_buffer_fini(&set);
    return code == FR_OK ? read_data(self, options, *ret_schema, reterr) : code;
}
