/* SPDX-License-Identifier: MIT */
/*
 * origin.c - RPC methods whose answers are loaded from the database and filled into the cache.
 *
 * What the cache wants loaded together is one item of work: one query, where the source can read many rows at once.
 */
#include "cached/origin.h"

#include <stdlib.h>

#include "base/log.h"
#include "cached/failure.h"
#include "cached/gather.h"
#include "cached/reply.h"
#include "cached/row.h"
#include "message/message.h"

#define ROW_ARENA_BYTES  1024
#define MANY_ARENA_BYTES 16384

struct work {
    struct fr_work work;
    struct fr_origin *origin;
    struct fr_load *first; /* what to load, linked by next */
};

static void fail(struct fr_load *load, const struct fr_error *error, uint64_t retry_after_us)
{
    const struct fr_read_result result = {
        .code = error->code, .message = error->message, .retry_after_us = retry_after_us};
    fr_load_end(load, &result);
}

static void end(const struct fr_store_connection *connection, struct fr_load *load,
                const struct ProtobufCMessage *response, uint64_t version)
{
    struct fr_buffer payload = {0};
    struct fr_error error;
    if (fr_row_pack(response, &payload, &error) == FR_OK) {
        const struct fr_read_result result = {.code = FR_OK,
                                              .message = "",
                                              .payload = fr_buffer_bytes(&payload),
                                              .version = version,
                                              .source = FR_SOURCE_ORIGIN};
        fr_load_end(load, &result);
    } else {
        fr_failure_log(FR_FAILED_READ, connection, &error);
        fail(load, &error, 0);
    }
    fr_buffer_fini(&payload);
}

static void fail_all(struct fr_load *first, const struct fr_error *error, uint64_t retry_after_us)
{
    while (first != NULL) {
        struct fr_load *next = first->next;
        fail(first, error, retry_after_us);
        first = next;
    }
}

/* ---- one row ---- */

static void load_one(const struct fr_origin *self, struct fr_store_connection *connection, struct fr_load *load)
{
    struct fr_error error = {0};
    struct ProtobufCMessage *request, *response;
    uint64_t version = 0;
    struct fr_arena *arena = fr_arena_new(ROW_ARENA_BYTES);
    enum fr_code code = arena == NULL
                            ? fr_error_no_memory(&error)
                            : fr_message_unpack(self->method->request, load->request, arena, &request, &error);
    if (code == FR_OK) {
        code = self->source.adapt(self->source.load, connection, request, arena, &response, &version, &error);
    }
    fr_log_request("db read", fr_log_text("key", load->key->text), fr_log_number("version", version),
                   fr_log_text("result", fr_code_name(code)));
    if (code == FR_OK) {
        end(connection, load, response, version);
    } else {
        fr_failure_log(FR_FAILED_READ, connection, &error);
        fail(load, &error, 0);
    }
    fr_arena_free(arena);
}

/* ---- many rows ---- */

struct rows {
    const struct ProtobufCMessage **requests;
    struct ProtobufCMessage **responses;
    uint64_t *versions;
};

static enum fr_code unpack_all(const struct fr_origin *self, const struct fr_load *first, size_t count,
                               struct fr_arena *arena, struct rows *ret_rows, struct fr_error *reterr)
{
    struct rows rows = {
        .requests = fr_arena_alloc(arena, count * sizeof rows.requests[0]),
        .responses = fr_arena_alloc(arena, count * sizeof rows.responses[0]),
        .versions = fr_arena_alloc(arena, count * sizeof rows.versions[0]),
    };
    if (rows.requests == NULL || rows.responses == NULL || rows.versions == NULL) {
        return fr_error_no_memory(reterr);
    }
    enum fr_code code = FR_OK;
    for (size_t i = 0; i < count && code == FR_OK; i++, first = first->next) {
        struct ProtobufCMessage *request;
        code = fr_message_unpack(self->method->request, first->request, arena, &request, reterr);
        rows.requests[i] = request;
        rows.responses[i] = NULL;
        rows.versions[i] = 0;
    }
    *ret_rows = rows;
    return code;
}

static void load_many(const struct fr_origin *self, struct fr_store_connection *connection, struct fr_load *first,
                      size_t count)
{
    struct fr_error error = {0}, none = {.code = FR_NOT_FOUND};
    struct rows rows = {0};
    struct fr_arena *arena = fr_arena_new(MANY_ARENA_BYTES);
    enum fr_code code = arena == NULL ? fr_error_no_memory(&error)
                                      : unpack_all(self, first, count, arena, &rows, &error);
    if (code == FR_OK) {
        code = self->source.adapt_many(self->source.load_many, connection, rows.requests, count, arena, rows.responses,
                                       rows.versions, &error);
    }
    fr_log_request("db read", fr_log_text("key", first->key->text), fr_log_number("keys", count),
                   fr_log_text("result", fr_code_name(code)));
    if (code != FR_OK) {
        fr_failure_log(FR_FAILED_READ, connection, &error);
        fail_all(first, &error, 0);
        count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        struct fr_load *next = first->next;
        if (rows.responses[i] != NULL) {
            end(connection, first, rows.responses[i], rows.versions[i]);
        } else {
            fail(first, &none, 0);
        }
        first = next;
    }
    fr_arena_free(arena);
}

/* ---- on a worker ---- */

static void run(struct fr_work *work, unsigned worker)
{
    struct work *self = (struct work *)work;
    struct fr_store_connection *connection = self->origin->connections[worker];
    size_t count = 0;
    for (const struct fr_load *load = self->first; load != NULL; load = load->next) {
        count++;
    }
    if (count > 1 && self->origin->source.load_many != NULL) {
        load_many(self->origin, connection, self->first, count);
    } else {
        for (struct fr_load *load = self->first, *next; load != NULL; load = next) {
            next = load->next;
            load_one(self->origin, connection, load);
        }
    }
    free(self);
}

static void load(void *context, struct fr_load *first)
{
    struct fr_origin *self = context;
    struct fr_error error;
    struct work *work = calloc(1, sizeof *work);
    enum fr_code code = FR_OK;
    if (work == NULL) {
        code = fr_error_no_memory(&error);
    } else {
        work->work.run = run;
        work->origin = self;
        work->first = first;
        code = fr_worker_pool_submit(self->pool, &work->work, &error);
    }
    if (code != FR_OK) {
        free(work);
        fail_all(first, &error, FR_OVERLOAD_PAUSE_US);
    }
}

enum fr_code fr_origin_open(struct fr_origin *self, struct fr_error *reterr)
{
    struct fr_cache_kind_options kind = fr_policy_kind(self->policy);
    kind.role = FR_READ_ORIGIN;
    kind.load = load;
    kind.context = self;
    return fr_cache_kind_new(self->cache, &kind, &self->kind, reterr);
}

/* ---- what clients call ---- */

void fr_origin_handle(struct fr_call *call, void *context)
{
    struct fr_origin *self = context;
    struct fr_key key;
    struct fr_cache_read read;
    if (!fr_read_of_call(call, self->policy, self->kind, &key, &read)) {
        return;
    }
    read.deadline_us = fr_call_deadline_us(call);
    fr_gather_read(self->cache, &read);
}
