/* SPDX-License-Identifier: MIT */
/*
 * test_stampede.c - two consumers before two origins, as api and data are: thousands ask for one expired key at once.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <string.h>

#include "base/clock.h"
#include "cache/record.h"
#include "library_fixture.h"

#define READERS 2000

static struct fr_redis_server server;
static struct database database;

/* A consumer whose loader asks an origin, as over RPC. */
struct consumer {
    struct library library;
    struct library *origin;
};

static void on_origin(void *argument, const struct fr_read_result *result)
{
    fr_load_end(argument, result);
}

static void ask_origin(void *context, struct fr_load *first)
{
    struct consumer *self = context;
    struct fr_cache_reads reads = {0};
    for (struct fr_load *load = first; load != NULL; load = load->next) {
        fr_cache_reads_add(&reads, &(struct fr_cache_read){.kind = self->origin->kind,
                                                           .key = load->key,
                                                           .demand = load->demand,
                                                           .done = on_origin,
                                                           .argument = load});
    }
    fr_cache_reads_start(&reads, self->origin->cache);
}

static void open_consumer(struct consumer *self, struct library *origin)
{
    library_open(&self->library, &database, &server, &(struct library_options){.near = true});
    self->origin = origin;
    const struct fr_cache_kind_options kind = {
        .name = "row",
        .ttl_us = 60 * FR_SECOND_US,
        .role = FR_READ_CONSUMER,
        .load = ask_origin,
        .context = self,
    };
    assert_int_equal(fr_cache_kind_new(self->library.cache, &kind, &self->library.kind, NULL), FR_OK);
}

/* Makes what the caches have of row 1 useless. Returns the version that its readers must get. */
typedef uint64_t spoil_fn(struct consumer consumers[2], uint64_t round);

static uint64_t invalidate(struct consumer consumers[2], uint64_t round)
{
    library_write(&consumers[0].library, 1, 5 + round);
    assert_true(fr_wait_for(&database.wait, &consumers[1].library.heard, round, FR_TEST_PATIENCE_US));
    return 5 + round;
}

/* The time of the record is over, and that of the near caches' entries with it. */
static uint64_t expire(struct consumer consumers[2], uint64_t round)
{
    struct fr_record record;
    struct fr_buffer bytes = {.size = 0};
    redisContext *redis = redisConnect("127.0.0.1", server.port);
    assert_true(redis != NULL && redis->err == 0);
    redisReply *reply = redisCommand(redis, "GET library:row:1");
    assert_int_equal(reply->type, REDIS_REPLY_STRING);
    assert_true(fr_record_decode((struct fr_bytes){(const uint8_t *)reply->str, (size_t)reply->len}, &record));
    assert_true(record.soft_expiry_us > fr_clock_wall_us());
    record.soft_expiry_us = round;
    fr_record_encode(&record, &bytes);
    freeReplyObject(redisCommand(redis, "SET library:row:1 %b KEEPTTL", bytes.data, bytes.size));
    freeReplyObject(reply);
    redisFree(redis);
    fr_buffer_fini(&bytes);
    for (unsigned i = 0; i < 2; i++) {
        fr_near_cache_drop(fr_cache_near(consumers[i].library.cache));
    }
    return 5;
}

static void check_stampedes(spoil_fn *spoil)
{
    static struct answer answers[READERS];
    struct library origins[2];
    struct consumer consumers[2];
    uint64_t version = 5;
    library_reset(&database, &server);
    library_set_row(&database, 1, 5);
    for (unsigned i = 0; i < 2; i++) {
        library_open(&origins[i], &database, &server,
                     &(struct library_options){.role = FR_READ_ORIGIN, .stale_us = 60 * FR_SECOND_US});
        open_consumer(&consumers[i], &origins[i]);
        library_hold(&origins[i], true);
    }
    for (uint64_t round = 1; round <= 20; round++) {
        for (unsigned i = 0; i < READERS; i++) {
            library_start(&consumers[i % 2].library, 1, NULL, &answers[i]);
        }
        /* Whichever got the lease; the other waits for it. */
        struct library *loader = NULL;
        for (uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US; loader == NULL;) {
            assert_true(fr_clock_now_us() < end_us);
            fr_wait_lock(&database.wait);
            loader = origins[0].pending != NULL ? &origins[0] : origins[1].pending != NULL ? &origins[1] : NULL;
            fr_wait_unlock_changed(&database.wait);
        }
        library_release(loader);
        for (unsigned i = 0; i < READERS; i++) {
            library_wait(&answers[i]);
            assert_int_equal(answers[i].code, FR_OK);
            assert_int_equal(answers[i].payload, version);
            assert_int_not_equal(answers[i].source, FR_SOURCE_STALE);
        }
        assert_int_equal(origins[0].loads + origins[1].loads, round);
        version = spoil(consumers, round);
    }
    for (unsigned i = 0; i < 2; i++) {
        library_close(&consumers[i].library);
    }
    for (unsigned i = 0; i < 2; i++) {
        library_close(&origins[i]);
    }
}

static void thousands_of_reads_of_an_invalidated_key_are_one_load(void **state)
{
    (void)state;
    check_stampedes(invalidate);
}

static void thousands_of_reads_of_an_expired_key_are_one_load(void **state)
{
    (void)state;
    check_stampedes(expire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thousands_of_reads_of_an_invalidated_key_are_one_load),
        cmocka_unit_test(thousands_of_reads_of_an_expired_key_are_one_load),
    };
    fr_redis_server_start(&server, NULL);
    fr_wait_init(&database.wait);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fr_wait_fini(&database.wait);
    fr_redis_server_stop(&server);
    return failed;
}
