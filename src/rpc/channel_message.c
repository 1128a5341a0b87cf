/* SPDX-License-Identifier: MIT */
/*
 * channel_message.c - blocking and typed calls on top of fr_channel_start.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "rpc/channel_internal.h"
#include "rpc/stub.h"

/* One blocking caller; lives on its stack. */
struct waiter {
    pthread_mutex_t mu;
    pthread_cond_t wake;
    bool done; /* guarded by mu */
    struct fr_answer *answer; /* NULL: not wanted */
    void (*take)(struct waiter *self, const struct fr_result *result);
};

static void on_done(void *argument, const struct fr_result *result)
{
    struct waiter *self = argument;
    self->take(self, result);
    pthread_mutex_lock(&self->mu);
    self->done = true;
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->mu);
}

static struct fr_answer *answer_of(const struct fr_call_options *options)
{
    return options == NULL ? NULL : options->answer;
}

/* The call could not even be made. */
static void answer_unsent(const struct fr_call_options *options)
{
    if (answer_of(options) != NULL) {
        *options->answer = (struct fr_answer){.not_sent = true};
    }
}

static void waiter_init(struct waiter *waiter)
{
    pthread_mutex_init(&waiter->mu, NULL);
    pthread_cond_init(&waiter->wake, NULL);
}

static void waiter_wait(struct waiter *waiter)
{
    pthread_mutex_lock(&waiter->mu);
    while (!waiter->done) {
        pthread_cond_wait(&waiter->wake, &waiter->mu);
    }
    pthread_mutex_unlock(&waiter->mu);
    pthread_cond_destroy(&waiter->wake);
    pthread_mutex_destroy(&waiter->mu);
}

struct copying_waiter {
    struct waiter waiter;
    struct fr_arena *arena;
    struct fr_result *result;
};

static bool copy_bytes(struct fr_arena *arena, struct fr_bytes *bytes)
{
    char *copy = fr_arena_copy_text(arena, (const char *)bytes->data, bytes->size);
    bytes->data = (const uint8_t *)copy;
    return copy != NULL;
}

static bool copy_result(struct fr_arena *arena, const struct fr_result *from, struct fr_result *to)
{
    size_t count = from->metadata.count;
    struct fr_metadata_entry *entries = fr_arena_alloc(arena, (count + 1) * sizeof *entries);
    *to = *from;
    to->message = fr_arena_copy_text(arena, from->message, strlen(from->message));
    to->metadata.entries = entries;
    size_t details_count = from->details.count;
    struct fr_detail *details = fr_arena_alloc(arena, (details_count + 1) * sizeof *details);
    to->details.entries = details;
    bool copied = entries != NULL && details != NULL && to->message != NULL && copy_bytes(arena, &to->payload);
    for (size_t i = 0; i < details_count && copied; i++) {
        details[i] = from->details.entries[i];
        copied = copy_bytes(arena, &details[i].type_url) && copy_bytes(arena, &details[i].value);
    }
    for (size_t i = 0; i < count && copied; i++) {
        entries[i] = from->metadata.entries[i];
        copied = copy_bytes(arena, &entries[i].key) && copy_bytes(arena, &entries[i].value);
    }
    return copied;
}

static void take_copy(struct waiter *waiter, const struct fr_result *result)
{
    struct copying_waiter *self = FR_CONTAINER(waiter, struct copying_waiter, waiter);
    bool whole = fr_answer_copy(waiter->answer, result) || result->code != FR_OK;
    if (!copy_result(self->arena, result, self->result) || !whole) {
        *self->result = (struct fr_result){.code = FR_RESOURCE_EXHAUSTED, .message = "out of memory"};
    }
}

enum fr_code fr_channel_call(struct fr_channel *self, const char *method, struct fr_bytes request,
                             const struct fr_call_options *options, struct fr_arena *arena,
                             struct fr_result *ret_result)
{
    struct copying_waiter waiter = {
        .waiter = {.take = take_copy, .answer = answer_of(options)},
        .arena = arena,
        .result = ret_result,
    };
    struct fr_pending *call;
    struct fr_error error;
    enum fr_code code = fr_pending_new_from(method, request, options, &call, &error);
    if (code != FR_OK) {
        const char *message = fr_arena_copy_text(arena, error.message, strlen(error.message));
        *ret_result = (struct fr_result){
            .code = code,
            .message = message != NULL ? message : "out of memory",
            .not_sent = true,
        };
        answer_unsent(options);
        return code;
    }
    waiter_init(&waiter.waiter);
    fr_pending_start_blocking(self, call, on_done, &waiter.waiter);
    waiter_wait(&waiter.waiter);
    return ret_result->code;
}

