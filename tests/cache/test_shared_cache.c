/* SPDX-License-Identifier: MIT */
/*
 * test_shared_cache.c - GET, LEASE, FILL and INVALIDATE against a real Redis.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "cache/record.h"
#include "cache_fixture.h"

#define LEASE_US (10 * FR_SECOND_US)

static struct fr_redis_server server;

static int open_fixture(void **state)
{
    static struct fixture fixture;
    fixture_open(&fixture, &server, &(struct fixture_options){.name_space = NULL});
    fixture_wait_up(&fixture, 1);
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    fixture_close(*state);
    return 0;
}

static void a_filled_value_is_read_until_it_is_invalidated(void **state)
{
    struct fixture *f = *state;
    struct outcome miss = do_get(f, "1");
    assert_int_equal(miss.code, FR_OK);
    assert_int_equal(miss.kind, FR_VALUE_NONE);
    struct outcome lease = do_lease(f, "1", 71, LEASE_US);
    assert_true(lease.granted && !lease.wait);
    assert_int_equal(lease.floor, 0);
    assert_true(do_fill(f, "1", 71, 5, "Ada").stored);
    struct outcome hit = do_get(f, "1");
    assert_int_equal(hit.kind, FR_VALUE_FOUND);
    assert_int_equal(hit.version, 5);
    assert_string_equal(hit.payload, "Ada");
    struct outcome leased = do_lease(f, "1", 72, LEASE_US);
    assert_true(!leased.granted && !leased.wait && leased.kind == FR_VALUE_FOUND);
    assert_string_equal(leased.payload, "Ada");
    assert_int_equal(do_invalidate(f, "1", 6).code, FR_OK);
    assert_int_equal(do_get(f, "1").kind, FR_VALUE_NONE);
    struct outcome again = do_lease(f, "1", 73, LEASE_US);
    assert_true(again.granted);
    assert_int_equal(again.floor, 6);
    assert_int_equal(again.kind, FR_VALUE_NONE);
}

static void an_empty_payload_is_a_value(void **state)
{
    struct fixture *f = *state;
    do_lease(f, "1", 71, LEASE_US);
    assert_true(do_fill(f, "1", 71, 5, "").stored);
    assert_int_equal(do_get(f, "1").kind, FR_VALUE_FOUND);
}

static void a_large_payload_comes_back_whole(void **state)
{
    struct fixture *f = *state;
    char payload[70001];
    memset(payload, 'x', sizeof payload - 1);
    payload[sizeof payload - 1] = '\0';
    do_lease(f, "1", 71, LEASE_US);
    assert_true(do_fill(f, "1", 71, 5, payload).stored);
    assert_int_equal(do_get(f, "1").kind, FR_VALUE_FOUND);
    assert_int_equal(fixture_redis_integer(f, "STRLEN user:1"), FR_RECORD_HEADER_BYTES + 1 + 3 + 70000);
}

static void a_fill_on_an_absent_record_is_refused(void **state)
{
    struct fixture *f = *state;
    struct outcome fill = do_fill(f, "1", 71, 5, "Ada");
    assert_int_equal(fill.code, FR_OK);
    assert_false(fill.stored);
    assert_int_equal(fixture_redis_integer(f, "EXISTS user:1"), 0);
}

static void a_fill_after_an_invalidation_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_true(do_lease(f, "1", 71, LEASE_US).granted);
    assert_int_equal(do_invalidate(f, "1", 6).code, FR_OK);
    assert_false(do_fill(f, "1", 71, 5, "old").stored);
    assert_false(do_fill(f, "1", 71, 7, "its lease has ended too").stored);
    assert_int_equal(do_get(f, "1").kind, FR_VALUE_NONE);
}

static void a_fill_under_the_floor_is_refused(void **state)
{
    struct fixture *f = *state;
    do_lease(f, "1", 71, LEASE_US);
    do_invalidate(f, "1", 6);
    assert_int_equal(do_lease(f, "1", 72, LEASE_US).floor, 6);
    assert_false(do_fill(f, "1", 72, 5, "from a lagging replica").stored);
    assert_true(do_fill(f, "1", 72, 6, "fresh").stored);
}

static void a_fill_by_another_token_is_refused(void **state)
{
    struct fixture *f = *state;
    do_lease(f, "1", 71, LEASE_US);
    assert_false(do_fill(f, "1", 72, 5, "stranger").stored);
    assert_false(do_fill(f, "1", 0, 5, "nobody").stored);
    assert_true(do_fill(f, "1", 71, 5, "holder").stored);
    assert_false(do_fill(f, "1", 71, 5, "holder again").stored);
}

static void a_live_lease_makes_others_wait(void **state)
{
    struct fixture *f = *state;
    assert_true(do_lease(f, "1", 71, LEASE_US).granted);
    struct outcome second = do_lease(f, "1", 72, LEASE_US);
    assert_true(second.wait && !second.granted);
    assert_true(do_fill(f, "1", 71, 5, "Ada").stored);
}

static void a_lease_is_taken_over_after_its_end(void **state)
{
    struct fixture *f = *state;
    assert_true(do_lease(f, "1", 71, 1).granted);
    /* Redis's clock has moved on by the time of the next command, as 1 µs is less than a round trip. */
    assert_true(do_lease(f, "1", 72, LEASE_US).granted);
    assert_false(do_fill(f, "1", 71, 5, "too late").stored);
    assert_true(do_fill(f, "1", 72, 5, "in time").stored);
}

