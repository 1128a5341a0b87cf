/* SPDX-License-Identifier: MIT */
/*
 * library_fixture.c - caches as programs use them.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "library_fixture.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define AS_THE_ROW_IS UINT64_MAX

static void on_connection(void *argument, bool connected)
{
    struct library *self = argument;
    fr_wait_lock(self->wait);
    self->ups += connected;
    fr_wait_unlock_changed(self->wait);
}

static void on_invalidation(void *argument, struct fr_bytes key, uint64_t version, uint64_t number)
{
    struct library *self = argument;
    (void)key, (void)version, (void)number;
    fr_wait_lock(self->wait);
    self->heard++;
    fr_wait_unlock_changed(self->wait);
}

static void end(struct library *self, struct fr_load *load, uint64_t version)
{
    fr_wait_lock(self->wait);
    self->open--;
    if (version == AS_THE_ROW_IS) {
        version = self->database->versions[strtoul(load->key->text + strlen("row:"), NULL, 10)];
    }
    enum fr_code code = self->failing;
    enum fr_source source = self->source;
    uint64_t age_us = self->age_us;
    fr_wait_unlock_changed(self->wait);
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)version);
    struct fr_read_result result = {
        .code = code, .message = "as the test wants", .version = version, .age_us = age_us, .source = source};
    if (code == FR_OK) {
        result.code = version != 0 ? FR_OK : FR_NOT_FOUND;
        result.payload = fr_bytes_of(version != 0 ? text : "");
    }
    fr_load_end(load, &result);
}

static void load(void *context, struct fr_load *first)
{
    struct library *self = context;
    fr_wait_lock(self->wait);
    self->calls++;
    self->demand = first->demand;
    bool held = self->held;
    for (struct fr_load *load = first, *next; load != NULL; load = next) {
        next = load->next;
        self->loads++;
        self->open++;
        self->most_open = self->open > self->most_open ? self->open : self->most_open;
        if (held) {
            load->next = self->pending;
            self->pending = load;
        }
    }
    fr_wait_unlock_changed(self->wait);
    for (struct fr_load *load = held ? NULL : first, *next; load != NULL; load = next) {
        next = load->next;
        end(self, load, AS_THE_ROW_IS);
    }
}

static void cancel(void *context, struct fr_load *load)
{
    struct library *self = context;
    fr_wait_lock(self->wait);
    struct fr_load **at = &self->pending;
    while (*at != load) {
        at = &(*at)->next;
    }
    *at = load->next;
    self->open--;
    self->cancelled++;
    fr_wait_unlock_changed(self->wait);
    fr_load_end(load, &(struct fr_read_result){.code = FR_CANCELLED, .message = "as the cache wants"});
}

static void release(void *context, struct fr_load *load)
{
    struct library *self = context;
    (void)load;
    fr_wait_lock(self->wait);
    self->released++;
    fr_wait_unlock_changed(self->wait);
}

/* A subscription is proved whole within a fraction of a second; there is no event to wait for. */
static void wait_until_near_serves(struct library *self)
{
    struct fr_cache_statistics now = {0};
    for (uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US; !now.near_serves;) {
        FR_ASSERT(fr_clock_now_us() < end_us);
        fr_cache_statistics(self->cache, &now);
    }
}

void library_open(struct library *self, struct database *database, const struct fr_redis_server *server,
                  const struct library_options *options)
{
    *self = (struct library){.wait = &database->wait, .database = database, .source = FR_SOURCE_ORIGIN};
    const struct fr_cache_options cache = {
        .url = options->url != NULL ? options->url : server->url,
        .name_space = "library",
        .command_timeout_us = options->command_timeout_us,
        .near_bytes = options->near ? 1 << 20 : 0,
        .max_loads = options->max_loads,
        .max_waiting_loads = options->max_waiting_loads,
        .metrics = options->metrics,
        .on_invalidation = on_invalidation,
        .on_connection = on_connection,
        .argument = self,
    };
    const struct fr_cache_kind_options kind = {
        .name = "row",
        .ttl_us = options->ttl_us != 0 ? options->ttl_us : 60 * FR_SECOND_US,
        .stale_us = options->stale_us,
        .load_timeout_us = options->load_timeout_us,
        .role = options->role,
        .load = load,
        .cancel = options->cancels ? cancel : NULL,
        .release = options->cancels ? release : NULL,
        .context = self,
    };
    FR_ASSERT(fr_cache_new(&cache, &self->cache, NULL) == FR_OK);
    FR_ASSERT(fr_cache_kind_new(self->cache, &kind, &self->kind, NULL) == FR_OK);
    if (options->url == NULL) {
        FR_ASSERT(fr_wait_for(self->wait, &self->ups, 1, FR_TEST_PATIENCE_US));
    }
    if (options->url == NULL && options->near) {
        wait_until_near_serves(self);
    }
}

void library_close(struct library *self)
{
    fr_cache_free(self->cache);
}

