/* SPDX-License-Identifier: MIT */
/*
 * serve.c - methods whose policy is declared in their .proto, served through the caches.
 */
#include "cached/serve.h"

#include <stdlib.h>

#include "cached/consumer.h"
#include "cached/gather.h"
#include "cached/origin.h"

/* One method; fixed once the server serves. */
struct served {
    struct served *next;
    const struct fr_method *method;
    bool is_origin;
    struct fr_consumer consumer;
    struct fr_origin origin;
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

static enum fr_code serve(struct fr_cached *self, const struct fr_method *method,
                          const struct fr_cached_source *source, struct served **ret_served, struct fr_error *reterr)
{
    struct served *served = calloc(1, sizeof *served);
    if (served == NULL) {
        return fr_error_no_memory(reterr);
    }
    served->next = self->served;
    self->served = served;
    served->method = method;
    served->is_origin = source->load != NULL;
    *ret_served = served;
    if (served->is_origin) {
        served->origin = (struct fr_origin){
            .cache = self->options.cache,
            .policy = fr_policy_of(method),
            .method = method,
            .pool = self->options.pool,
            .connections = self->options.connections,
            .source = *source,
        };
        return fr_origin_open(&served->origin, reterr);
    }
    served->consumer = (struct fr_consumer){
        .cache = self->options.cache,
        .policy = fr_policy_of(method),
        .origin = source->origin,
        .origin_method = method->cached_from->name,
    };
    return fr_consumer_open(&served->consumer, reterr);
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
        struct served *served = NULL;
        enum fr_code code = serve(self, methods[i].method, &sources[i], &served, reterr);
        if (code != FR_OK) {
            return code;
        }
        if (methods[i].handler == NULL) {
            methods[i].handler = served->is_origin ? fr_origin_handle : fr_consumer_handle;
            methods[i].context = served->is_origin ? (void *)&served->origin : (void *)&served->consumer;
        }
    }
    return fr_server_register(server, name, methods, count, reterr);
}

void fr_cached_read(struct fr_cached *self, const struct fr_method *method, const struct ProtobufCMessage *request,
                    const struct fr_cache_read *read)
{
    struct served *served = self->served;
    while (served != NULL && served->method != method) {
        served = served->next;
    }
    FR_ASSERT(served != NULL);
    struct fr_key key;
    struct fr_error error;
    struct fr_cache_hit hit;
    struct fr_cache_read whole = *read;
    whole.kind = served->is_origin ? served->origin.kind : served->consumer.kind;
    whole.key = &key;
    if (fr_policy_key(fr_policy_of(method), request, &key, &error) != FR_OK) {
        const struct fr_read_result result = {.code = error.code, .message = error.message};
        read->done(read->argument, &result);
    } else if (fr_cache_get_near(self->options.cache, &whole, &hit)) {
        read->done(read->argument, &hit.result);
        fr_cache_hit_release(&hit);
    } else {
        if (!served->is_origin) {
            whole.deadline_us = fr_consumer_deadline_us(read->deadline_us);
        }
        fr_gather_read(self->options.cache, &whole);
    }
}