static void an_ended_lease_that_nobody_took_over_still_fills(void **state)
{
    struct fixture *f = *state;
    assert_true(do_lease(f, "1", 71, 1).granted);
    assert_true(do_fill(f, "1", 71, 5, "Ada").stored);
}

static void an_invalidation_delivered_again_is_nothing(void **state)
{
    struct fixture *f = *state;
    do_lease(f, "1", 71, LEASE_US);
    do_invalidate(f, "1", 6);
    do_lease(f, "1", 72, LEASE_US);
    do_invalidate(f, "1", 6);
    assert_true(do_fill(f, "1", 72, 6, "fresh").stored);
    do_invalidate(f, "1", 6);
    do_invalidate(f, "1", 5);
    assert_string_equal(do_get(f, "1").payload, "fresh");
}

static void an_invalidation_of_an_absent_key_writes_nothing(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(do_invalidate(f, "1", 6).code, FR_OK);
    assert_int_equal(fixture_redis_integer(f, "EXISTS user:1"), 0);
}

static void not_found_is_stored_with_the_floor_and_ended_by_an_insert(void **state)
{
    struct fixture *f = *state;
    do_lease(f, "1", 71, LEASE_US);
    do_invalidate(f, "1", 6);
    struct outcome lease = do_lease(f, "1", 72, LEASE_US);
    assert_true(do_fill(f, "1", 72, lease.floor, NULL).stored);
    struct outcome hit = do_get(f, "1");
    assert_int_equal(hit.kind, FR_VALUE_NOT_FOUND);
    assert_int_equal(hit.version, 6);
    do_invalidate(f, "1", 7);
    assert_int_equal(do_get(f, "1").kind, FR_VALUE_NONE);
}

/* Plants what another life of this Redis would have left. */
static void plant_foreign(struct fixture *f, uint64_t token)
{
    struct fr_record record = {.kind = FR_VALUE_FOUND,
                               .version = 5,
                               .floor = 2,
                               .token = token,
                               .lease_end_us = FR_VERSION_MAX,
                               .incarnation = 12345,
                               .payload = fr_bytes_of("foreign")};
    struct fr_buffer bytes = {.size = 0};
    fr_record_encode(&record, &bytes);
    freeReplyObject(fixture_redis(f, "SET user:1 %b EX 100", bytes.data, bytes.size));
    fr_buffer_fini(&bytes);
}

