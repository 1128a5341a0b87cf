/* SPDX-License-Identifier: MIT */
/*
 * schema_symbols.c - the names in a FileDescriptorSet: collected, checked, sorted, found.
 */
#include <stdlib.h>
#include <string.h>

#include "message/schema_types.h"

/* Field numbers in descriptor.proto, as paths in source_code_info use them. */
#define FILE_MESSAGES  4
#define FILE_ENUMS     5
#define FILE_SERVICES  6
#define MESSAGE_NESTED 3
#define MESSAGE_ENUMS  4

#define MAX_NAME_BYTES 512

typedef Google__Protobuf__DescriptorProto message_proto;
typedef Google__Protobuf__EnumDescriptorProto enum_proto;
typedef Google__Protobuf__ServiceDescriptorProto service_proto;

/* The list of symbols grows here; it moves to the arena when its size is known. */
struct collector {
    struct fr_schema_builder *builder;
    const Google__Protobuf__FileDescriptorProto *file;
    struct fr_symbol **symbols; /* owned */
    size_t count, capacity;
};

void *fr_schema_alloc(const struct fr_schema *self, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    void *memory = fr_arena_alloc(self->arena, count * size);
    return memory == NULL ? NULL : memset(memory, 0, count * size);
}

bool fr_schema_is_proto3(const Google__Protobuf__FileDescriptorProto *file)
{
    return file->syntax != NULL && strcmp(file->syntax, "proto3") == 0;
}

static bool is_identifier(const char *name, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(c >= '0' && c <= '9' && i > 0)) {
            return false;
        }
    }
    return size > 0;
}

bool fr_schema_is_name(const char *name)
{
    return name != NULL && is_identifier(name, strlen(name));
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

static enum fr_code full_name(struct collector *self, const char *scope, const char *name,
                              const char **ret_name)
{
    struct fr_error *reterr = self->builder->reterr;
    if (!fr_schema_is_name(name)) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "%s: '%s' is not a name", scope,
                            name == NULL ? "" : name);
    }
    size_t scope_size = strlen(scope);
    size_t size = scope_size + 1 + strlen(name);
    if (size > MAX_NAME_BYTES) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "a name is longer than %d bytes: %.60s…",
                            MAX_NAME_BYTES, name);
    }
    char *text = fr_schema_alloc(self->builder->schema, size + 1, 1);
    if (text == NULL) {
        return fr_error_no_memory(reterr);
    }
    memcpy(text, scope, scope_size);
    if (scope_size > 0) {
        text[scope_size] = '.';
    }
    strcat(text, name);
    *ret_name = text;
    return FR_OK;
}

static enum fr_code add_symbol(struct collector *self, const char *scope, const char *name,
                               struct fr_symbol symbol, struct fr_symbol **ret_symbol)
{
    enum fr_code code = full_name(self, scope, name, &symbol.name);
    if (code != FR_OK) {
        return code;
    }
    if (self->count == self->capacity) {
        size_t capacity = self->capacity == 0 ? 64 : self->capacity * 2;
        struct fr_symbol **symbols = realloc(self->symbols, capacity * sizeof *symbols);
        if (symbols == NULL) {
            return fr_error_no_memory(self->builder->reterr);
        }
        self->symbols = symbols;
        self->capacity = capacity;
    }
    struct fr_symbol *added = fr_schema_alloc(self->builder->schema, 1, sizeof *added);
    if (added == NULL) {
        return fr_error_no_memory(self->builder->reterr);
    }
    *added = symbol;
    added->file = self->file;
    self->symbols[self->count++] = added;
    *ret_symbol = added;
    return FR_OK;
}

static enum fr_code add_enum(struct collector *self, const char *scope, const enum_proto *proto,
                             struct fr_location location)
{
    struct fr_symbol symbol = {.kind = FR_SYMBOL_ENUM, .location = location, .proto.enumeration = proto};
    struct fr_symbol *added;
    enum fr_code code = add_symbol(self, scope, proto->name, symbol, &added);
    if (code != FR_OK) {
        return code;
    }
    added->type.enumeration = fr_schema_alloc(self->builder->schema, 1, sizeof(struct fr_enum_type));
    return added->type.enumeration == NULL ? fr_error_no_memory(self->builder->reterr) : FR_OK;
}

