/* SPDX-License-Identifier: MIT */
/*
 * batch.c - BatchGetUsers over the cached method that reads one user, for api and for data.
 */
#include "users/batch.h"

#include <pthread.h>
#include <stdlib.h>

#include "cached/demand.h"
#include "cached/extras.h"
#include "cached/reply.h"
#include "message/message.h"

struct batch;

struct item {
    struct batch *batch;
    Users__V1__GetUserRequest request;
    struct fr_buffer encoded; /* the serialized request */
    struct fr_buffer user;    /* the serialized User, when found */
    bool found;
    enum fr_source source;
    uint64_t age_us;
};

struct batch {
    struct fr_call *call;
    pthread_mutex_t mu;
    size_t open;           /* guarded by mu; reads not yet ended, and the start */
    struct fr_error error; /* guarded by mu; the first failure */
    size_t count;
    struct item items[];
};

static const struct fr_read_result no_memory = {.code = FR_RESOURCE_EXHAUSTED, .message = "out of memory"};

static void put_element(struct fr_buffer *out, uint8_t tag, const void *data, size_t size)
{
    fr_buffer_append(out, &tag, 1);
    uint64_t rest = size;
    do {
        uint8_t byte = (uint8_t)(rest & 0x7F) | (rest > 0x7F ? 0x80 : 0);
        fr_buffer_append(out, &byte, 1);
        rest >>= 7;
    } while (rest > 0);
    fr_buffer_append(out, data, size);
}

/* What the least trustworthy of its parts is: they are in the order of enum fr_source. */
static void describe(struct batch *self)
{
    enum fr_source source = FR_SOURCE_NEAR;
    uint64_t age_us = 0;
    for (size_t i = 0; i < self->count; i++) {
        source = self->items[i].source > source ? self->items[i].source : source;
        age_us = self->items[i].age_us > age_us ? self->items[i].age_us : age_us;
    }
    if (self->count > 0) {
        fr_read_describe(self->call, source, age_us);
    }
}

/* The users are embedded as the serialized bytes that they came as: BatchGetUsersResponse, fields 1 and 2. */
static void answer(struct batch *self)
{
    struct fr_buffer payload = {0};
    for (size_t i = 0; i < self->count; i++) {
        const struct item *item = &self->items[i];
        if (item->found) {
            put_element(&payload, 1 << 3 | 2, item->user.data, item->user.size);
        } else {
            struct fr_bytes id = fr_bytes_of(item->request.id);
            put_element(&payload, 2 << 3 | 2, id.data, id.size);
        }
    }
    if (payload.failed && self->error.code == FR_OK) {
        fr_error_no_memory(&self->error);
    }
    if (self->error.code == FR_OK) {
        describe(self);
        fr_call_reply(self->call, fr_buffer_bytes(&payload));
    } else {
        fr_call_fail_error(self->call, &self->error);
    }
    fr_buffer_fini(&payload);
}

static void close_one(struct batch *self)
{
    pthread_mutex_lock(&self->mu);
    bool last = --self->open == 0;
    pthread_mutex_unlock(&self->mu);
    if (!last) {
        return;
    }
    answer(self);
    for (size_t i = 0; i < self->count; i++) {
        fr_buffer_fini(&self->items[i].encoded);
        fr_buffer_fini(&self->items[i].user);
    }
    pthread_mutex_destroy(&self->mu);
    free(self);
}

/* The first failure is the answer, with what came beside it. */
static void fail(struct batch *self, const struct fr_read_result *failure)
{
    pthread_mutex_lock(&self->mu);
    if (self->error.code == FR_OK) {
        fr_error_set(&self->error, failure->code, "%s", failure->message);
        fr_call_set_retry_after(self->call, failure->retry_after_us);
        fr_extras_tell(self->call, failure->extras);
    }
    pthread_mutex_unlock(&self->mu);
}

static void on_read(void *argument, const struct fr_read_result *result)
{
    struct item *item = argument;
    item->source = result->source;
    item->age_us = result->age_us;
    if (result->code == FR_OK) {
        item->found = true;
        fr_buffer_append(&item->user, result->payload.data, result->payload.size);
        if (item->user.failed) {
            fail(item->batch, &no_memory);
        }
    } else if (result->code != FR_NOT_FOUND) {
        fail(item->batch, result);
    }
    close_one(item->batch);
}

static bool is_gone(void *argument)
{
    const struct item *item = argument;
    return fr_call_is_over(item->batch->call);
}

static void start(struct batch *self, const Users__V1__BatchGetUsersRequest *request, const struct fr_demand *demand,
                  struct fr_cached *cached, const struct fr_method *get_user)
{
    struct fr_cache_read read = {
        .demand = *demand,
        .deadline_us = fr_call_deadline_us(self->call),
        .done = on_read,
        .is_gone = is_gone,
    };
    for (size_t i = 0; i < self->count; i++) {
        struct item *item = &self->items[i];
        item->batch = self;
        users__v1__get_user_request__init(&item->request);
        item->request.id = request->ids[i];
        fr_message_pack(&item->request.base, &item->encoded);
        if (item->encoded.failed) {
            fail(self, &no_memory);
            continue;
        }
        pthread_mutex_lock(&self->mu);
        self->open++;
        pthread_mutex_unlock(&self->mu);
        read.request = fr_buffer_bytes(&item->encoded);
        read.argument = item;
        fr_cached_read(cached, get_user, &item->request.base, &read);
    }
    close_one(self);
}

void fr_users_batch_handle(struct fr_call *call, const Users__V1__BatchGetUsersRequest *request,
                           struct fr_cached *cached, const struct fr_method *get_user)
{
    if (request->n_ids > FR_USERS_MAX_BATCH) {
        fr_call_fail(call, FR_INVALID_ARGUMENT, "ids: at most %d are allowed, got %zu", FR_USERS_MAX_BATCH,
                     request->n_ids);
        return;
    }
    struct fr_demand demand;
    struct fr_error error;
    if (fr_demand_read(fr_call_metadata(call), &demand, &error) != FR_OK) {
        fr_call_fail_error(call, &error);
        return;
    }
    struct batch *batch = calloc(1, sizeof *batch + request->n_ids * sizeof batch->items[0]);
    if (batch == NULL) {
        fr_call_fail(call, FR_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    batch->call = call;
    batch->open = 1;
    batch->count = request->n_ids;
    pthread_mutex_init(&batch->mu, NULL);
    start(batch, request, &demand, cached, get_user);
}