static struct fr_record stored_record(struct fixture *f)
{
    struct fr_record record;
    redisReply *reply = fixture_redis(f, "GET user:1");
    assert_true(fr_record_decode((struct fr_bytes){.data = (uint8_t *)reply->str, .size = (size_t)reply->len},
                                 &record));
    record.payload = (struct fr_bytes){.size = 0};
    freeReplyObject(reply);
    return record;
}

static void a_record_of_another_incarnation_counts_as_absent(void **state)
{
    struct fixture *f = *state;
    plant_foreign(f, 71);
    assert_int_equal(do_get(f, "1").kind, FR_VALUE_NONE);
    assert_false(do_fill(f, "1", 71, 9, "Ada").stored);
    struct outcome lease = do_lease(f, "1", 72, LEASE_US);
    assert_true(lease.granted && lease.kind == FR_VALUE_NONE && lease.floor == 0);
    assert_true(do_fill(f, "1", 72, 1, "Ada").stored);
    assert_string_equal(do_get(f, "1").payload, "Ada");
}

static void an_invalidation_raises_the_floor_of_another_incarnation(void **state)
{
    struct fixture *f = *state;
    plant_foreign(f, 71);
    assert_int_equal(do_invalidate(f, "1", 9).code, FR_OK);
    struct fr_record record = stored_record(f);
    assert_int_equal(record.floor, 9);
    assert_int_equal(record.token, 0);
    assert_int_equal(record.incarnation, 12345);
}

static void every_record_has_a_bounded_life(void **state)
{
    struct fixture *f = *state;
    do_lease(f, "1", 71, LEASE_US);
    assert_in_range(fixture_redis_integer(f, "PTTL user:1"), 1, 70000);
    do_invalidate(f, "1", 6);
    assert_in_range(fixture_redis_integer(f, "PTTL user:1"), 1, 70000);
    do_lease(f, "1", 72, LEASE_US);
    do_fill_ttl(f, "1", 72, 6, "Ada", 1000 * FR_SECOND_US);
    assert_in_range(fixture_redis_integer(f, "PTTL user:1"), 890000, 1000000);
    do_invalidate(f, "1", 7);
    assert_in_range(fixture_redis_integer(f, "PTTL user:1"), 890000, 1000000);
    do_lease(f, "1", 73, LEASE_US);
    assert_in_range(fixture_redis_integer(f, "PTTL user:1"), 890000, 1000000);
}

#define SOFT_EXPIRY_AT 42 /* of a record: five fixed fields with their tags, and its own tag */

/* One token a lease period: that of a value about to expire must outlive it. */
static void a_lease_taken_just_before_the_hard_expiry_outlives_the_value(void **state)
{
    struct fixture *f = *state;
    do_lease(f, "1", 71, LEASE_US);
    do_invalidate(f, "1", 5);
    do_lease(f, "1", 72, LEASE_US);
    do_fill_ttl(f, "1", 72, 5, "Ada", LEASE_US);
    fixture_redis_integer(f, "SETRANGE user:1 %d %b", SOFT_EXPIRY_AT, "\1\0\0\0\0\0\0\0", (size_t)8);
    struct outcome leased = do_lease(f, "1", 73, LEASE_US);
    assert_true(leased.granted);
    assert_string_equal(leased.payload, "Ada"); /* should the load fail */
    assert_true(fixture_redis_integer(f, "PTTL user:1") > (long long)(LEASE_US / 1000));
    assert_int_equal(do_get(f, "1").kind, FR_VALUE_NONE);
    assert_true(do_lease(f, "1", 74, LEASE_US).wait);
    assert_false(do_fill(f, "1", 73, 4, "older").stored);
    assert_true(do_fill(f, "1", 73, 6, "Eve").stored);
}

