/* SPDX-License-Identifier: MIT */
/*
 * model.c - resolves a CodeGeneratorRequest: its files, message types, services and methods.
 *
 * protoc makes sound requests, but this program may be given anything: no name is used before it was checked.
 */
#include "protoc-gen-freshet/model.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_CHUNK_BYTES 65536

typedef Google__Protobuf__FileDescriptorProto file_proto;
typedef Google__Protobuf__DescriptorProto message_proto;

void *model_alloc(const struct model *self, size_t count, size_t size)
{
    void *memory = size != 0 && count > SIZE_MAX / size ? NULL : fr_arena_alloc(self->arena, count * size + 1);
    return memory == NULL ? NULL : memset(memory, 0, count * size + 1);
}

char *model_join(const struct model *self, const char *a, const char *b, const char *c)
{
    char *joined = fr_arena_alloc(self->arena, strlen(a) + strlen(b) + strlen(c) + 1);
    if (joined != NULL) {
        strcpy(joined, a);
        strcat(joined, b);
        strcat(joined, c);
    }
    return joined;
}

/* ---- names ---- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_identifier(const char *name, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!is_letter(name[i]) && !(name[i] >= '0' && name[i] <= '9' && i > 0)) {
            return false;
        }
    }
    return size > 0;
}

static enum fr_code check_name(const char *what, const char *name, struct fr_error *reterr)
{
    if (name == NULL || !is_identifier(name, strlen(name))) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "the request has a %s without a proper name", what);
    }
    return FR_OK;
}

static bool is_package(const char *name)
{
    while (*name != '\0') {
        size_t size = strcspn(name, ".");
        if (!is_identifier(name, size) || (name[size] == '.' && name[size + 1] == '\0')) {
            return false;
        }
        name += size + (name[size] == '.');
    }
    return true;
}

/* It becomes the name of an output, stands in string literals and in comments. */
static bool is_file_name(const char *name)
{
    if (name == NULL || name[0] == '\0' || name[0] == '/' || strstr(name, "*/") != NULL || strstr(name, "..") != NULL) {
        return false;
    }
    for (; *name != '\0'; name++) {
        if ((unsigned char)*name < ' ' || strchr("\"\\\x7f", *name) != NULL) {
            return false;
        }
    }
    return true;
}

static enum fr_code check_file(const file_proto *file, struct fr_error *reterr)
{
    if (!is_file_name(file->name)) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "the request has a file without a proper name");
    }
    if (file->package != NULL && !is_package(file->package)) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "%.100s: the package has no proper name", file->name);
    }
    return FR_OK;
}

/* "users.v1." or "". */
static const char *scope_of(const struct model *self, const file_proto *file)
{
    return file->package == NULL || file->package[0] == '\0' ? "" : model_join(self, file->package, ".", "");
}

/* ---- message types ---- */

static size_t count_types(message_proto *const *messages, size_t count)
{
    size_t total = count;
    for (size_t i = 0; i < count; i++) {
        total += count_types(messages[i]->nested_type, messages[i]->n_nested_type);
    }
    return total;
}

/* The messages of one list, which is field number list of the place around, and those nested in them. */
static enum fr_code add_types(struct model *self, message_proto *const *messages, size_t count,
                              const struct model_type *parent, const char *scope, struct place around, int32_t list,
                              struct fr_error *reterr)
{
    for (size_t i = 0; i < count; i++) {
        struct model_type *type = model_alloc(self, 1, sizeof *type);
        enum fr_code code = check_name("message", messages[i]->name, reterr);
        if (code != FR_OK) {
            return code;
        }
        if (type == NULL || scope == NULL) {
            return fr_error_no_memory(reterr);
        }
        *type = (struct model_type){
            .name = model_join(self, scope, messages[i]->name, ""),
            .parent = parent,
            .file = around.file,
            .proto = messages[i],
            .place = place_of(around, list, (int32_t)i),
        };
        if (type->name == NULL) {
            return fr_error_no_memory(reterr);
        }
        self->types[self->type_count++] = type;
        code = add_types(self, messages[i]->nested_type, messages[i]->n_nested_type, type,
                         model_join(self, type->name, ".", ""), type->place, PLACE_MESSAGE_NESTED, reterr);
        if (code != FR_OK) {
            return code;
        }
    }
    return FR_OK;
}

