/* SPDX-License-Identifier: MIT */
/*
 * test_cache.c - reads through a near cache and a real Redis: levels, single-flight, demands, expiry, limits.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <string.h>

#include "base/clock.h"
#include "library_fixture.h"

static struct fr_redis_server server;
static struct database database;

static int reset(void **state)
{
    (void)state;
    redisContext *redis = redisConnect("127.0.0.1", server.port);
    assert_true(redis != NULL && redis->err == 0);
    freeReplyObject(redisCommand(redis, "FLUSHALL"));
    redisFree(redis);
    memset(database.versions, 0, sizeof database.versions);
    return 0;
}

static void open_near(struct library *self)
{
    library_open(self, &database, &server, &(struct library_options){.near = true});
}

static void expect(const struct answer *answer, enum fr_source source, uint64_t version)
{
    assert_int_equal(answer->code, version == 0 ? FR_NOT_FOUND : FR_OK);
    assert_string_equal(fr_source_name(answer->source), fr_source_name(source));
    if (version != 0) {
        assert_int_equal(answer->version, version);
        assert_int_equal(answer->payload, version);
    }
}

static void expect_get(struct library *self, unsigned row, enum fr_source source, uint64_t version)
{
    struct answer answer = library_get(self, row);
    expect(&answer, source, version);
}

/* ---- levels ---- */

static void a_miss_is_loaded_once_and_then_near(void **state)
{
    (void)state;
    struct library a;
    open_near(&a);
    library_set_row(&database, 1, 5);
    expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    expect_get(&a, 1, FR_SOURCE_NEAR, 5);
    expect_get(&a, 1, FR_SOURCE_NEAR, 5);
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
    expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    expect_get(&b, 1, FR_SOURCE_REDIS, 5);
    expect_get(&b, 1, FR_SOURCE_NEAR, 5);
    assert_int_equal(b.loads, 0);
    library_close(&b);
    library_close(&a);
}

static void not_found_is_kept_until_a_write_says_otherwise(void **state)
{
    (void)state;
    struct library a;
    open_near(&a);
    expect_get(&a, 1, FR_SOURCE_ORIGIN, 0);
    struct answer again = library_get(&a, 1);
    expect(&again, FR_SOURCE_NEAR, 0);
    assert_string_equal(again.message, "row '1' does not exist");
    library_write(&a, 1, 6);
    expect_get(&a, 1, FR_SOURCE_ORIGIN, 6);
    library_close(&a);
}

static void a_write_empties_every_process(void **state)
{
    (void)state;
    struct library a, b;
    open_near(&a);
    open_near(&b);
    library_set_row(&database, 1, 5);
    expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    expect_get(&b, 1, FR_SOURCE_REDIS, 5);
    library_write(&a, 1, 6);
    expect_get(&a, 1, FR_SOURCE_ORIGIN, 6); /* whoever wrote sees it at once */
    assert_true(fr_wait_for(b.wait, &b.heard, 1, FR_TEST_PATIENCE_US));
    expect_get(&b, 1, FR_SOURCE_REDIS, 6);
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
    expect(&slow, FR_SOURCE_ORIGIN, 5);
    expect_get(&a, 1, FR_SOURCE_ORIGIN, 6);
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
        reset(NULL);
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
    expect(&second, FR_SOURCE_REDIS, 5);
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
    expect(&early, FR_SOURCE_ORIGIN, 5);
    library_wait(&late);
    expect(&late, FR_SOURCE_ORIGIN, 6);
    assert_int_equal(a.loads, 2);
    library_close(&other);
    library_close(&a);
}

/* ---- demands ---- */

static void min_version_looks_past_what_is_older(void **state)
{
    (void)state;
    struct library a;
    open_near(&a);
    library_set_row(&database, 1, 5);
    expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    library_set_row(&database, 1, 6); /* committed, and nobody was told yet */
    expect_get(&a, 1, FR_SOURCE_NEAR, 5);
    struct answer answer = library_get_with(&a, 1, (struct fr_demand){.min_version = 5});
    expect(&answer, FR_SOURCE_NEAR, 5);
    answer = library_get_with(&a, 1, (struct fr_demand){.min_version = 6});
    expect(&answer, FR_SOURCE_ORIGIN, 6);
    assert_int_equal(a.demand.min_version, 6);
    expect_get(&a, 1, FR_SOURCE_NEAR, 6);
    /* A version that the row will never have: the database has the last word. */
    answer = library_get_with(&a, 1, (struct fr_demand){.min_version = 1000});
    expect(&answer, FR_SOURCE_ORIGIN, 6);
    library_close(&a);
}

