/* SPDX-License-Identifier: MIT */
/*
 * schema.c - message types known only at run time, made from a FileDescriptorSet.
 *
 * In order: collect the names, then build enums, messages and services, so that each step finds the types it
 * points at. The unpacked set lives as long as the schema, which borrows its names and comments.
 */
#include "message/schema.h"

#include <stdlib.h>
#include <string.h>

#include "message/message.h"
#include "message/schema_types.h"

#define ARENA_CHUNK_BYTES 65536
#define MAX_METHODS       4096 /* in one service; they are compared with each other */

static enum fr_code build_method(struct fr_schema_builder *builder, const char *service,
                                 const Google__Protobuf__MethodDescriptorProto *proto,
                                 struct fr_schema_method *method)
{
    if (!fr_schema_is_name(proto->name)) {
        return fr_error_set(builder->reterr, FR_INVALID_ARGUMENT, "%s has a method without a name", service);
    }
    const struct fr_symbol *request =
        fr_schema_resolve(builder->schema, proto->input_type, FR_SYMBOL_MESSAGE);
    const struct fr_symbol *response =
        fr_schema_resolve(builder->schema, proto->output_type, FR_SYMBOL_MESSAGE);
    if (request == NULL || response == NULL) {
        const char *missing = request == NULL ? proto->input_type : proto->output_type;
        return fr_error_set(builder->reterr, FR_INVALID_ARGUMENT, "%s/%s: the message '%s' is missing",
                            service, proto->name, missing == NULL ? "" : missing);
    }
    size_t size = strlen(service) + 1 + strlen(proto->name) + 1;
    char *full_name = fr_schema_alloc(builder->schema, size, 1);
    if (full_name == NULL) {
        return fr_error_no_memory(builder->reterr);
    }
    strcpy(full_name, service);
    strcat(full_name, "/");
    strcat(full_name, proto->name);
    *method = (struct fr_schema_method){
        .name = proto->name,
        .full_name = full_name,
        .request = request->type.message,
        .response = response->type.message,
        .client_streaming = proto->client_streaming,
        .server_streaming = proto->server_streaming,
        .idempotent = proto->options != NULL &&
                      proto->options->idempotency_level !=
                          GOOGLE__PROTOBUF__METHOD_OPTIONS__IDEMPOTENCY_LEVEL__IDEMPOTENCY_UNKNOWN,
    };
    return FR_OK;
}

static enum fr_code build_service(struct fr_schema_builder *builder, const char *package,
                                  const Google__Protobuf__ServiceDescriptorProto *proto,
                                  struct fr_schema_service *service)
{
    struct fr_schema *schema = builder->schema;
    if (proto->n_method > MAX_METHODS) {
        return fr_error_set(builder->reterr, FR_INVALID_ARGUMENT, "%s has more than %d methods", proto->name,
                            MAX_METHODS);
    }
    char *name = fr_schema_alloc(schema, strlen(package) + 1 + strlen(proto->name) + 1, 1);
    struct fr_schema_method *methods = fr_schema_alloc(schema, proto->n_method, sizeof *methods);
    if (name == NULL || methods == NULL) {
        return fr_error_no_memory(builder->reterr);
    }
    strcpy(name, package);
    strcat(name, package[0] == '\0' ? "" : ".");
    strcat(name, proto->name);
    *service = (struct fr_schema_service){name, methods, proto->n_method};
    for (size_t i = 0; i < proto->n_method; i++) {
        enum fr_code code = build_method(builder, name, proto->method[i], &methods[i]);
        for (size_t j = 0; code == FR_OK && j < i; j++) {
            if (strcmp(methods[i].name, methods[j].name) == 0) {
                code = fr_error_set(builder->reterr, FR_INVALID_ARGUMENT, "%s is defined twice",
                                    methods[i].full_name);
            }
        }
        if (code != FR_OK) {
            return code;
        }
    }
    return FR_OK;
}

static enum fr_code build_services(struct fr_schema_builder *builder)
{
    struct fr_schema *schema = builder->schema;
    schema->services = fr_schema_alloc(schema, schema->service_count, sizeof *schema->services);
    if (schema->services == NULL) {
        return fr_error_no_memory(builder->reterr);
    }
    size_t next = 0;
    for (size_t i = 0; i < builder->set->n_file; i++) {
        const Google__Protobuf__FileDescriptorProto *file = builder->set->file[i];
        for (size_t j = 0; j < file->n_service; j++) {
            enum fr_code code = build_service(builder, file->package == NULL ? "" : file->package,
                                              file->service[j], &schema->services[next++]);
            if (code != FR_OK) {
                return code;
            }
        }
    }
    return FR_OK;
}

