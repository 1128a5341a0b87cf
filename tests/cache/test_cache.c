/* SPDX-License-Identifier: MIT */
/*
 * test_cache.c - reads through a near cache and a real Redis: levels, single-flight, demands.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

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

static void open_near(struct library *self)
{
    library_open(self, &database, &server, &(struct library_options){.near = true});
}

/* ---- levels ---- */

static void a_miss_is_loaded_once_and_then_near(void **state)
{
    (void)state;
    struct library a;
    open_near(&a);
    library_set_row(&database, 1, 5);
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    library_expect_get(&a, 1, FR_SOURCE_NEAR, 5);
    library_expect_get(&a, 1, FR_SOURCE_NEAR, 5);
    assert_int_equal(a.loads, 1);
    library_close(&a);
}

static void what_one_process_loaded_another_finds_in_redis(void **state)
{
    (void)state;
    struct library a, b;
    open_near(&a);
    open_near(&b);
    library_set_row(&database, 1, 5);
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    library_expect_get(&b, 1, FR_SOURCE_REDIS, 5);
    library_expect_get(&b, 1, FR_SOURCE_NEAR, 5);
    assert_int_equal(b.loads, 0);
    library_close(&b);
    library_close(&a);
}

static void not_found_is_kept_until_a_write_says_otherwise(void **state)
{
    (void)state;
    struct library a;
    open_near(&a);
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 0);
    struct answer again = library_get(&a, 1);
    library_expect(&again, FR_SOURCE_NEAR, 0);
    assert_string_equal(again.message, "row '1' does not exist");
    library_write(&a, 1, 6);
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 6);
    library_close(&a);
}

static void a_write_empties_every_process(void **state)
{
    (void)state;
    struct library a, b;
    open_near(&a);
    open_near(&b);
    library_set_row(&database, 1, 5);
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    library_expect_get(&b, 1, FR_SOURCE_REDIS, 5);
    library_write(&a, 1, 6);
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 6); /* whoever wrote sees it at once */
    assert_true(fr_wait_for(b.wait, &b.heard, 1, FR_TEST_PATIENCE_US));
    library_expect_get(&b, 1, FR_SOURCE_REDIS, 6);
    struct fr_cache_statistics now;
    fr_cache_statistics(b.cache, &now);
    assert_int_equal(now.invalidations_received, 1);
    assert_int_equal(now.invalidations_applied, 1);
    library_close(&b);
    library_close(&a);
}

static void a_load_that_an_invalidation_overtook_is_kept_nowhere(void **state)
{
    (void)state;
    struct library a;
    struct answer slow;
    open_near(&a);
    library_set_row(&database, 1, 5);
    library_hold(&a, true);
    library_start(&a, 1, NULL, &slow);
    library_wait_loads(&a, 1);
    library_write(&a, 1, 6);
    library_hold(&a, false);
    library_release_as(&a, 5);
    library_wait(&slow);
    library_expect(&slow, FR_SOURCE_ORIGIN, 5);
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 6);
    library_close(&a);
}

static void who_asks_after_an_invalidation_gets_nothing_read_before_it(void **state)
{
    (void)state;
    struct library a;
    struct answer early, late;
    open_near(&a);
    library_set_row(&database, 1, 5);
    library_hold(&a, true);
    library_start(&a, 1, NULL, &early);
    library_wait_loads(&a, 1);
    library_write(&a, 1, 6);
    library_start(&a, 1, NULL, &late);
    struct fr_cache_statistics now = {0};
    for (uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US; now.coalesced == 0;) {
        assert_true(fr_clock_now_us() < end_us);
        fr_cache_statistics(a.cache, &now);
    }
    library_hold(&a, false);
    library_release_as(&a, 5);
    library_wait(&early);
    library_expect(&early, FR_SOURCE_ORIGIN, 5);
    library_wait(&late);
    library_expect(&late, FR_SOURCE_ORIGIN, 6);
    library_close(&a);
}

/* A task that holds the loop's thread until the test lets it go. */
struct block {
    struct fr_task task;
    struct fr_wait *wait;
    uint64_t entered, released, left; /* guarded by wait */
};

