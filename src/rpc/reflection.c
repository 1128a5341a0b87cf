/* SPDX-License-Identifier: MIT */
/*
 * reflection.c - the service freshet.reflection.v1.Reflection.
 *
 * The answer is put together from the serialized sets of the registered methods as they are: a file that several of
 * them import is taken once, where it first stands, so every file still follows its imports.
 */
#include "rpc/reflection.h"

#include <stdlib.h>
#include <string.h>

#include "freshet/reflection/v1/reflection.freshet.h"
#include "message/wire.h"
#include "rpc/server_internal.h"

#define SET_FILES         1 /* FileDescriptorSet.file */
#define FILE_NAME         1 /* FileDescriptorProto.name */
#define RESPONSE_SERVICES 1
#define RESPONSE_FILES    2
#define WIRE_BYTES        2

/* Names of the files so far; borrowed from the sets. */
struct names {
    struct fr_bytes *items; /* owned */
    size_t count, capacity;
    bool failed; /* no memory */
};

/* Whether name is new; then it is not any more. */
static bool add_name(struct names *self, struct fr_bytes name)
{
    for (size_t i = 0; i < self->count; i++) {
        if (fr_bytes_equal(self->items[i], name)) {
            return false;
        }
    }
    if (self->count == self->capacity) {
        size_t capacity = self->capacity == 0 ? 16 : 2 * self->capacity;
        struct fr_bytes *items = realloc(self->items, capacity * sizeof items[0]);
        if (items == NULL) {
            self->failed = true;
            return false;
        }
        self->items = items;
        self->capacity = capacity;
    }
    self->items[self->count++] = name;
    return true;
}

static void put_field(struct fr_buffer *out, uint8_t number, struct fr_bytes value)
{
    uint8_t head[11] = {(uint8_t)(number << 3 | WIRE_BYTES)};
    size_t size = 1;
    for (size_t rest = value.size; size == 1 || rest > 0; rest >>= 7) {
        head[size++] = (uint8_t)((rest & 0x7F) | (rest > 0x7F ? 0x80 : 0));
    }
    fr_buffer_append(out, head, size);
    fr_buffer_append(out, value.data, value.size);
}

static struct fr_bytes name_of(struct fr_bytes file)
{
    struct fr_wire_field field;
    while (file.size > 0 && fr_wire_next(&file, &field) == NULL) {
        if (field.number == FILE_NAME) {
            return field.value;
        }
    }
    return (struct fr_bytes){0};
}

static void add_files(struct fr_bytes set, struct names *names, struct fr_buffer *out)
{
    struct fr_wire_field field;
    while (set.size > 0 && fr_wire_next(&set, &field) == NULL) {
        if (field.number == SET_FILES && add_name(names, name_of(field.value))) {
            put_field(out, SET_FILES, field.value);
        }
    }
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void put_services(const struct fr_server *server, const char **sorted, struct fr_buffer *out)
{
    memcpy(sorted, server->services, server->service_count * sizeof sorted[0]);
    qsort(sorted, server->service_count, sizeof sorted[0], by_text);
    for (size_t i = 0; i < server->service_count; i++) {
        put_field(out, RESPONSE_SERVICES, fr_bytes_of(sorted[i]));
    }
}

/* The tables of a server are fixed once it serves, so no lock. */
static void describe(struct fr_call *call, const Freshet__Reflection__V1__DescribeRequest *request, void *context)
{
    const struct fr_server *server = context;
    struct names names = {0};
    struct fr_buffer files = {0};
    struct fr_buffer response = {0};
    const char **sorted = calloc(server->service_count, sizeof sorted[0]);
    (void)request;
    for (size_t i = 0; i < server->method_slots; i++) {
        const struct fr_method *method = server->methods[i].declared.method;
        if (method != NULL && method->descriptors != NULL) {
            add_files(*method->descriptors, &names, &files);
        }
    }
    if (sorted != NULL) {
        put_services(server, sorted, &response);
        put_field(&response, RESPONSE_FILES, fr_buffer_bytes(&files));
    }
    if (sorted == NULL || names.failed || files.failed || response.failed) {
        fr_call_fail(call, FR_RESOURCE_EXHAUSTED, "out of memory");
    } else {
        fr_call_reply(call, fr_buffer_bytes(&response));
    }
    free(sorted);
    free(names.items);
    fr_buffer_fini(&files);
    fr_buffer_fini(&response);
}

enum fr_code fr_reflection_register(struct fr_server *server, struct fr_error *reterr)
{
    static const struct freshet_reflection_v1_reflection_service service = {.describe = describe};
    enum fr_code code = freshet_reflection_v1_reflection_register(server, &service, server);
    return code == FR_OK ? FR_OK : fr_error_no_memory(reterr);
}
