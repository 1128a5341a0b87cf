/* SPDX-License-Identifier: MIT */
/*
 * descriptors.c - which services and messages there are.
 */
#include "freshet/descriptors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "freshet/command.h"
#include "freshet/dial.h"
#include "freshet/files.h"
#include "freshet/folder.h"
#include "freshet/protos.h"
#include "freshet/reflection/v1/reflection.freshet.h"
#include "freshet/report.h"
#include "freshet/spawn.h"
#include "message/message.h"

#define ASK_TIMEOUT_US (10 * FR_SECOND_US)

/* ---- a server ---- */

static enum fr_code copy_services(struct descriptors *self, const Freshet__Reflection__V1__DescribeResponse *response,
                                  struct fr_error *reterr)
{
    self->services = calloc(response->n_services + 1, sizeof self->services[0]);
    if (self->services == NULL) {
        return fr_error_no_memory(reterr);
    }
    for (size_t i = 0; i < response->n_services; i++) {
        self->services[i] = strdup(response->services[i]);
        if (self->services[i] == NULL) {
            return fr_error_no_memory(reterr);
        }
        self->service_count++;
    }
    return FR_OK;
}

static enum fr_code take_response(struct descriptors *self, const Freshet__Reflection__V1__DescribeResponse *response,
                                  struct fr_error *reterr)
{
    struct fr_buffer set = {0};
    struct fr_error cause;
    if (response->files != NULL) {
        fr_message_pack(&response->files->base, &set);
    }
    enum fr_code code =
        set.failed ? fr_error_no_memory(&cause) : fr_schema_new(fr_buffer_bytes(&set), &self->schema, &cause);
    if (code != FR_OK) {
        fr_error_set(reterr, FR_INTERNAL, "the server's descriptors are no good: %s", cause.message);
        code = FR_INTERNAL;
    }
    fr_buffer_fini(&set);
    return code == FR_OK ? copy_services(self, response, reterr) : code;
}

enum fr_code descriptors_ask(struct descriptors *self, const char *address, struct fr_error *reterr)
{
    struct fr_call_options options = {.timeout_us = ASK_TIMEOUT_US};
    Freshet__Reflection__V1__DescribeRequest request = FRESHET__REFLECTION__V1__DESCRIBE_REQUEST__INIT;
    Freshet__Reflection__V1__DescribeResponse *response;
    struct fr_channel *channel = NULL;
    *self = (struct descriptors){0};
    enum fr_code code = dial(address, &options.timeout_us, &channel, reterr);
    if (code == FR_OK) {
        code = freshet_reflection_v1_reflection_describe(channel, &request, &options, &response, reterr);
    }
    if (code == FR_OK) {
        code = take_response(self, response, reterr);
        freshet__reflection__v1__describe_response__free_unpacked(response, NULL);
    }
    fr_channel_free(channel);
    if (code != FR_OK) {
        descriptors_fini(self);
    }
    return code;
}

/* ---- .proto files ---- */

/* protoc itself says what is wrong. */
static int run_protoc(const struct words *words)
{
    struct fr_buffer told = {0};
    struct fr_error error;
    enum fr_code code = spawn_run(words, NULL, NULL, &told, &error);
    if (told.size > 0) {
        fwrite(told.data, 1, told.size, stderr);
    }
    fr_buffer_fini(&told);
    return code == FR_OK ? 0
           : code == FR_NOT_FOUND
               ? report_failure("%s; --proto needs it (Debian's package protobuf-compiler)", error.message)
           : code == FR_FAILED_PRECONDITION ? report_failure("protoc does not accept the files of --proto")
                                            : report_failure("%s", error.message);
}

static int compile(const struct descriptors_given *given, struct fr_buffer *out)
{
    struct folder temporary = {0};
    struct words words = {0};
    struct fr_error error;
    char set[FOLDER_FILE_BYTES];
    if (folder_init(&temporary, &error) != FR_OK) {
        return report_failure("%s", error.message);
    }
    snprintf(set, sizeof set, "%s/set", temporary.path);
    words_add(&words, "protoc");
    protos_add_folders(&words, &given->folders, given->protos.items, given->protos.count, temporary.path);
    words_add(&words, "--include_imports");
    words_add(&words, "--include_source_info");
    words_add(&words, "--descriptor_set_out=%s", set);
    for (size_t i = 0; i < given->protos.count; i++) {
        words_add(&words, "%s", given->protos.items[i]);
    }
    int exit_code = protos_write_carried(temporary.path);
    exit_code = exit_code != 0 ? exit_code : run_protoc(&words);
    exit_code = exit_code != 0 ? exit_code : files_read(set, out);
    words_fini(&words);
    folder_fini(&temporary);
    return exit_code;
}

/* ---- all of them ---- */

static int build(struct descriptors *self, struct fr_bytes set, const char *origin)
{
    static const char lack[] = "is missing";
    struct fr_error error;
    if (fr_schema_new(set, &self->schema, &error) != FR_OK) {
        size_t size = strlen(error.message), end = sizeof lack - 1;
        bool lacks = size >= end && strcmp(error.message + size - end, lack) == 0;
        return report_failure("%s: %s%s", origin, error.message,
                              lacks ? "; make the file with protoc --include_imports" : "");
    }
    return 0;
}

int descriptors_init(struct descriptors *self, const char *command, const struct descriptors_given *given,
                     const char *address)
{
    struct fr_buffer set = {0};
    struct fr_error error;
    int exit_code;
    *self = (struct descriptors){0};
    if (given->protos.count > 0 && given->protoset != NULL) {
        return report_usage(command, "--proto and --protoset exclude each other");
    }
    if (given->folders.count > 0 && given->protos.count == 0) {
        return report_usage(command, "--import-path is of use with --proto only");
    }
    if (given->protos.count > 0) {
        exit_code = compile(given, &set);
        exit_code = exit_code != 0 ? exit_code : build(self, fr_buffer_bytes(&set), "--proto");
    } else if (given->protoset != NULL) {
        exit_code = files_read(given->protoset, &set);
        exit_code = exit_code != 0 ? exit_code : build(self, fr_buffer_bytes(&set), given->protoset);
    } else if (address != NULL) {
        enum fr_code code = descriptors_ask(self, address, &error);
        exit_code = code == FR_OK              ? 0
                    : code == FR_UNIMPLEMENTED ? report_status(code,
                                                               "the server at %s has no reflection; give its "
                                                               "definitions with --proto or --protoset",
                                                               address)
                                               : report_status(code, "%s", error.message);
    } else {
        exit_code = build(self, (struct fr_bytes){fr_protoset, fr_protoset_size}, "the embedded descriptors");
    }
    fr_buffer_fini(&set);
    return exit_code;
}

void descriptors_fini(struct descriptors *self)
{
    for (size_t i = 0; i < self->service_count; i++) {
        free(self->services[i]);
    }
    free(self->services);
    fr_schema_free(self->schema);
    *self = (struct descriptors){0};
}