static void hold_the_loop(struct fr_task *task)
{
    struct block *self = (struct block *)task;
    fr_wait_lock(self->wait);
    self->entered++;
    fr_wait_unlock_changed(self->wait);
    fr_wait_for(self->wait, &self->released, 1, FR_TEST_PATIENCE_US);
    fr_wait_lock(self->wait);
    self->left++;
    fr_wait_unlock_changed(self->wait);
}

/* As after a sleep of the machine: nobody has asked Redis, and nobody has noticed either. */
static void nothing_near_is_served_that_has_not_been_proved_for_long(void **state)
{
    (void)state;
    struct library a;
    struct block block = {.task = {.run = hold_the_loop}, .wait = &database.wait};
    open_near(&a);
    library_set_row(&database, 1, 5);
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    library_expect_get(&a, 1, FR_SOURCE_NEAR, 5);
    fr_loop_post(fr_cache_loop(a.cache), &block.task);
    assert_true(fr_wait_for(block.wait, &block.entered, 1, FR_TEST_PATIENCE_US));
    struct fr_key key = library_key(1);
    struct fr_cache_hit hit;
    const struct fr_cache_read read = {.kind = a.kind, .key = &key};
    for (uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US / 2; fr_cache_get_near(a.cache, &read, &hit);) {
        fr_cache_hit_release(&hit);
        assert_true(fr_clock_now_us() < end_us);
    }
    fr_wait_lock(block.wait);
    block.released++;
    fr_wait_unlock_changed(block.wait);
    assert_true(fr_wait_for(block.wait, &block.left, 1, FR_TEST_PATIENCE_US));
    library_close(&a);
}

/* ---- many at once ---- */

#define MANY 500

static void reads_of_one_key_share_one_load(void **state)
{
    (void)state;
    struct library a;
    static struct answer answers[MANY];
    open_near(&a);
    library_set_row(&database, 1, 5);
    library_hold(&a, true);
    for (unsigned i = 0; i < MANY; i++) {
        library_start(&a, 1, NULL, &answers[i]);
    }
    library_wait_loads(&a, 1);
    library_hold(&a, false);
    library_release(&a);
    for (unsigned i = 0; i < MANY; i++) {
        library_wait(&answers[i]);
        assert_int_equal(answers[i].payload, 5);
    }
    assert_int_equal(a.loads, 1);
    library_close(&a);
}

static void on_many(void *argument, const struct fr_read_result *result)
{
    struct answer *answer = argument;
    fr_wait_lock(answer->wait);
    answer->code = result->code;
    answer->count++;
    fr_wait_unlock_changed(answer->wait);
}

static void read_many(struct library *self, struct answer *all)
{
    struct fr_cache_reads reads = {0};
    *all = (struct answer){.wait = self->wait};
    for (unsigned row = 0; row < MANY; row++) {
        struct fr_key key = library_key(row);
        fr_cache_reads_add(&reads, &(struct fr_cache_read){
                                       .kind = self->kind, .key = &key, .done = on_many, .argument = all});
    }
    fr_cache_reads_start(&reads, self->cache);
    assert_true(fr_wait_for(all->wait, &all->count, MANY, FR_TEST_PATIENCE_US));
    assert_int_equal(all->code, FR_OK);
}

static void keys_that_are_read_together_are_loaded_in_one_call(void **state)
{
    (void)state;
    static const enum fr_read_role roles[] = {FR_READ_BOTH, FR_READ_CONSUMER, FR_READ_ORIGIN};
    for (unsigned row = 0; row < MANY; row++) {
        library_set_row(&database, row, row + 1);
    }
    for (unsigned i = 0; i < 3; i++) {
        struct library a, b;
        struct answer all;
        library_reset(&database, &server);
        for (unsigned row = 0; row < MANY; row++) {
            library_set_row(&database, row, row + 1);
        }
        library_open(&a, &database, &server, &(struct library_options){.role = roles[i]});
        read_many(&a, &all);
        assert_int_equal(a.calls, 1);
        assert_int_equal(a.loads, MANY);
        library_open(&b, &database, &server, &(struct library_options){.role = roles[i]});
        read_many(&b, &all);
        assert_int_equal(b.calls, roles[i] == FR_READ_CONSUMER ? 1 : 0); /* only the others fill */
        library_close(&b);
        library_close(&a);
    }
}

