/* SPDX-License-Identifier: MIT */
/*
 * server.c - the server of one variant.
 *
 * Three methods answer with the same bytes: from the near cache, from Redis without a near cache before it, and from
 * the database without any cache. What is loaded is a row made into a message, encoded by the variant's codec; caches
 * hold and hand on those bytes. Nothing here knows which codec it is.
 */
#include "variants/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <users/v1/users.pb-c.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/worker_pool.h"
#include "cache/cache.h"
#include "cached/gather.h"
#include "rpc/cork.h"
#include "rpc/server.h"
#include "variants/child.h"

#define WORKERS     4 /* as the services have */
#define QUEUE_LIMIT 65536
#define ARENA_BYTES ((size_t)16 << 10)
#define NEAR_BYTES  ((size_t)256 << 20)
#define TTL_US      (3600 * FR_SECOND_US)
#define READY_US    (5 * FR_SECOND_US)
#define POLL_NS     1000000

const char *const level_names[LEVELS] = {"near", "redis", "database"};
const char *const level_methods[LEVELS] = {"variants.v1.Values/GetNear", "variants.v1.Values/GetRedis",
                                           "variants.v1.Values/GetDatabase"};

struct server;

struct worker {
    struct fr_store_connection *connection;
    struct fr_arena *arena;
    struct pack *pack;
};

struct served {
    struct server *server;
    struct fr_method method;
    struct fr_cache *cache; /* owned; NULL for the database */
    struct fr_cache_kind *kind;
};

struct server {
    const struct server_options *options;
    struct fr_store *store;
    struct fr_worker_pool *pool;
    struct worker workers[WORKERS];
    struct served levels[LEVELS];
    struct fr_server *rpc;
};

/* A value to be read from the database, for a call or for a cache. */
struct job {
    struct fr_work work;
    struct server *server;
    struct fr_call *call; /* one of the two */
    struct fr_load *load;
    char id[FR_KEY_MAX_BYTES + 1];
};

static void answer(struct fr_call *call, struct fr_load *load, const struct fr_read_result *result)
{
    if (load != NULL) {
        fr_load_end(load, result);
    } else if (result->code == FR_OK) {
        fr_call_reply(call, result->payload);
    } else {
        fr_call_fail(call, result->code, "%s", result->message);
    }
}

static void job_run(struct fr_work *work, unsigned index)
{
    struct job *self = (struct job *)work;
    struct worker *worker = &self->server->workers[index];
    struct ProtobufCMessage *message;
    struct fr_bytes payload = {0};
    struct fr_error error = {.message = ""};
    uint64_t version = 0;
    fr_arena_reset(worker->arena);
    enum fr_code code = self->server->options->dataset->select(worker->connection, self->id, worker->arena, &message,
                                                               &version, &error);
    if (code == FR_OK && !pack_encode(worker->pack, message, &payload)) {
        code = fr_error_no_memory(&error);
    }
    answer(self->call, self->load,
           &(struct fr_read_result){
               .code = code, .message = error.message, .version = version, .payload = payload, .source = FR_SOURCE_ORIGIN});
    free(self);
}

static void job_start(struct server *server, const char *id, size_t id_size, struct fr_call *call, struct fr_load *load)
{
    struct fr_error error;
    struct job *self = malloc(sizeof *self);
    if (self == NULL) {
        answer(call, load, &(struct fr_read_result){.code = fr_error_no_memory(&error), .message = error.message});
        return;
    }
    self->work = (struct fr_work){.run = job_run};
    self->server = server;
    self->call = call;
    self->load = load;
    id_size = id_size > FR_KEY_MAX_BYTES ? FR_KEY_MAX_BYTES : id_size;
    memcpy(self->id, id, id_size);
    self->id[id_size] = '\0';
    enum fr_code code = fr_worker_pool_submit(server->pool, &self->work, &error);
    if (code != FR_OK) {
        answer(call, load, &(struct fr_read_result){.code = code, .message = error.message});
        free(self);
    }
}

static void load(void *context, struct fr_load *first)
{
    for (struct fr_load *item = first, *next; item != NULL; item = next) {
        next = item->next; /* the load is gone once it has ended */
        job_start(context, (const char *)item->request.data, item->request.size, NULL, item);
    }
}

static void on_value(void *argument, const struct fr_read_result *result)
{
    answer(argument, NULL, result);
}

static void read_cached(const struct served *level, struct fr_call *call, struct fr_bytes id)
{
    struct fr_key key;
    struct fr_error error;
    struct fr_cache_hit hit;
    if (fr_key_make(&key, level->server->options->dataset->name, &id, 1, &error) != FR_OK) {
        fr_call_fail_error(call, &error);
        return;
    }
    const struct fr_cache_read read = {
        .kind = level->kind, .key = &key, .request = id, .done = on_value, .argument = call};
    if (fr_cache_near(level->cache) != NULL && fr_cache_get_near(level->cache, &read, &hit)) {
        on_value(call, &hit.result);
        fr_cache_hit_release(&hit);
    } else {
        fr_gather_read(level->cache, &read);
    }
}

static void handle(struct fr_call *call, void *context)
{
    const struct served *level = context;
    const struct server_options *options = level->server->options;
    struct ProtobufCMessage *message;
    struct fr_error error;
    if (pack_decode(options->codec, options->request_type, fr_call_request(call), fr_call_arena(call), &message,
                    &error) != FR_OK) {
        fr_call_fail_error(call, &error);
        return;
    }
    struct fr_bytes id = fr_bytes_of(pack_first_text(options->codec, options->request_type, message));
    if (level->cache != NULL) {
        read_cached(level, call, id);
    } else {
        job_start(level->server, (const char *)id.data, id.size, call, NULL);
    }
}

