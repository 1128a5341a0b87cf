/* SPDX-License-Identifier: MIT */
/*
 * test_cache_counts.c - what counts as what in a cache's statistics, what its options must say, and odd times.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "library_fixture.h"

static struct fr_redis_server server;
static struct database database;

static int reset(void **state)
{
    (void)state;
    library_reset(&database, &server);
    return 0;
}

static void wait_coalesced(struct library *a, uint64_t count)
{
    struct fr_cache_statistics now = {0};
    for (uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US; now.coalesced < count;) {
        assert_true(fr_clock_now_us() < end_us);
        fr_cache_statistics(a->cache, &now);
    }
}

/* Whatever looks into the near cache, or asks Redis, on behalf of a read that has been counted. */
static void each_read_is_counted_once(void **state)
{
    (void)state;
    static const enum fr_read_role roles[] = {FR_READ_BOTH, FR_READ_CONSUMER, FR_READ_ORIGIN};
    for (unsigned i = 0; i < 3; i++) {
        struct library a;
        struct fr_cache_statistics now;
        struct fr_near_statistics near;
        struct answer first, joined;
        library_reset(&database, &server);
        library_open(&a, &database, &server, &(struct library_options){.near = true, .role = roles[i]});
        library_set_row(&database, 1, 5);
        library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
        fr_cache_statistics(a.cache, &now);
        fr_near_cache_statistics(fr_cache_near(a.cache), &near);
        assert_int_equal(now.misses, 1);
        assert_int_equal(near.misses, roles[i] != FR_READ_ORIGIN);
        /* One that must be loaded, and one that joins that and then waits for a load of its own. */
        library_hold(&a, true);
        library_start(&a, 1, &(struct fr_cache_read){.demand = {.no_cache = true}}, &first);
        library_wait_loads(&a, 2);
        library_start(&a, 1, &(struct fr_cache_read){.demand = {.no_cache = true}}, &joined);
        wait_coalesced(&a, 1);
        library_release(&a);
        library_wait(&first);
        library_wait_loads(&a, 3);
        library_hold(&a, false);
        library_release(&a);
        library_wait(&joined);
        fr_cache_statistics(a.cache, &now);
        fr_near_cache_statistics(fr_cache_near(a.cache), &near);
        assert_int_equal(now.misses, 1);
        assert_int_equal(now.near_hits, 0);
        assert_int_equal(near.hits, 0);
        assert_int_equal(near.misses, roles[i] != FR_READ_ORIGIN);
        assert_int_equal(now.coalesced, 1);
        library_close(&a);
    }
}

/* A reader that has to join a second flight. */
static void who_joins_twice_is_counted_once(void **state)
{
    (void)state;
    struct library a;
    struct answer first, second, third;
    library_open(&a, &database, &server, &(struct library_options){0});
    library_set_row(&database, 1, 5);
    library_hold(&a, true);
    library_start(&a, 1, NULL, &first);
    library_wait_loads(&a, 1);
    library_start(&a, 1, &(struct fr_cache_read){.demand = {.no_cache = true}}, &second);
    library_start(&a, 1, &(struct fr_cache_read){.demand = {.no_cache = true}}, &third);
    wait_coalesced(&a, 2);
    library_release(&a);
    library_wait(&first);
    library_wait_loads(&a, 2);
    library_hold(&a, false);
    library_release(&a);
    library_wait(&second);
    library_wait(&third);
    struct fr_cache_statistics now;
    fr_cache_statistics(a.cache, &now);
    assert_int_equal(now.coalesced, 2); /* second, whose flight the other joined, and third */
    library_close(&a);
}

static void never_called(void *context, struct fr_load *first)
{
    (void)context, (void)first;
    fail();
}

static void what_must_be_set_is_asked_for(void **state)
{
    (void)state;
    struct fr_cache *cache;
    struct fr_cache_kind *kind;
    struct fr_error error;
    assert_int_equal(fr_cache_new(&(struct fr_cache_options){0}, &cache, &error), FR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "url"));
    assert_int_equal(fr_cache_new(&(struct fr_cache_options){.url = server.url}, &cache, &error), FR_OK);
    const struct {
        struct fr_cache_kind_options options;
        const char *missing;
    } wrong[] = {
        {{.ttl_us = 1, .load = never_called}, "name"},
        {{.name = "", .ttl_us = 1, .load = never_called}, "name"},
        {{.name = "row", .ttl_us = 1}, "load"},
        {{.name = "row", .stale_us = 1, .load = never_called}, "ttl_us"},
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(fr_cache_kind_new(cache, &wrong[i].options, &kind, &error), FR_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, wrong[i].missing));
    }
    fr_cache_free(cache);
}

static void times_without_end_do_not_wrap(void **state)
{
    (void)state;
    struct library a, b;
    const struct library_options options = {
        .near = true, .ttl_us = UINT64_MAX, .stale_us = UINT64_MAX, .load_timeout_us = UINT64_MAX};
    library_open(&a, &database, &server, &options);
    library_open(&b, &database, &server, &options);
    library_set_row(&database, 1, 5);
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    library_expect_get(&a, 1, FR_SOURCE_NEAR, 5);
    library_expect_get(&b, 1, FR_SOURCE_REDIS, 5);
    library_expect_get(&b, 1, FR_SOURCE_NEAR, 5);
    library_close(&b);
    library_close(&a);
}

/* Its clock begins with the machine. */
static void a_value_older_than_this_machine_is_not_fresh_for_longer(void **state)
{
    (void)state;
    struct library a;
    uint64_t age_us = 2 * fr_clock_now_us();
    library_open(&a, &database, &server,
                 &(struct library_options){
                     .near = true, .role = FR_READ_CONSUMER, .ttl_us = age_us, .stale_us = FR_SECOND_US});
    library_set_row(&database, 1, 5);
    a.age_us = age_us;
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    library_close(&a);
}

#define FACT(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(each_read_is_counted_once),
        FACT(who_joins_twice_is_counted_once),
        FACT(what_must_be_set_is_asked_for),
        FACT(times_without_end_do_not_wrap),
        FACT(a_value_older_than_this_machine_is_not_fresh_for_longer),
    };
    fr_redis_server_start(&server, NULL);
    fr_wait_init(&database.wait);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fr_wait_fini(&database.wait);
    fr_redis_server_stop(&server);
    return failed;
}