static void two_processes_share_one_load_by_lease(void **state)
{
    (void)state;
    struct library a, b;
    struct answer first, second;
    library_open(&a, &database, &server, &(struct library_options){0});
    library_open(&b, &database, &server, &(struct library_options){0});
    library_set_row(&database, 1, 5);
    library_hold(&a, true);
    library_start(&a, 1, NULL, &first);
    library_wait_loads(&a, 1);
    library_start(&b, 1, NULL, &second);
    struct fr_cache_statistics now = {0};
    for (uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US; now.leases_waited == 0;) {
        assert_true(fr_clock_now_us() < end_us);
        fr_cache_statistics(b.cache, &now);
    }
    library_hold(&a, false);
    library_release(&a);
    library_wait(&second);
    library_expect(&second, FR_SOURCE_REDIS, 5);
    assert_int_equal(b.loads, 0);
    library_wait(&first);
    library_close(&b);
    library_close(&a);
}

/* What an origin answers is kept by others, so a reader may not get what was read before it asked, but for proof. */
static void an_origin_answers_who_came_late_only_with_what_redis_took(void **state)
{
    (void)state;
    struct library a, other;
    struct answer early, late;
    library_open(&a, &database, &server, &(struct library_options){.role = FR_READ_ORIGIN});
    library_open(&other, &database, &server, &(struct library_options){0});
    library_set_row(&database, 1, 5);
    library_hold(&a, true);
    library_start(&a, 1, NULL, &early);
    library_wait_loads(&a, 1);
    library_write(&other, 1, 6); /* ends the lease */
    library_start(&a, 1, NULL, &late);
    struct fr_cache_statistics now = {0};
    for (uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US; now.coalesced == 0;) {
        assert_true(fr_clock_now_us() < end_us);
        fr_cache_statistics(a.cache, &now);
    }
    library_hold(&a, false);
    library_release_as(&a, 5);
    library_wait(&early);
    library_expect(&early, FR_SOURCE_ORIGIN, 5);
    library_wait(&late);
    library_expect(&late, FR_SOURCE_ORIGIN, 6);
    assert_int_equal(a.loads, 2);
    library_close(&other);
    library_close(&a);
}

/* Without a subscription, or while it is not whole, no event would keep a reader from what was read before it asked. */
static void who_hears_nothing_answers_who_came_late_only_with_what_redis_took(void **state)
{
    (void)state;
    static const enum fr_read_role roles[] = {FR_READ_BOTH, FR_READ_CONSUMER};
    for (unsigned i = 0; i < 2; i++) {
        struct library a, other;
        struct answer early, late;
        library_reset(&database, &server);
        library_open(&a, &database, &server, &(struct library_options){.role = roles[i]});
        library_open(&other, &database, &server, &(struct library_options){0});
        library_set_row(&database, 1, 5);
        library_hold(&a, true);
        library_start(&a, 1, NULL, &early);
        library_wait_loads(&a, 1);
        library_write(&other, 1, 6);
        library_start(&a, 1, NULL, &late);
        struct fr_cache_statistics now = {0};
        for (uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US; now.coalesced == 0;) {
            assert_true(fr_clock_now_us() < end_us);
            fr_cache_statistics(a.cache, &now);
        }
        library_hold(&a, false);
        library_release_as(&a, 5);
        library_wait(&early);
        library_expect(&early, FR_SOURCE_ORIGIN, 5);
        library_wait(&late);
        library_expect(&late, FR_SOURCE_ORIGIN, 6);
        library_close(&other);
        library_close(&a);
    }
}

/* ---- demands ---- */