struct fr_key library_key(unsigned row)
{
    struct fr_key key;
    char text[16];
    snprintf(text, sizeof text, "%u", row);
    struct fr_bytes field = fr_bytes_of(text);
    FR_ASSERT(fr_key_make(&key, "row", &field, 1, NULL) == FR_OK);
    return key;
}

static void on_answer(void *argument, const struct fr_read_result *result)
{
    struct answer *self = argument;
    fr_wait_lock(self->wait);
    self->count++;
    self->code = result->code;
    self->source = result->source;
    self->version = result->version;
    self->retry_after_us = result->retry_after_us;
    for (size_t i = 0; i < result->payload.size; i++) {
        self->payload = self->payload * 10 + (uint64_t)(result->payload.data[i] - '0');
    }
    snprintf(self->message, sizeof self->message, "%s", result->message);
    fr_wait_unlock_changed(self->wait);
}

void library_start(struct library *self, unsigned row, const struct fr_cache_read *how, struct answer *answer)
{
    struct fr_key key = library_key(row);
    struct fr_cache_read read = how != NULL ? *how : (struct fr_cache_read){0};
    *answer = (struct answer){.wait = self->wait};
    read.kind = self->kind;
    read.key = &key;
    read.done = on_answer;
    read.argument = answer;
    fr_cache_get(self->cache, &read);
}

void library_leave(struct answer *answer)
{
    fr_wait_lock(answer->wait);
    answer->gone = true;
    fr_wait_unlock_changed(answer->wait);
}

bool library_has_left(void *answer)
{
    struct answer *self = answer;
    fr_wait_lock(self->wait);
    bool gone = self->gone;
    fr_wait_unlock_changed(self->wait);
    return gone;
}

void library_wait(struct answer *answer)
{
    FR_ASSERT(fr_wait_for(answer->wait, &answer->count, 1, FR_TEST_PATIENCE_US));
}

struct answer library_get_with(struct library *self, unsigned row, struct fr_demand demand)
{
    struct answer answer;
    library_start(self, row, &(struct fr_cache_read){.demand = demand}, &answer);
    library_wait(&answer);
    return answer;
}

struct answer library_get(struct library *self, unsigned row)
{
    return library_get_with(self, row, (struct fr_demand){0});
}

struct told {
    struct fr_wait *wait;
    uint64_t count;
    enum fr_code code;
};

static void on_told(void *argument, enum fr_code code)
{
    struct told *told = argument;
    fr_wait_lock(told->wait);
    told->code = code;
    told->count++;
    fr_wait_unlock_changed(told->wait);
}

void library_reset(struct database *database, const struct fr_redis_server *server)
{
    redisContext *redis = redisConnect("127.0.0.1", server->port);
    FR_ASSERT(redis != NULL && redis->err == 0);
    freeReplyObject(redisCommand(redis, "FLUSHALL"));
    redisFree(redis);
    memset(database->versions, 0, sizeof database->versions);
}

void library_expect(const struct answer *answer, enum fr_source source, uint64_t version)
{
    assert_int_equal(answer->code, version == 0 ? FR_NOT_FOUND : FR_OK);
    assert_string_equal(fr_source_name(answer->source), fr_source_name(source));
    if (version != 0) {
        assert_int_equal(answer->version, version);
        assert_int_equal(answer->payload, version);
    }
}

void library_expect_get(struct library *self, unsigned row, enum fr_source source, uint64_t version)
{
    struct answer answer = library_get(self, row);
    library_expect(&answer, source, version);
}

void library_set_row(struct database *database, unsigned row, uint64_t version)
{
    fr_wait_lock(&database->wait);
    database->versions[row] = version;
    fr_wait_unlock_changed(&database->wait);
}

void library_write(struct library *self, unsigned row, uint64_t version)
{
    struct told told = {.wait = self->wait};
    struct fr_key key = library_key(row);
    library_set_row(self->database, row, version);
    fr_cache_invalidate(self->cache, &key, version, on_told, &told);
    FR_ASSERT(fr_wait_for(told.wait, &told.count, 1, FR_TEST_PATIENCE_US));
    FR_ASSERT(told.code == FR_OK);
}

void library_hold(struct library *self, bool held)
{
    fr_wait_lock(self->wait);
    self->held = held;
    fr_wait_unlock_changed(self->wait);
}

void library_fail(struct library *self, enum fr_code code)
{
    fr_wait_lock(self->wait);
    self->failing = code;
    fr_wait_unlock_changed(self->wait);
}

void library_wait_loads(struct library *self, uint64_t count)
{
    FR_ASSERT(fr_wait_for(self->wait, &self->loads, count, FR_TEST_PATIENCE_US));
}

void library_release_as(struct library *self, uint64_t version)
{
    fr_wait_lock(self->wait);
    struct fr_load *load = self->pending;
    self->pending = NULL;
    fr_wait_unlock_changed(self->wait);
    for (struct fr_load *next; load != NULL; load = next) {
        next = load->next;
        end(self, load, version);
    }
}

void library_release(struct library *self)
{
    library_release_as(self, AS_THE_ROW_IS);
}