struct typed_waiter {
    struct waiter waiter;
    const struct fr_method *method;
    struct ProtobufCMessage *response; /* from malloc */
    struct fr_error error;
};

static void take_message(struct waiter *waiter, const struct fr_result *result)
{
    struct typed_waiter *self = FR_CONTAINER(waiter, struct typed_waiter, waiter);
    struct fr_error reason;
    bool whole = fr_answer_copy(waiter->answer, result);
    if (result->code != FR_OK) {
        fr_error_set(&self->error, result->code, "%s", result->message);
        return;
    }
    self->error.code = whole ? fr_message_unpack(self->method->response, result->payload, NULL, &self->response, &reason)
                             : fr_error_no_memory(&reason);
    if (self->error.code == FR_INVALID_ARGUMENT) {
        fr_error_set(&self->error, FR_INTERNAL, "the answer of %s is malformed: %s", self->method->name,
                     reason.message);
    } else if (self->error.code != FR_OK) {
        self->error = reason;
    }
}

/* A call with its message packed in place. */
static enum fr_code pack_call(const struct fr_method *method, const struct ProtobufCMessage *request,
                              const struct fr_call_options *options, struct fr_pending **ret_call,
                              struct fr_error *reterr)
{
    struct fr_call_options with_method = options == NULL ? (struct fr_call_options){0} : *options;
    uint8_t *payload;
    with_method.idempotent |= method->idempotency != FR_IDEMPOTENCY_UNKNOWN;
    enum fr_code code = fr_pending_new(method->name, fr_message_size(request), &with_method,
                                       ret_call, &payload, reterr);
    if (code == FR_OK) {
        fr_message_write(request, payload);
    }
    return code;
}

enum fr_code fr_channel_call_message(struct fr_channel *self, const struct fr_method *method,
                                     const struct ProtobufCMessage *request, const struct fr_call_options *options,
                                     struct ProtobufCMessage **ret_response, struct fr_error *reterr)
{
    struct typed_waiter waiter = {
        .waiter = {.take = take_message, .answer = answer_of(options)},
        .method = method,
    };
    struct fr_pending *call;
    enum fr_code code = pack_call(method, request, options, &call, reterr);
    if (code != FR_OK) {
        answer_unsent(options);
        return code;
    }
    waiter_init(&waiter.waiter);
    fr_pending_start_blocking(self, call, on_done, &waiter.waiter);
    waiter_wait(&waiter.waiter);
    if (waiter.error.code == FR_OK) {
        *ret_response = waiter.response;
    } else if (reterr != NULL) {
        *reterr = waiter.error;
    }
    return waiter.error.code;
}

/* One asynchronous typed call. */
struct typed_call {
    const struct fr_method *method;
    fr_stub_deliver *deliver;
    fr_any_function *done;
    void *argument;
};

#define RESPONSE_ARENA_BYTES 896

static void on_typed_done(void *argument, const struct fr_result *result)
{
    struct typed_call *self = argument;
    struct fr_arena *arena = NULL;
    struct ProtobufCMessage *response = NULL;
    struct fr_result failure = *result;
    struct fr_error error;
    if (result->code == FR_OK) {
        arena = fr_arena_new(RESPONSE_ARENA_BYTES);
        failure.code = arena == NULL ? fr_error_no_memory(&error)
                                     : fr_message_unpack(self->method->response, result->payload, arena, &response,
                                                         &error);
        if (failure.code != FR_OK) {
            failure.code = failure.code == FR_INVALID_ARGUMENT ? FR_INTERNAL : failure.code;
            failure.message = error.message;
            response = NULL;
        }
    }
    self->deliver(self->done, self->argument, &failure, response);
    fr_arena_free(arena);
    free(self);
}

void fr_stub_start(struct fr_channel *self, const struct fr_method *method, const struct ProtobufCMessage *request,
                   const struct fr_call_options *options, fr_stub_deliver *deliver, fr_any_function *done,
                   void *argument, struct fr_pending **ret_pending)
{
    struct typed_call *typed = malloc(sizeof *typed);
    struct fr_pending *call;
    struct fr_error error;
    enum fr_code code = typed == NULL ? fr_error_no_memory(&error) : pack_call(method, request, options, &call, &error);
    if (code != FR_OK) {
        struct fr_result result = {.code = code, .message = error.message, .not_sent = true};
        free(typed);
        if (ret_pending != NULL) {
            *ret_pending = NULL;
        }
        deliver(done, argument, &result, NULL);
        return;
    }
    *typed = (struct typed_call){method, deliver, done, argument};
    fr_pending_start(self, call, on_typed_done, typed, ret_pending);
}