/* Recursion is bounded: the set was unpacked, so its messages nest at most FR_MESSAGE_MAX_DEPTH. */
static enum fr_code add_message(struct collector *self, const char *scope, const message_proto *proto,
                                struct fr_location location)
{
    struct fr_symbol symbol = {.kind = FR_SYMBOL_MESSAGE, .location = location, .proto.message = proto};
    struct fr_symbol *added;
    enum fr_code code = add_symbol(self, scope, proto->name, symbol, &added);
    if (code != FR_OK) {
        return code;
    }
    added->type.message = fr_schema_alloc(self->builder->schema, 1, sizeof(struct fr_message_type));
    if (added->type.message == NULL) {
        return fr_error_no_memory(self->builder->reterr);
    }
    for (size_t i = 0; i < proto->n_nested_type && code == FR_OK; i++) {
        code = add_message(self, added->name, proto->nested_type[i],
                           (struct fr_location){&added->location, MESSAGE_NESTED, (int32_t)i});
    }
    for (size_t i = 0; i < proto->n_enum_type && code == FR_OK; i++) {
        code = add_enum(self, added->name, proto->enum_type[i],
                        (struct fr_location){&added->location, MESSAGE_ENUMS, (int32_t)i});
    }
    return code;
}

static enum fr_code add_file(struct collector *self)
{
    const Google__Protobuf__FileDescriptorProto *file = self->file;
    struct fr_error *reterr = self->builder->reterr;
    const char *package = file->package == NULL ? "" : file->package;
    if (!is_package(package) || strlen(package) > MAX_NAME_BYTES) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "'%s' is not a package name", package);
    }
    if (file->syntax != NULL && strcmp(file->syntax, "proto2") != 0 && !fr_schema_is_proto3(file)) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "%s: the syntax '%s' is not supported",
                            file->name == NULL ? "a file" : file->name, file->syntax);
    }
    enum fr_code code = FR_OK;
    for (size_t i = 0; i < file->n_message_type && code == FR_OK; i++) {
        code = add_message(self, package, file->message_type[i],
                           (struct fr_location){NULL, FILE_MESSAGES, (int32_t)i});
    }
    for (size_t i = 0; i < file->n_enum_type && code == FR_OK; i++) {
        code =
            add_enum(self, package, file->enum_type[i], (struct fr_location){NULL, FILE_ENUMS, (int32_t)i});
    }
    for (size_t i = 0; i < file->n_service && code == FR_OK; i++) {
        struct fr_symbol *added;
        struct fr_symbol symbol = {.kind = FR_SYMBOL_SERVICE,
                                   .location = {NULL, FILE_SERVICES, (int32_t)i},
                                   .proto.service = file->service[i]};
        code = add_symbol(self, package, file->service[i]->name, symbol, &added);
        self->builder->schema->service_count += code == FR_OK;
    }
    return code;
}

static int compare_symbols(const void *left, const void *right)
{
    return strcmp((*(struct fr_symbol *const *)left)->name, (*(struct fr_symbol *const *)right)->name);
}

static enum fr_code sort_symbols(struct collector *self)
{
    struct fr_schema *schema = self->builder->schema;
    if (self->count == 0) {
        return FR_OK;
    }
    schema->symbols = fr_schema_alloc(schema, self->count, sizeof *schema->symbols);
    if (schema->symbols == NULL) {
        return fr_error_no_memory(self->builder->reterr);
    }
    memcpy(schema->symbols, self->symbols, self->count * sizeof *self->symbols);
    schema->symbol_count = self->count;
    qsort(schema->symbols, self->count, sizeof *schema->symbols, compare_symbols);
    for (size_t i = 1; i < self->count; i++) {
        if (strcmp(schema->symbols[i - 1]->name, schema->symbols[i]->name) == 0) {
            return fr_error_set(self->builder->reterr, FR_INVALID_ARGUMENT, "%s is defined twice",
                                schema->symbols[i]->name);
        }
    }
    return FR_OK;
}

enum fr_code fr_schema_collect(struct fr_schema_builder *builder)
{
    struct collector collector = {.builder = builder};
    enum fr_code code = FR_OK;
    for (size_t i = 0; i < builder->set->n_file && code == FR_OK; i++) {
        collector.file = builder->set->file[i];
        code = add_file(&collector);
    }
    if (code == FR_OK) {
        code = sort_symbols(&collector);
    }
    free(collector.symbols);
    return code;
}

const struct fr_symbol *fr_schema_find(const struct fr_schema *self, const char *name)
{
    size_t low = 0;
    size_t high = self->symbol_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(self->symbols[middle]->name, name);
        if (order == 0) {
            return self->symbols[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

const struct fr_symbol *fr_schema_resolve(const struct fr_schema *self, const char *type_name,
                                          enum fr_symbol_kind kind)
{
    if (type_name == NULL || type_name[0] != '.') {
        return NULL;
    }
    const struct fr_symbol *symbol = fr_schema_find(self, type_name + 1);
    return symbol != NULL && symbol->kind == kind ? symbol : NULL;
}
