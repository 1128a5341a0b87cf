/* SPDX-License-Identifier: MIT */
/*
 * serve.c - methods whose policy is declared in their .proto, served through the caches.
 */
#include "cached/serve.h"

#include <stdlib.h>

#include "cached/consumer.h"
#include "cached/origin.h"
#include "message/message.h"

#define ROW_ARENA_BYTES 1024

/* One method; fixed once the server serves. */
struct served {
    struct served *next;
    const struct fr_method *method;
    bool is_origin;
    struct fr_consumer consumer;
    struct fr_origin origin;
    struct fr_cached_source source;
};

struct fr_cached {
    struct fr_cached_options options;
    struct served *served; /* owned */
};

enum fr_code fr_cached_new(const struct fr_cached_options *options, struct fr_cached **ret_cached,
                           struct fr_error *reterr)
{
    struct fr_cached *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return fr_error_no_memory(reterr);
    }
    self->options = *options;
    *ret_cached = self;
    return FR_OK;
}

void fr_cached_free(struct fr_cached *self)
{
    while (self != NULL && self->served != NULL) {
        struct served *served = self->served;
        self->served = served->next;
        free(served);
    }
    free(self);
}

static enum fr_code load(const struct fr_origin *origin, struct fr_store_connection *connection,
                         const struct ProtobufCMessage *request, struct fr_buffer *payload, uint64_t *ret_version,
                         struct fr_error *reterr)
{
    const struct served *self = (const struct served *)((const char *)origin - offsetof(struct served, origin));
    struct fr_arena *arena = fr_arena_new(ROW_ARENA_BYTES);
    struct ProtobufCMessage *response;
    if (arena == NULL) {
        return fr_error_no_memory(reterr);
    }
    enum fr_code code =
        self->source.adapt(self->source.load, connection, request, arena, &response, ret_version, reterr);
    if (code == FR_OK) {
        fr_message_pack(response, payload);
    }
    fr_arena_free(arena);
    return code;
}

static struct served *serve(struct fr_cached *self, const struct fr_method *method,
                            const struct fr_cached_source *source)
{
    struct served *served = calloc(1, sizeof *served);
    if (served == NULL) {
        return NULL;
    }
    served->next = self->served;
    served->method = method;
    served->source = *source;
    served->is_origin = source->load != NULL;
    if (served->is_origin) {
        served->origin = (struct fr_origin){
            .loop = self->options.loop,
            .shared = self->options.shared,
            .policy = fr_policy_of(method),
            .pool = self->options.pool,
            .connections = self->options.connections,
            .load = load,
        };
    } else {
        served->consumer = (struct fr_consumer){
            .loop = self->options.loop,
            .shared = self->options.shared,
            .policy = fr_policy_of(method),
            .origin = source->origin,
            .origin_method = method->cached_from->name,
        };
    }
    self->served = served;
    return served;
}

enum fr_code fr_cached_register(struct fr_cached *self, struct fr_server *server, const char *name,
                                struct fr_server_method *methods, const struct fr_cached_source *sources, size_t count,
                                struct fr_error *reterr)
{
    for (size_t i = 0; i < count; i++) {
        if (sources[i].origin == NULL && sources[i].load == NULL) {
            continue;
        }
        if (sources[i].load != NULL && self->options.pool == NULL) {
            return fr_error_set(reterr, FR_FAILED_PRECONDITION, "%.200s cannot be loaded without a database",
                                methods[i].method->name);
        }
        struct served *served = serve(self, methods[i].method, &sources[i]);
        if (served == NULL) {
            return fr_error_no_memory(reterr);
        }
        if (methods[i].handler == NULL) {
            methods[i].handler = served->is_origin ? fr_origin_handle : fr_consumer_handle;
            methods[i].context = served->is_origin ? (void *)&served->origin : (void *)&served->consumer;
        }
    }
    return fr_server_register(server, name, methods, count, reterr);
}

void fr_cached_read(struct fr_cached *self, const struct fr_method *method, const struct ProtobufCMessage *request,
                    struct fr_bytes encoded, uint64_t deadline_us,
                    void (*done)(void *argument, const struct fr_read_result *result), void *argument)
{
    struct served *served = self->served;
    while (served != NULL && served->method != method) {
        served = served->next;
    }
    FR_ASSERT(served != NULL);
    struct fr_key key;
    struct fr_error error;
    if (fr_policy_key(fr_policy_of(method), request, &key, &error) != FR_OK) {
        struct fr_read_result result = {.code = error.code, .message = error.message};
        done(argument, &result);
    } else if (served->is_origin) {
        fr_origin_read(&served->origin, &key, request, deadline_us, done, argument);
    } else {
        fr_consumer_read(&served->consumer, &key, encoded, deadline_us, done, argument);
    }
}