static int by_name(const void *left, const void *right)
{
    const struct model_type *const *a = left, *const *b = right;
    return strcmp((*a)->name, (*b)->name);
}

static enum fr_code collect_types(struct model *self, struct fr_error *reterr)
{
    size_t count = 0;
    for (size_t i = 0; i < self->file_count; i++) {
        count += count_types(self->files[i].proto->message_type, self->files[i].proto->n_message_type);
    }
    self->types = model_alloc(self, count, sizeof self->types[0]);
    if (self->types == NULL) {
        return fr_error_no_memory(reterr);
    }
    for (size_t i = 0; i < self->file_count; i++) {
        const file_proto *file = self->files[i].proto;
        enum fr_code code = add_types(self, file->message_type, file->n_message_type, NULL, scope_of(self, file),
                                      (struct place){.file = file}, PLACE_FILE_MESSAGES, reterr);
        if (code != FR_OK) {
            return code;
        }
    }
    qsort(self->types, self->type_count, sizeof self->types[0], by_name);
    return FR_OK;
}

/* name is without a leading dot. */
static const struct model_type *find_type(const struct model *self, const char *name)
{
    const struct model_type key = {.name = name};
    const struct model_type *wanted = &key;
    const struct model_type **found = bsearch(&wanted, self->types, self->type_count, sizeof self->types[0], by_name);
    return found == NULL ? NULL : *found;
}

/* ---- services ---- */

/* type_name is ".users.v1.User", as protoc resolves it. */
static const struct model_type *resolve(const struct model *self, const char *type_name)
{
    return type_name == NULL || type_name[0] != '.' ? NULL : find_type(self, type_name + 1);
}

static enum fr_code add_method(struct model *self, struct model_service *service, size_t index, struct fr_error *reterr)
{
    const Google__Protobuf__MethodDescriptorProto *proto = service->proto->method[index];
    struct model_method *method = &service->methods[index];
    if (check_name("method", proto->name, reterr) != FR_OK) {
        return FR_INVALID_ARGUMENT;
    }
    *method = (struct model_method){
        .full_name = model_join(self, service->name, "/", proto->name),
        .proto = proto,
        .service = service,
        .request = resolve(self, proto->input_type),
        .response = resolve(self, proto->output_type),
        .place = place_of(service->place, PLACE_SERVICE_METHODS, (int32_t)index),
    };
    if (method->full_name == NULL) {
        return fr_error_no_memory(reterr);
    }
    if (method->request == NULL || method->response == NULL) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "%.200s: its request or response type is missing",
                            method->full_name);
    }
    const Google__Protobuf__MethodOptions *options = proto->options;
    if (options != NULL) {
        method->deprecated = options->deprecated;
        method->no_side_effects =
            options->idempotency_level == GOOGLE__PROTOBUF__METHOD_OPTIONS__IDEMPOTENCY_LEVEL__NO_SIDE_EFFECTS;
        method->idempotent =
            options->idempotency_level == GOOGLE__PROTOBUF__METHOD_OPTIONS__IDEMPOTENCY_LEVEL__IDEMPOTENT;
    }
    if (service->file->wanted && (proto->client_streaming || proto->server_streaming)) {
        problems_add(&self->problems, &method->place,
                     "%s is a streaming method; a Freshet call has one request and one answer: return a page at a "
                     "time with a page token, or repeat the call",
                     method->full_name);
    }
    return FR_OK;
}

