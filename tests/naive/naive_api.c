/* SPDX-License-Identifier: MIT */
/*
 * naive_api.c - users.v1.Users: a map in the process, then Redis, then data; writes are passed on.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cached/forward.h"
#include "naive/naive.h"
#include "users/v1/users.freshet.h"

#define BUCKETS 4096

struct entry {
    struct entry *next;
    struct fr_buffer value; /* a serialized User */
    char key[];
};

struct get {
    struct fr_work work;
    struct naive *naive;
    struct fr_call *call;
    char key[FR_KEY_MAX_BYTES + 1];
};

static struct fr_channel *data, *update;
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static struct entry *buckets[BUCKETS]; /* guarded by mu */

/* ---- the map ---- */

static struct entry **find_locked(const char *key)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (const char *at = key; *at != '\0'; at++) {
        hash = (hash ^ (uint8_t)*at) * UINT64_C(1099511628211);
    }
    struct entry **place = &buckets[hash % BUCKETS];
    while (*place != NULL && strcmp((*place)->key, key) != 0) {
        place = &(*place)->next;
    }
    return place;
}

static bool map_get(const char *key, struct fr_buffer *ret_value)
{
    pthread_mutex_lock(&mu);
    const struct entry *entry = *find_locked(key);
    if (entry != NULL) {
        fr_buffer_append(ret_value, entry->value.data, entry->value.size);
    }
    pthread_mutex_unlock(&mu);
    return entry != NULL;
}

static void map_put(const char *key, struct fr_bytes value)
{
    pthread_mutex_lock(&mu);
    struct entry **place = find_locked(key);
    if (*place == NULL) {
        *place = calloc(1, sizeof **place + strlen(key) + 1);
        FR_ASSERT(*place != NULL);
        strcpy((*place)->key, key);
    }
    fr_buffer_clear(&(*place)->value);
    fr_buffer_append(&(*place)->value, value.data, value.size);
    pthread_mutex_unlock(&mu);
}

static void map_drop(const char *key)
{
    pthread_mutex_lock(&mu);
    struct entry **place = find_locked(key), *entry = *place;
    if (entry != NULL) {
        *place = entry->next;
        fr_buffer_fini(&entry->value);
        free(entry);
    }
    pthread_mutex_unlock(&mu);
}

static void *listen(void *argument)
{
    naive_redis_listen(argument, map_drop);
    return NULL;
}

/* ---- reads ---- */

static void reply(struct fr_call *call, struct fr_bytes value, const char *source)
{
    char version[24];
    struct ProtobufCMessage *user;
    struct fr_error error;
    if (fr_message_unpack(&users__v1__user__descriptor, value, fr_call_arena(call), &user, &error) != FR_OK) {
        fr_call_fail_error(call, &error);
        return;
    }
    snprintf(version, sizeof version, "%" PRIu64, ((const Users__V1__User *)user)->version);
    fr_call_set_metadata(call, "x-cache", fr_bytes_of(source));
    fr_call_set_metadata(call, "x-cache-version", fr_bytes_of(version));
    fr_call_reply(call, value);
}

static void ask_data(struct get *self)
{
    struct fr_result result;
    const struct fr_call_options options = {.timeout_us = fr_forward_timeout_us(fr_call_deadline_us(self->call))};
    enum fr_code code = fr_channel_call(data, users_v1_user_data_get_user_method.name, fr_call_request(self->call),
                                        &options, fr_call_arena(self->call), &result);
    if (code == FR_OK) {
        map_put(self->key, result.payload);
        reply(self->call, result.payload, "origin");
    } else {
        fr_call_set_metadata(self->call, "x-cache", fr_bytes_of("origin"));
        fr_call_fail(self->call, code, "%s", result.message);
    }
}

static void run(struct fr_work *work, unsigned worker)
{
    struct get *self = (struct get *)work;
    struct fr_buffer value = {0};
    if (naive_redis_get(self->naive, worker, self->key, &value)) {
        map_put(self->key, fr_buffer_bytes(&value));
        reply(self->call, fr_buffer_bytes(&value), "redis");
    } else {
        ask_data(self);
    }
    fr_buffer_fini(&value);
    free(self);
}

static void get_user(struct fr_call *call, const Users__V1__GetUserRequest *request, void *context)
{
    struct naive *naive = context;
    struct fr_buffer value = {0};
    struct fr_error error;
    struct get *get = calloc(1, sizeof *get);
    FR_ASSERT(get != NULL);
    get->work.run = run;
    get->naive = naive;
    get->call = call;
    snprintf(get->key, sizeof get->key, "user:%s", request->id);
    if (map_get(get->key, &value)) {
        reply(call, fr_buffer_bytes(&value), "near");
        free(get);
    } else if (fr_worker_pool_submit(naive->service.pool, &get->work, &error) != FR_OK) {
        fr_call_fail_error(call, &error);
        free(get);
    }
    fr_buffer_fini(&value);
}

/* ---- writes ---- */

static void create_user(struct fr_call *call, const Users__V1__CreateUserRequest *request, void *context)
{
    (void)request, (void)context;
    fr_forward_handle(call, &(struct fr_forward){update, users_v1_user_updates_create_user_method.name, NULL});
}

static void update_preference(struct fr_call *call, const Users__V1__UpdatePreferenceRequest *request, void *context)
{
    (void)request, (void)context;
    fr_forward_handle(call, &(struct fr_forward){update, users_v1_user_updates_update_preference_method.name, NULL});
}

static void delete_user(struct fr_call *call, const Users__V1__DeleteUserRequest *request, void *context)
{
    (void)request, (void)context;
    fr_forward_handle(call, &(struct fr_forward){update, users_v1_user_updates_delete_user_method.name, NULL});
}

enum fr_code naive_api_start(struct naive *self, struct fr_error *reterr)
{
    static const struct users_v1_users_service handlers = {
        .get_user = get_user,
        .create_user = create_user,
        .update_preference = update_preference,
        .delete_user = delete_user,
    };
    pthread_t thread;
    enum fr_code code = fr_channel_new(self->data_address, &(struct fr_channel_options){.name = "data"}, &data, reterr);
    if (code == FR_OK) {
        code = fr_channel_new(self->update_address, &(struct fr_channel_options){.name = "update"}, &update, reterr);
    }
    if (code == FR_OK && pthread_create(&thread, NULL, listen, self) != 0) {
        return fr_error_no_memory(reterr);
    }
    if (code == FR_OK) {
        code = users_v1_users_register(self->service.server, &handlers, self);
    }
    return code;
}