static enum fr_code workers_init(struct server *self, struct fr_error *reterr)
{
    const struct server_options *options = self->options;
    enum fr_code code = fr_store_open(options->database_url, &self->store, reterr);
    for (unsigned i = 0; i < WORKERS && code == FR_OK; i++) {
        struct worker *worker = &self->workers[i];
        code = fr_store_connect(self->store, &worker->connection, reterr);
        worker->arena = fr_arena_new(ARENA_BYTES);
        worker->pack = pack_new(options->codec, options->type);
        if (code == FR_OK && (worker->arena == NULL || worker->pack == NULL)) {
            code = fr_error_no_memory(reterr);
        }
    }
    return code == FR_OK ? fr_worker_pool_new(WORKERS, QUEUE_LIMIT, &self->pool, reterr) : code;
}

static enum fr_code cache_init(struct served *level, bool near, struct fr_error *reterr)
{
    const struct server_options *options = level->server->options;
    const struct fr_cache_options cache = {.url = options->redis_url,
                                           .name_space = options->name_space,
                                           .near_bytes = near ? NEAR_BYTES : 0,
                                           .subscribe = near,
                                           .turn_end = fr_cork_next_turn};
    const struct fr_cache_kind_options kind = {
        .name = options->dataset->name, .ttl_us = TTL_US, .load = load, .context = level->server};
    enum fr_code code = fr_cache_new(&cache, &level->cache, reterr);
    return code == FR_OK ? fr_cache_kind_new(level->cache, &kind, &level->kind, reterr) : code;
}

static enum fr_code wait_for_cache(const struct served *level, bool near, struct fr_error *reterr)
{
    const struct timespec pause = {.tv_nsec = POLL_NS};
    uint64_t end_us = fr_clock_now_us() + READY_US;
    struct fr_cache_statistics statistics;
    for (;;) {
        fr_cache_statistics(level->cache, &statistics);
        if (statistics.redis_connected && (!near || statistics.near_serves)) {
            return FR_OK;
        }
        if (fr_clock_now_us() > end_us) {
            return fr_error_set(reterr, FR_UNAVAILABLE, "the private redis-server does not answer");
        }
        nanosleep(&pause, NULL);
    }
}

static enum fr_code caches_init(struct server *self, struct fr_error *reterr)
{
    enum fr_code code = cache_init(&self->levels[LEVEL_NEAR], true, reterr);
    if (code == FR_OK) {
        code = cache_init(&self->levels[LEVEL_REDIS], false, reterr);
    }
    if (code == FR_OK) {
        code = wait_for_cache(&self->levels[LEVEL_NEAR], true, reterr);
    }
    return code == FR_OK ? wait_for_cache(&self->levels[LEVEL_REDIS], false, reterr) : code;
}

static enum fr_code rpc_init(struct server *self, struct fr_error *reterr)
{
    struct fr_server_method methods[LEVELS];
    for (unsigned i = 0; i < LEVELS; i++) {
        self->levels[i].method = (struct fr_method){.name = level_methods[i],
                                                    .request = &users__v1__get_user_request__descriptor,
                                                    .response = self->options->dataset->descriptor,
                                                    .idempotency = FR_NO_SIDE_EFFECTS};
        methods[i] = (struct fr_server_method){
            .method = &self->levels[i].method, .handler = handle, .context = &self->levels[i]};
    }
    enum fr_code code = fr_server_new(&self->rpc, reterr);
    if (code == FR_OK) {
        code = fr_server_register(self->rpc, "variants.v1.Values", methods, LEVELS, reterr);
    }
    if (code == FR_OK) {
        code = fr_server_listen(self->rpc, "tcp://127.0.0.1:0", reterr);
    }
    return code == FR_OK ? fr_server_serve(self->rpc, reterr) : code;
}

static void server_fini(struct server *self)
{
    for (unsigned i = 0; i < LEVELS; i++) {
        if (self->levels[i].cache != NULL) {
            fr_cache_stop(self->levels[i].cache);
        }
    }
    fr_worker_pool_free(self->pool);
    fr_server_free(self->rpc);
    for (unsigned i = 0; i < LEVELS; i++) {
        fr_cache_free(self->levels[i].cache);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        fr_store_connection_free(self->workers[i].connection);
        fr_arena_free(self->workers[i].arena);
        pack_free(self->workers[i].pack);
    }
    fr_store_free(self->store);
}

void server_run(int fd, const void *options)
{
    static struct server self;
    struct server_ready ready = {.code = FR_OK};
    struct fr_error error;
    char nothing;
    self.options = options;
    fr_log_setup("freshet-bench-variants", FR_LOG_ERROR, FR_LOG_LOGFMT);
    for (unsigned i = 0; i < LEVELS; i++) {
        self.levels[i].server = &self;
    }
    ready.code = workers_init(&self, &error);
    if (ready.code == FR_OK) {
        ready.code = caches_init(&self, &error);
    }
    if (ready.code == FR_OK) {
        ready.code = rpc_init(&self, &error);
    }
    if (ready.code == FR_OK) {
        snprintf(ready.address, sizeof ready.address, "%s", fr_server_address(self.rpc));
    } else {
        memcpy(ready.message, error.message, sizeof ready.message);
    }
    if (child_send(fd, &ready, sizeof ready)) {
        (void)child_receive(fd, &nothing, 1); /* ends when the other end is closed */
    }
    server_fini(&self);
}