static void no_cache_is_loaded_after_it_was_asked_for(void **state)
{
    (void)state;
    struct library a;
    struct answer plain, forced;
    open_near(&a);
    library_set_row(&database, 1, 5);
    expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    forced = library_get_with(&a, 1, (struct fr_demand){.no_cache = true});
    expect(&forced, FR_SOURCE_ORIGIN, 5);
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
    expect(&plain, FR_SOURCE_ORIGIN, 6);
    library_wait(&forced);
    expect(&forced, FR_SOURCE_ORIGIN, 7);
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
    expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    answer = library_get_with(&a, 1, (struct fr_demand){.only_cached = true});
    expect(&answer, FR_SOURCE_NEAR, 5);
    answer = library_get_with(&b, 1, (struct fr_demand){.only_cached = true});
    expect(&answer, FR_SOURCE_REDIS, 5);
    library_close(&b);
    library_close(&a);
}

/* ---- expiry ---- */

static void an_expired_value_serves_while_the_origin_cannot_be_reached(void **state)
{
    (void)state;
    struct library a;
    library_open(&a, &database, &server,
                 &(struct library_options){.near = true, .ttl_us = 1000, .stale_us = 60 * FR_SECOND_US});
    library_set_row(&database, 1, 5);
    expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    library_fail(&a, FR_UNAVAILABLE);
    struct answer answer = library_get(&a, 1);
    for (uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US; answer.source != FR_SOURCE_STALE;) {
        assert_true(fr_clock_now_us() < end_us);
        answer = library_get(&a, 1);
    }
    expect(&answer, FR_SOURCE_STALE, 5);
    /* Who demands more is told why it is not there. */
    answer = library_get_with(&a, 1, (struct fr_demand){.min_version = 6});
    assert_int_equal(answer.code, FR_UNAVAILABLE);
    answer = library_get_with(&a, 1, (struct fr_demand){.no_cache = true});
    assert_int_equal(answer.code, FR_UNAVAILABLE);
    /* An origin that is sure of its error is believed. */
    library_fail(&a, FR_PERMISSION_DENIED);
    answer = library_get(&a, 1);
    assert_int_equal(answer.code, FR_PERMISSION_DENIED);
    library_fail(&a, FR_OK);
    library_set_row(&database, 1, 6);
    expect_get(&a, 1, FR_SOURCE_ORIGIN, 6);
    library_close(&a);
}

static void a_failed_load_without_an_old_value_is_told(void **state)
{
    (void)state;
    struct library a;
    open_near(&a);
    library_fail(&a, FR_UNAVAILABLE);
    struct answer answer = library_get(&a, 1);
    assert_int_equal(answer.code, FR_UNAVAILABLE);
    assert_string_equal(answer.message, "as the test wants");
    library_fail(&a, FR_OK);
    library_set_row(&database, 1, 5);
    expect_get(&a, 1, FR_SOURCE_ORIGIN, 5); /* at once: the failed one gave its lease back */
    library_close(&a);
}

static void hits_near_the_expiry_refresh_in_the_background(void **state)
{
    (void)state;
    struct library a;
    library_open(&a, &database, &server, &(struct library_options){.near = true, .ttl_us = 200 * FR_MILLISECOND_US});
    library_set_row(&database, 1, 5);
    expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    /* The first load's time makes the draws likely over the whole last quarter. */
    library_hold(&a, true);
    struct answer slow;
    library_start(&a, 2, NULL, &slow);
    library_wait_loads(&a, 2);
    uint64_t until_us = fr_clock_now_us() + 100 * FR_MILLISECOND_US;
    while (fr_clock_now_us() < until_us) {
        library_get(&a, 1);
    }
    library_hold(&a, false);
    library_release(&a);
    library_wait(&slow);
    struct fr_cache_statistics now = {0};
    for (uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US; now.refreshes == 0 || now.fills < 4;) {
        assert_true(fr_clock_now_us() < end_us);
        struct answer answer = library_get(&a, 1);
        assert_int_equal(answer.payload, 5);
        fr_cache_statistics(a.cache, &now);
    }
    library_close(&a);
}

/* ---- limits ---- */

static void each_reader_has_its_own_deadline(void **state)
{
    (void)state;
    struct library a;
    struct answer hasty, patient;
    open_near(&a);
    library_set_row(&database, 1, 5);
    library_hold(&a, true);
    library_start(&a, 1, &(struct fr_cache_read){.deadline_us = fr_clock_now_us() + 1000}, &hasty);
    library_start(&a, 1, NULL, &patient);
    library_wait(&hasty);
    assert_int_equal(hasty.code, FR_DEADLINE_EXCEEDED);
    library_wait_loads(&a, 1);
    library_hold(&a, false);
    library_release(&a);
    library_wait(&patient);
    expect(&patient, FR_SOURCE_ORIGIN, 5);
    assert_int_equal(a.loads, 1);
    library_close(&a);
}