static void min_version_looks_past_what_is_older(void **state)
{
    (void)state;
    struct library a;
    open_near(&a);
    library_set_row(&database, 1, 5);
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    library_set_row(&database, 1, 6); /* committed, and nobody was told yet */
    library_expect_get(&a, 1, FR_SOURCE_NEAR, 5);
    struct answer answer = library_get_with(&a, 1, (struct fr_demand){.min_version = 5});
    library_expect(&answer, FR_SOURCE_NEAR, 5);
    answer = library_get_with(&a, 1, (struct fr_demand){.min_version = 6});
    library_expect(&answer, FR_SOURCE_ORIGIN, 6);
    assert_int_equal(a.demand.min_version, 6);
    library_expect_get(&a, 1, FR_SOURCE_NEAR, 6);
    /* A version that the row will never have: the database has the last word. */
    answer = library_get_with(&a, 1, (struct fr_demand){.min_version = 1000});
    library_expect(&answer, FR_SOURCE_ORIGIN, 6);
    library_close(&a);
}

static void no_cache_is_loaded_after_it_was_asked_for(void **state)
{
    (void)state;
    struct library a;
    struct answer plain, forced;
    open_near(&a);
    library_set_row(&database, 1, 5);
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    forced = library_get_with(&a, 1, (struct fr_demand){.no_cache = true});
    library_expect(&forced, FR_SOURCE_ORIGIN, 5);
    assert_true(a.demand.no_cache);
    /* A load under way began too early for it. */
    library_write(&a, 1, 6);
    library_hold(&a, true);
    library_start(&a, 1, NULL, &plain);
    library_wait_loads(&a, 3);
    library_start(&a, 1, &(struct fr_cache_read){.demand = {.no_cache = true}}, &forced);
    library_set_row(&database, 1, 7);
    struct fr_cache_statistics now = {0};
    for (uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US; now.coalesced == 0;) {
        assert_true(fr_clock_now_us() < end_us);
        fr_cache_statistics(a.cache, &now);
    }
    library_hold(&a, false);
    library_release_as(&a, 6);
    library_wait(&plain);
    library_expect(&plain, FR_SOURCE_ORIGIN, 6);
    library_wait(&forced);
    library_expect(&forced, FR_SOURCE_ORIGIN, 7);
    assert_int_equal(a.loads, 4);
    library_close(&a);
}

static void only_cached_never_loads(void **state)
{
    (void)state;
    struct library a, b;
    open_near(&a);
    open_near(&b);
    library_set_row(&database, 1, 5);
    struct answer answer = library_get_with(&a, 1, (struct fr_demand){.only_cached = true});
    assert_int_equal(answer.code, FR_FAILED_PRECONDITION);
    assert_string_equal(answer.message, "'row:1' is not cached");
    assert_int_equal(a.loads, 0);
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    answer = library_get_with(&a, 1, (struct fr_demand){.only_cached = true});
    library_expect(&answer, FR_SOURCE_NEAR, 5);
    answer = library_get_with(&b, 1, (struct fr_demand){.only_cached = true});
    library_expect(&answer, FR_SOURCE_REDIS, 5);
    library_close(&b);
    library_close(&a);
}

#define FACT(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(a_miss_is_loaded_once_and_then_near),
        FACT(what_one_process_loaded_another_finds_in_redis),
        FACT(not_found_is_kept_until_a_write_says_otherwise),
        FACT(a_write_empties_every_process),
        FACT(a_load_that_an_invalidation_overtook_is_kept_nowhere),
        FACT(who_asks_after_an_invalidation_gets_nothing_read_before_it),
        FACT(nothing_near_is_served_that_has_not_been_proved_for_long),
        FACT(reads_of_one_key_share_one_load),
        FACT(keys_that_are_read_together_are_loaded_in_one_call),
        FACT(two_processes_share_one_load_by_lease),
        FACT(an_origin_answers_who_came_late_only_with_what_redis_took),
        FACT(who_hears_nothing_answers_who_came_late_only_with_what_redis_took),
        FACT(min_version_looks_past_what_is_older),
        FACT(no_cache_is_loaded_after_it_was_asked_for),
        FACT(only_cached_never_loads),
    };
    fr_redis_server_start(&server, NULL);
    fr_wait_init(&database.wait);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fr_wait_fini(&database.wait);
    fr_redis_server_stop(&server);
    return failed;
}