static enum fr_code build_types(struct fr_schema_builder *builder, enum fr_symbol_kind kind)
{
    struct fr_schema *schema = builder->schema;
    enum fr_code code = FR_OK;
    for (size_t i = 0; i < schema->symbol_count && code == FR_OK; i++) {
        struct fr_symbol *symbol = schema->symbols[i];
        if (symbol->kind == kind) {
            code = kind == FR_SYMBOL_ENUM ? fr_schema_build_enum(builder, symbol)
                                          : fr_schema_build_message(builder, symbol);
        }
    }
    return code;
}

static enum fr_code build(struct fr_schema *schema, struct fr_bytes descriptor_set, struct fr_error *reterr)
{
    struct ProtobufCMessage *message;
    struct fr_error cause;
    enum fr_code code = fr_message_unpack(&google__protobuf__file_descriptor_set__descriptor, descriptor_set,
                                          schema->arena, &message, &cause);
    if (code != FR_OK) {
        return fr_error_set(reterr, code, "not a FileDescriptorSet: %s", cause.message);
    }
    struct fr_schema_builder builder = {
        .schema = schema, .set = (const Google__Protobuf__FileDescriptorSet *)message, .reterr = reterr};
    schema->set = builder.set;
    code = fr_schema_collect(&builder);
    if (code == FR_OK) {
        code = build_types(&builder, FR_SYMBOL_ENUM);
    }
    if (code == FR_OK) {
        code = build_types(&builder, FR_SYMBOL_MESSAGE);
    }
    return code == FR_OK ? build_services(&builder) : code;
}

enum fr_code fr_schema_new(struct fr_bytes descriptor_set, struct fr_schema **ret_schema,
                           struct fr_error *reterr)
{
    struct fr_schema *schema = calloc(1, sizeof *schema);
    if (schema == NULL) {
        return fr_error_no_memory(reterr);
    }
    schema->arena = fr_arena_new(ARENA_CHUNK_BYTES);
    enum fr_code code =
        schema->arena == NULL ? fr_error_no_memory(reterr) : build(schema, descriptor_set, reterr);
    if (code != FR_OK) {
        fr_schema_free(schema);
        return code;
    }
    *ret_schema = schema;
    return FR_OK;
}

void fr_schema_free(struct fr_schema *self)
{
    if (self != NULL) {
        fr_arena_free(self->arena);
        free(self);
    }
}

size_t fr_schema_service_count(const struct fr_schema *self)
{
    return self->service_count;
}

const struct fr_schema_service *fr_schema_service_at(const struct fr_schema *self, size_t index)
{
    FR_ASSERT(index < self->service_count);
    return &self->services[index];
}

static const struct fr_schema_service *find_service(const struct fr_schema *self, const char *name,
                                                    size_t size)
{
    for (size_t i = 0; i < self->service_count; i++) {
        if (strlen(self->services[i].name) == size && memcmp(self->services[i].name, name, size) == 0) {
            return &self->services[i];
        }
    }
    return NULL;
}

const struct fr_schema_service *fr_schema_find_service(const struct fr_schema *self, const char *name)
{
    return find_service(self, name, strlen(name));
}

const struct fr_schema_method *fr_schema_find_method(const struct fr_schema *self, const char *full_name)
{
    const char *slash = strrchr(full_name, '/');
    const char *split = slash != NULL ? slash : strrchr(full_name, '.');
    const struct fr_schema_service *service =
        split == NULL ? NULL : find_service(self, full_name, (size_t)(split - full_name));
    for (size_t i = 0; service != NULL && i < service->method_count; i++) {
        if (strcmp(service->methods[i].name, split + 1) == 0) {
            return &service->methods[i];
        }
    }
    return NULL;
}

const struct fr_message_type *fr_schema_find_message(const struct fr_schema *self, const char *full_name)
{
    const struct fr_symbol *symbol = fr_schema_find(self, full_name);
    return symbol != NULL && symbol->kind == FR_SYMBOL_MESSAGE ? symbol->type.message : NULL;
}

const struct fr_message_type *fr_schema_next_message(const struct fr_schema *self,
                                                     const struct fr_message_type *previous)
{
    bool found = previous == NULL;
    for (size_t i = 0; i < self->symbol_count; i++) {
        const struct fr_symbol *symbol = self->symbols[i];
        if (symbol->kind == FR_SYMBOL_MESSAGE && found) {
            return symbol->type.message;
        }
        found = found || (symbol->kind == FR_SYMBOL_MESSAGE && symbol->type.message == previous);
    }
    return NULL;
}

const char *fr_message_type_name(const struct fr_message_type *self)
{
    return self->descriptor.name;
}

const struct ProtobufCMessageDescriptor *fr_message_type_descriptor(const struct fr_message_type *self)
{
    return &self->descriptor;
}

enum fr_well_known fr_message_type_well_known(const struct fr_message_type *self)
{
    return self->well_known;
}

struct fr_field_mapping fr_message_type_mapping(const struct fr_message_type *self, unsigned index)
{
    const struct fr_field *field = &self->fields[index];
    return (struct fr_field_mapping){field->json_name, field->message, field->is_map};
}