static void a_load_that_does_not_end_is_given_up(void **state)
{
    (void)state;
    struct library a;
    library_open(&a, &database, &server,
                 &(struct library_options){.near = true, .load_timeout_us = 30 * FR_MILLISECOND_US});
    library_set_row(&database, 1, 5);
    library_hold(&a, true);
    struct answer answer = library_get(&a, 1);
    assert_int_equal(answer.code, FR_DEADLINE_EXCEEDED);
    library_hold(&a, false);
    expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    library_release_as(&a, 4); /* nobody wants it any more */
    expect_get(&a, 1, FR_SOURCE_NEAR, 5);
    struct fr_cache_statistics now;
    fr_cache_statistics(a.cache, &now);
    assert_int_equal(now.load_timeouts, 1);
    library_close(&a);
}

static void loads_beyond_the_most_wait_and_beyond_that_are_refused(void **state)
{
    (void)state;
    struct library a;
    struct answer answers[5];
    library_open(&a, &database, &server, &(struct library_options){.max_loads = 2, .max_waiting_loads = 2});
    library_hold(&a, true);
    for (unsigned row = 0; row < 4; row++) {
        library_set_row(&database, row, row + 1);
        library_start(&a, row, NULL, &answers[row]);
    }
    struct fr_cache_statistics now = {0};
    for (uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US; now.waiting_loads < 2;) {
        assert_true(fr_clock_now_us() < end_us);
        fr_cache_statistics(a.cache, &now);
    }
    struct answer refused = library_get(&a, 4);
    assert_int_equal(refused.code, FR_RESOURCE_EXHAUSTED);
    library_hold(&a, false);
    library_release(&a);
    for (unsigned row = 0; row < 4; row++) {
        library_wait(&answers[row]);
        assert_int_equal(answers[row].payload, row + 1);
    }
    assert_int_equal(a.most_open, 2);
    assert_int_equal(a.loads, 4);
    library_close(&a);
}

static void without_redis_reads_are_loaded_and_share_their_loads(void **state)
{
    (void)state;
    struct library a;
    static struct answer answers[MANY];
    library_open(&a, &database, &server, &(struct library_options){.near = true, .url = "redis://127.0.0.1:1/0"});
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
        expect(&answers[i], FR_SOURCE_ORIGIN, 5);
    }
    assert_true(a.loads <= 2);
    expect_get(&a, 1, FR_SOURCE_ORIGIN, 5); /* nothing near is served that no invalidation would reach */
    library_close(&a);
}

static void a_stopped_cache_starts_no_load_and_its_end_waits_for_those_under_way(void **state)
{
    (void)state;
    struct library a;
    struct answer under_way;
    open_near(&a);
    library_set_row(&database, 1, 5);
    library_hold(&a, true);
    library_start(&a, 1, NULL, &under_way);
    library_wait_loads(&a, 1);
    fr_cache_stop(a.cache);
    struct answer refused = library_get(&a, 2);
    assert_int_equal(refused.code, FR_CANCELLED);
    library_release(&a);
    library_close(&a);
    assert_int_equal(under_way.count, 1);
    assert_int_equal(a.loads, 1);
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
        FACT(reads_of_one_key_share_one_load),
        FACT(keys_that_are_read_together_are_loaded_in_one_call),
        FACT(two_processes_share_one_load_by_lease),
        FACT(an_origin_answers_who_came_late_only_with_what_redis_took),
        FACT(min_version_looks_past_what_is_older),
        FACT(no_cache_is_loaded_after_it_was_asked_for),
        FACT(only_cached_never_loads),
        FACT(an_expired_value_serves_while_the_origin_cannot_be_reached),
        FACT(a_failed_load_without_an_old_value_is_told),
        FACT(hits_near_the_expiry_refresh_in_the_background),
        FACT(each_reader_has_its_own_deadline),
        FACT(a_load_that_does_not_end_is_given_up),
        FACT(loads_beyond_the_most_wait_and_beyond_that_are_refused),
        FACT(without_redis_reads_are_loaded_and_share_their_loads),
        FACT(a_stopped_cache_starts_no_load_and_its_end_waits_for_those_under_way),
    };
    fr_redis_server_start(&server, NULL);
    fr_wait_init(&database.wait);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fr_wait_fini(&database.wait);
    fr_redis_server_stop(&server);
    return failed;
}
