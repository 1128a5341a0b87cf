/* SPDX-License-Identifier: MIT */
/*
 * descriptors.c - which services and messages there are.
 */
#include "freshet/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "freshet/command.h"
#include "freshet/dial.h"
#include "freshet/reflection/v1/reflection.freshet.h"
#include "freshet/report.h"
#include "message/message.h"

#define ASK_TIMEOUT_US (10 * FR_SECOND_US)
#define READ_BYTES     65536

extern char **environ;

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
    const struct fr_call_options options = {.timeout_us = ASK_TIMEOUT_US};
    Freshet__Reflection__V1__DescribeRequest request = FRESHET__REFLECTION__V1__DESCRIBE_REQUEST__INIT;
    Freshet__Reflection__V1__DescribeResponse *response;
    struct fr_channel *channel = NULL;
    *self = (struct descriptors){0};
    enum fr_code code = dial(address, &channel, reterr);
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

static int read_pipe(int fd, struct fr_buffer *out)
{
    ssize_t size;
    do {
        uint8_t *to = fr_buffer_reserve(out, READ_BYTES);
        if (to == NULL) {
            return report_failure("out of memory");
        }
        size = read(fd, to, READ_BYTES);
        out->size += size > 0 ? (size_t)size : 0;
    } while (size > 0 || (size < 0 && errno == EINTR));
    return size < 0 ? report_failure("cannot read from protoc: %s", strerror(errno)) : 0;
}

/* Runs protoc; what it writes to the file descriptor "to" of ours is the set. protoc itself says what is wrong. */
static int run_protoc(char *const argv[], int from, int to, struct fr_buffer *out)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = 0;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, from);
    int failed = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(to);
    if (failed != 0) {
        return report_failure("cannot run protoc: %s; --proto needs it (Debian's package protobuf-compiler)",
                              strerror(failed));
    }
    int exit_code = read_pipe(from, out);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (exit_code == 0 && status != 0) {
        exit_code = report_failure("protoc does not accept the files of --proto");
    }
    return exit_code;
}

static int compile(const struct descriptors_given *given, struct fr_buffer *out)
{
    enum { OWN = 4 };
    char *argv[OWN + 2 * (sizeof given->folders.items / sizeof given->folders.items[0]) + 1] = {
        (char *)"protoc", (char *)"--include_imports", (char *)"--include_source_info",
        (char *)"--descriptor_set_out=/dev/stdout"};
    char *folders[sizeof given->folders.items / sizeof given->folders.items[0]] = {0};
    int pipe_ends[2];
    size_t count = OWN;
    int exit_code = 0;
    for (size_t i = 0; i < given->folders.count; i++) {
        if (asprintf(&folders[i], "-I%s", given->folders.items[i]) < 0) {
            folders[i] = NULL;
            exit_code = report_failure("out of memory");
        }
        argv[count++] = folders[i];
    }
    for (size_t i = 0; i < given->protos.count; i++) {
        argv[count++] = (char *)given->protos.items[i];
    }
    if (exit_code == 0 && pipe2(pipe_ends, O_CLOEXEC) != 0) {
        exit_code = report_failure("cannot make a pipe: %s", strerror(errno));
    } else if (exit_code == 0) {
        exit_code = run_protoc(argv, pipe_ends[0], pipe_ends[1], out);
        close(pipe_ends[0]);
    }
    for (size_t i = 0; i < given->folders.count; i++) {
        free(folders[i]);
    }
    return exit_code;
}

/* ---- a compiled set ---- */

static int read_set(const char *path, struct fr_buffer *out)
{
    FILE *file = fopen(path, "rbe");
    size_t size = 0;
    if (file == NULL) {
        return report_failure("cannot open '%s': %s", path, strerror(errno));
    }
    do {
        uint8_t *to = fr_buffer_reserve(out, READ_BYTES);
        size = to == NULL ? 0 : fread(to, 1, READ_BYTES, file);
        out->size += size;
    } while (size > 0);
    int exit_code = out->failed    ? report_failure("out of memory")
                    : ferror(file) ? report_failure("cannot read '%s': %s", path, strerror(errno))
                                   : 0;
    fclose(file);
    return exit_code;
}

/* ---- all of them ---- */

static int build(struct descriptors *self, struct fr_bytes set, const char *origin)
{
    struct fr_error error;
    if (fr_schema_new(set, &self->schema, &error) != FR_OK) {
        return report_failure("%s: %s", origin, error.message);
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
        exit_code = read_set(given->protoset, &set);
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