static enum fr_code add_service(struct model *self, struct model_file *file, size_t index, struct fr_error *reterr)
{
    const Google__Protobuf__ServiceDescriptorProto *proto = file->proto->service[index];
    struct model_service *service = &file->services[index];
    const char *scope = scope_of(self, file->proto);
    enum fr_code code = check_name("service", proto->name, reterr);
    if (code != FR_OK) {
        return code;
    }
    *service = (struct model_service){
        .name = scope == NULL ? NULL : model_join(self, scope, proto->name, ""),
        .proto = proto,
        .file = file,
        .place = place_of((struct place){.file = file->proto}, PLACE_FILE_SERVICES, (int32_t)index),
        .deprecated = proto->options != NULL && proto->options->deprecated,
        .methods = model_alloc(self, proto->n_method, sizeof service->methods[0]),
        .method_count = proto->n_method,
    };
    if (service->name == NULL || service->methods == NULL) {
        return fr_error_no_memory(reterr);
    }
    for (size_t i = 0; i < service->method_count && code == FR_OK; i++) {
        code = add_method(self, service, i, reterr);
    }
    return code;
}

static enum fr_code collect_services(struct model *self, struct fr_error *reterr)
{
    enum fr_code code = FR_OK;
    for (size_t i = 0; i < self->file_count; i++) {
        struct model_file *file = &self->files[i];
        file->service_count = file->proto->n_service;
        file->services = model_alloc(self, file->service_count, sizeof file->services[0]);
        if (file->services == NULL) {
            return fr_error_no_memory(reterr);
        }
        for (size_t j = 0; j < file->service_count && code == FR_OK; j++) {
            code = add_service(self, file, j, reterr);
        }
    }
    return code;
}

const struct model_method *model_find_method(const struct model *self, const char *full_name)
{
    for (size_t i = 0; i < self->file_count; i++) {
        for (size_t j = 0; j < self->files[i].service_count; j++) {
            const struct model_service *service = &self->files[i].services[j];
            for (size_t k = 0; k < service->method_count; k++) {
                if (strcmp(service->methods[k].full_name, full_name) == 0) {
                    return &service->methods[k];
                }
            }
        }
    }
    return NULL;
}

bool model_speaks_for(const struct model *self, const struct model_file *file, const struct model_file *other)
{
    const struct model_file *first = self->files;
    while (!first->wanted) {
        first++;
    }
    return other == file || (file == first && !other->wanted);
}

/* ---- all of it ---- */

static enum fr_code collect_files(struct model *self, const Freshet__Plugin__CodeGeneratorRequest *request,
                                  struct fr_error *reterr)
{
    self->files = model_alloc(self, request->n_proto_file, sizeof self->files[0]);
    if (self->files == NULL) {
        return fr_error_no_memory(reterr);
    }
    self->file_count = request->n_proto_file;
    size_t wanted = 0;
    for (size_t i = 0; i < self->file_count; i++) {
        enum fr_code code = check_file(request->proto_file[i], reterr);
        if (code != FR_OK) {
            return code;
        }
        self->files[i].proto = request->proto_file[i];
        for (size_t j = 0; j < request->n_file_to_generate && !self->files[i].wanted; j++) {
            self->files[i].wanted = strcmp(request->file_to_generate[j], request->proto_file[i]->name) == 0;
        }
        wanted += self->files[i].wanted;
    }
    if (wanted != request->n_file_to_generate) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "the request lacks a file that it wants generated");
    }
    return FR_OK;
}

enum fr_code model_init(struct model *ret_model, const Freshet__Plugin__CodeGeneratorRequest *request,
                        struct fr_error *reterr)
{
    *ret_model = (struct model){.arena = fr_arena_new(ARENA_CHUNK_BYTES)};
    if (ret_model->arena == NULL) {
        return fr_error_no_memory(reterr);
    }
    enum fr_code code = collect_files(ret_model, request, reterr);
    code = code != FR_OK ? code : collect_types(ret_model, reterr);
    code = code != FR_OK ? code : collect_services(ret_model, reterr);
    return code != FR_OK ? code : model_read_policies(ret_model, reterr);
}

void model_fini(struct model *self)
{
    problems_fini(&self->problems);
    fr_arena_free(self->arena);
}