static void lives_are_spread_downwards(void **state)
{
    struct fixture *f = *state;
    long long lowest = 1000000, highest = 0;
    for (unsigned i = 0; i < 50; i++) {
        freeReplyObject(fixture_redis(f, "DEL user:1"));
        do_lease(f, "1", 71 + i, LEASE_US);
        do_fill_ttl(f, "1", 71 + i, 6, "Ada", 1000 * FR_SECOND_US);
        long long ttl_ms = fixture_redis_integer(f, "PTTL user:1");
        lowest = ttl_ms < lowest ? ttl_ms : lowest;
        highest = ttl_ms > highest ? ttl_ms : highest;
    }
    assert_in_range(lowest, 890000, 960000);
    assert_in_range(highest, 940000, 1000000);
}

static void forgotten_scripts_are_taught_again(void **state)
{
    struct fixture *f = *state;
    freeReplyObject(fixture_redis(f, "SCRIPT FLUSH"));
    assert_true(do_lease(f, "1", 71, LEASE_US).granted);
    freeReplyObject(fixture_redis(f, "SCRIPT FLUSH"));
    assert_true(do_fill(f, "1", 71, 5, "Ada").stored);
    freeReplyObject(fixture_redis(f, "SCRIPT FLUSH"));
    assert_int_equal(do_invalidate(f, "1", 6).code, FR_OK);
    assert_int_equal(do_get(f, "1").kind, FR_VALUE_NONE);
    assert_int_equal(f->ups, 1);
}

static void a_full_redis_still_invalidates(void **state)
{
    struct fixture *f = *state;
    do_lease(f, "1", 71, LEASE_US);
    do_fill(f, "1", 71, 5, "Ada");
    freeReplyObject(fixture_redis(f, "CONFIG SET maxmemory 1"));
    assert_int_equal(do_lease(f, "2", 72, LEASE_US).code, FR_UNAVAILABLE);
    assert_int_equal(do_invalidate(f, "1", 6).code, FR_OK);
    assert_int_equal(do_get(f, "1").kind, FR_VALUE_NONE);
    freeReplyObject(fixture_redis(f, "CONFIG SET maxmemory 0"));
    assert_true(do_lease(f, "2", 72, LEASE_US).granted);
}

static void a_strangers_value_of_another_type_counts_as_absent(void **state)
{
    struct fixture *f = *state;
    freeReplyObject(fixture_redis(f, "LPUSH user:1 x"));
    struct outcome got = do_get(f, "1");
    assert_int_equal(got.code, FR_OK);
    assert_int_equal(got.kind, FR_VALUE_NONE);
    struct outcome filled = do_fill(f, "1", 71, 5, "Ada");
    assert_int_equal(filled.code, FR_OK);
    assert_false(filled.stored);
    assert_int_equal(do_invalidate(f, "1", 6).code, FR_OK);
    assert_int_equal(fixture_redis_integer(f, "LLEN user:1"), 1);
    assert_true(do_lease(f, "1", 71, LEASE_US).granted);
    assert_true(do_fill(f, "1", 71, 5, "Ada").stored);
    assert_string_equal(do_get(f, "1").payload, "Ada");
}

static void a_counter_of_another_type_is_told_from_a_redis_that_is_away(void **state)
{
    struct fixture *f = *state;
    freeReplyObject(fixture_redis(f, "LPUSH cache-invalidation:number x"));
    assert_int_equal(do_invalidate(f, "1", 6).code, FR_FAILED_PRECONDITION);
}

static void foreign_bytes_count_as_absent(void **state)
{
    struct fixture *f = *state;
    freeReplyObject(fixture_redis(f, "SET user:1 %s",
                                  "no record at all, though longer than the header of one is"
                                  " by a few bytes"));
    assert_int_equal(do_get(f, "1").kind, FR_VALUE_NONE);
    assert_false(do_fill(f, "1", 71, 5, "Ada").stored);
    assert_int_equal(do_invalidate(f, "1", 6).code, FR_OK);
    assert_true(do_lease(f, "1", 71, LEASE_US).granted);
    assert_true(do_fill(f, "1", 71, 5, "Ada").stored);
}

static void versions_up_to_two_to_the_53_are_exact(void **state)
{
    struct fixture *f = *state;
    do_lease(f, "1", UINT64_MAX, LEASE_US);
    do_invalidate(f, "1", FR_VERSION_MAX - 1);
    assert_int_equal(do_lease(f, "1", UINT64_MAX - 1, LEASE_US).floor, FR_VERSION_MAX - 1);
    assert_false(do_fill(f, "1", UINT64_MAX - 1, FR_VERSION_MAX - 2, "old").stored);
    assert_true(do_fill(f, "1", UINT64_MAX - 1, FR_VERSION_MAX - 1, "new").stored);
    do_invalidate(f, "1", FR_VERSION_MAX);
    assert_int_equal(stored_record(f).floor, FR_VERSION_MAX);
    assert_int_equal(do_invalidate(f, "1", FR_VERSION_MAX + 1).code, FR_INVALID_ARGUMENT);
}

static void namespaces_do_not_meet(void **state)
{
    struct fixture *f = *state;
    struct fr_shared_cache *plain = f->cache;
    struct fr_shared_cache *spaced = fixture_second_cache(f, "blue");
    fixture_wait_up(f, 2);
    do_lease(f, "1", 71, LEASE_US);
    do_fill(f, "1", 71, 5, "plain");
    f->cache = spaced;
    assert_int_equal(do_get(f, "1").kind, FR_VALUE_NONE);
    do_lease(f, "1", 72, LEASE_US);
    do_fill(f, "1", 72, 5, "blue");
    assert_int_equal(do_invalidate(f, "1", 6).code, FR_OK);
    f->cache = plain;
    assert_string_equal(do_get(f, "1").payload, "plain");
    assert_int_equal(fixture_redis_integer(f, "EXISTS blue:user:1 blue:cache-invalidation:number"), 2);
    assert_int_equal(fixture_redis_integer(f, "EXISTS cache-invalidation:number"), 0);
    fr_shared_cache_free(spaced);
}

static void a_wrong_url_is_told_without_its_password(void **state)
{
    struct fixture *f = *state;
    struct fr_error error;
    struct fr_shared_cache *cache;
    struct fr_shared_cache_options options = {.url = "redis://u:secret@host:99999"};
    assert_int_equal(fr_shared_cache_new(f->loop, &options, &cache, &error), FR_INVALID_ARGUMENT);
    assert_null(strstr(error.message, "secret"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_filled_value_is_read_until_it_is_invalidated),
        TEST(an_empty_payload_is_a_value),
        TEST(a_large_payload_comes_back_whole),
        TEST(a_fill_on_an_absent_record_is_refused),
        TEST(a_fill_after_an_invalidation_is_refused),
        TEST(a_fill_under_the_floor_is_refused),
        TEST(a_fill_by_another_token_is_refused),
        TEST(a_live_lease_makes_others_wait),
        TEST(a_lease_is_taken_over_after_its_end),
        TEST(an_ended_lease_that_nobody_took_over_still_fills),
        TEST(an_invalidation_delivered_again_is_nothing),
        TEST(an_invalidation_of_an_absent_key_writes_nothing),
        TEST(not_found_is_stored_with_the_floor_and_ended_by_an_insert),
        TEST(a_record_of_another_incarnation_counts_as_absent),
        TEST(an_invalidation_raises_the_floor_of_another_incarnation),
        TEST(every_record_has_a_bounded_life),
        TEST(a_lease_taken_just_before_the_hard_expiry_outlives_the_value),
        TEST(lives_are_spread_downwards),
        TEST(forgotten_scripts_are_taught_again),
        TEST(a_full_redis_still_invalidates),
        TEST(a_strangers_value_of_another_type_counts_as_absent),
        TEST(a_counter_of_another_type_is_told_from_a_redis_that_is_away),
        TEST(foreign_bytes_count_as_absent),
        TEST(versions_up_to_two_to_the_53_are_exact),
        TEST(namespaces_do_not_meet),
        TEST(a_wrong_url_is_told_without_its_password),
    };
    fr_redis_server_start(&server, NULL);
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    fr_redis_server_stop(&server);
    return failures;
}
