/* SPDX-License-Identifier: MIT */
/*
 * test_cache_limits.c - what expires, what is limited, and what is counted.
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

#define MANY 500

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

/* ---- expiry ---- */

static void an_expired_value_serves_while_the_origin_cannot_be_reached(void **state)
{
    (void)state;
    struct library a;
    library_open(&a, &database, &server,
                 &(struct library_options){.near = true, .ttl_us = 1000, .stale_us = 60 * FR_SECOND_US});
    library_set_row(&database, 1, 5);
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    library_fail(&a, FR_UNAVAILABLE);
    struct answer answer = library_get(&a, 1);
    for (uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US; answer.source != FR_SOURCE_STALE;) {
        assert_true(fr_clock_now_us() < end_us);
        answer = library_get(&a, 1);
    }
    library_expect(&answer, FR_SOURCE_STALE, 5);
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
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 6);
    library_close(&a);
}

static void delete_record(const char *key)
{
    redisContext *redis = redisConnect("127.0.0.1", server.port);
    assert_true(redis != NULL && redis->err == 0);
    freeReplyObject(redisCommand(redis, "DEL %s", key));
    redisFree(redis);
}

/* Reads until the entry's fresh time, which is a millisecond, is over. */
static void wait_stale(struct library *a)
{
    struct answer answer = library_get(a, 1);
    for (uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US; answer.source != FR_SOURCE_STALE;) {
        assert_true(fr_clock_now_us() < end_us);
        answer = library_get(a, 1);
    }
    library_expect(&answer, FR_SOURCE_STALE, 5);
}

static void an_expired_value_serves_from_the_near_cache_when_redis_lost_it(void **state)
{
    (void)state;
    struct library a, b;
    struct answer answer;
    const struct library_options options = {.near = true, .ttl_us = 1000, .stale_us = 60 * FR_SECOND_US};
    library_open(&a, &database, &server, &options);
    library_open(&b, &database, &server, &options);
    library_set_row(&database, 1, 5);
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    library_fail(&a, FR_UNAVAILABLE);
    delete_record("library:row:1");
    wait_stale(&a);
    assert_int_equal(library_get_with(&a, 1, (struct fr_demand){.min_version = 6}).code, FR_UNAVAILABLE);
    /* Not where it was never read, nor once it was invalidated, nor without the proof that it was not. */
    library_fail(&b, FR_UNAVAILABLE);
    assert_int_equal(library_get(&b, 1).code, FR_UNAVAILABLE);
    library_write(&b, 1, 6);
    assert_true(fr_wait_for(a.wait, &a.heard, 1, FR_TEST_PATIENCE_US));
    assert_int_equal(library_get(&a, 1).code, FR_UNAVAILABLE);
    library_set_row(&database, 1, 5);
    library_fail(&a, FR_OK);
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    library_fail(&a, FR_UNAVAILABLE);
    delete_record("library:row:1");
    wait_stale(&a);
    fr_redis_server_pause(&server);
    answer = library_get(&a, 1);
    for (uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US; answer.code != FR_UNAVAILABLE;) {
        assert_true(fr_clock_now_us() < end_us);
        answer = library_get(&a, 1);
    }
    fr_redis_server_resume(&server);
    library_close(&a);
    library_close(&b);
}

/* Both the record of Redis and the entry of the near cache. */
static void an_old_value_that_is_invalidated_meanwhile_serves_nobody(void **state)
{
    (void)state;
    for (unsigned lost = 0; lost < 2; lost++) {
        struct library a, b;
        struct answer before, after;
        const struct library_options options = {.near = true, .ttl_us = 1000, .stale_us = 60 * FR_SECOND_US};
        library_reset(&database, &server);
        library_open(&a, &database, &server, &options);
        library_open(&b, &database, &server, &(struct library_options){.near = true});
        library_set_row(&database, 1, 5);
        library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
        library_fail(&a, FR_UNAVAILABLE);
        if (lost == 1) {
            delete_record("library:row:1");
        }
        wait_stale(&a);
        uint64_t loads = a.loads;
        library_hold(&a, true);
        library_start(&a, 1, NULL, &before);
        library_wait_loads(&a, loads + 1);
        library_write(&b, 1, 6);
        assert_true(fr_wait_for(a.wait, &a.heard, 1, FR_TEST_PATIENCE_US));
        library_start(&a, 1, NULL, &after);
        struct fr_cache_statistics now = {0};
        for (uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US; now.coalesced == 0;) {
            assert_true(fr_clock_now_us() < end_us);
            fr_cache_statistics(a.cache, &now);
        }
        library_release(&a);
        library_wait(&before);
        library_wait(&after);
        assert_int_equal(before.code, FR_UNAVAILABLE);
        assert_int_equal(after.code, FR_UNAVAILABLE);
        library_close(&a);
        library_close(&b);
    }
}

/* Starts reads of row 1 of a until one finds it expired and waits for its load, which is held. */
static void start_expired(struct library *a, struct answer *answer)
{
    uint64_t before = a->loads, loads = before;
    library_hold(a, true);
    for (uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US; loads == before;) {
        assert_true(fr_clock_now_us() < end_us);
        library_start(a, 1, NULL, answer);
        while (!fr_wait_for(a->wait, &answer->count, 1, 0) && loads == before) {
            fr_wait_lock(a->wait);
            loads = a->loads;
            fr_wait_unlock_changed(a->wait);
        }
    }
}

static void wait_coalesced(struct library *a)
{
    struct fr_cache_statistics now = {0};
    for (uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US; now.coalesced == 0;) {
        assert_true(fr_clock_now_us() < end_us);
        fr_cache_statistics(a->cache, &now);
    }
}

/* No event takes the old value away from these: Redis has to be asked again, or who came later has to. */
static void who_asks_after_an_invalidation_gets_no_old_value_from_who_hears_none(void **state)
{
    (void)state;
    static const enum fr_read_role roles[] = {FR_READ_ORIGIN, FR_READ_BOTH, FR_READ_CONSUMER};
    for (unsigned i = 0; i < 3; i++) {
        struct library a, other;
        struct answer before, after;
        const struct library_options options = {.ttl_us = 1000, .stale_us = 60 * FR_SECOND_US};
        struct library_options as = options;
        as.role = roles[i];
        library_reset(&database, &server);
        library_open(&other, &database, &server, &options);
        library_open(&a, &database, &server, &as);
        library_set_row(&database, 1, 5);
        library_expect_get(&other, 1, FR_SOURCE_ORIGIN, 5);
        start_expired(&a, &before);
        library_write(&other, 1, 6);
        library_start(&a, 1, NULL, &after);
        wait_coalesced(&a);
        library_fail(&a, FR_UNAVAILABLE);
        library_hold(&a, false);
        library_release(&a);
        library_wait(&before);
        library_wait(&after);
        assert_int_equal(after.code, FR_UNAVAILABLE);
        /* A consumer does not ask Redis again; but this one asked before the write. */
        assert_int_equal(before.code, roles[i] == FR_READ_CONSUMER ? FR_OK : FR_UNAVAILABLE);
        library_close(&a);
        library_close(&other);
    }
}

static void who_joins_and_demands_more_than_the_old_value_is_told_why(void **state)
{
    (void)state;
    struct library a;
    struct answer plain, newer;
    library_open(&a, &database, &server, &(struct library_options){.ttl_us = 1000, .stale_us = 60 * FR_SECOND_US});
    library_set_row(&database, 1, 5);
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    start_expired(&a, &plain);
    library_start(&a, 1, &(struct fr_cache_read){.demand = {.min_version = 6}}, &newer);
    wait_coalesced(&a);
    library_fail(&a, FR_UNAVAILABLE);
    library_release(&a);
    library_wait(&plain);
    library_expect(&plain, FR_SOURCE_STALE, 5);
    library_wait(&newer);
    assert_int_equal(newer.code, FR_UNAVAILABLE);
    library_close(&a);
}

static void what_is_stale_at_the_origin_is_kept_nowhere(void **state)
{
    (void)state;
    struct library a;
    library_open(&a, &database, &server, &(struct library_options){.near = true, .role = FR_READ_CONSUMER});
    library_set_row(&database, 1, 5);
    a.source = FR_SOURCE_STALE;
    library_expect_get(&a, 1, FR_SOURCE_STALE, 5);
    library_expect_get(&a, 1, FR_SOURCE_STALE, 5);
    a.source = FR_SOURCE_ORIGIN;
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    library_expect_get(&a, 1, FR_SOURCE_NEAR, 5);
    library_close(&a);
}

/* A loader that hangs counts as away; who has no old value waits on. */
static void an_expired_value_serves_while_the_origin_hangs(void **state)
{
    (void)state;
    struct library a;
    struct answer answer, cold;
    library_open(&a, &database, &server,
                 &(struct library_options){.ttl_us = 1000, .stale_us = 60 * FR_SECOND_US,
                                           .load_timeout_us = FR_TEST_PATIENCE_US});
    library_set_row(&database, 1, 5);
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    library_hold(&a, true);
    library_start(&a, 2, NULL, &cold);
    library_wait_loads(&a, 2);
    answer = library_get(&a, 1);
    for (uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US; answer.source != FR_SOURCE_STALE;) {
        assert_true(fr_clock_now_us() < end_us);
        answer = library_get(&a, 1);
    }
    library_expect(&answer, FR_SOURCE_STALE, 5);
    fr_wait_lock(a.wait);
    assert_int_equal(cold.count, 0);
    fr_wait_unlock_changed(a.wait);
    library_hold(&a, false);
    library_release(&a);
    library_wait(&cold);
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
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 5); /* at once: the failed one gave its lease back */
    library_close(&a);
}

static void hits_near_the_expiry_refresh_in_the_background(void **state)
{
    (void)state;
    struct library a;
    library_open(&a, &database, &server, &(struct library_options){.near = true, .ttl_us = 200 * FR_MILLISECOND_US});
    library_set_row(&database, 1, 5);
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
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
    library_expect(&patient, FR_SOURCE_ORIGIN, 5);
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
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    library_release_as(&a, 4); /* nobody wants it any more */
    library_expect_get(&a, 1, FR_SOURCE_NEAR, 5);
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
    assert_true(refused.retry_after_us > 0);
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
        library_expect(&answers[i], FR_SOURCE_ORIGIN, 5);
    }
    assert_true(a.loads <= 2);
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 5); /* nothing near is served that no invalidation would reach */
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

/* ---- statistics ---- */

struct wanted {
    const char *name, *labels;
    int64_t value;
    unsigned seen;
};

static void compare(void *context, const struct fr_metric_sample *sample)
{
    for (struct wanted *wanted = context; wanted->name != NULL; wanted++) {
        const char *labels = sample->metric->labels != NULL ? sample->metric->labels : "";
        if (strcmp(sample->metric->name, wanted->name) == 0 && strcmp(labels, wanted->labels) == 0) {
            int64_t value = sample->histogram != NULL ? (int64_t)sample->histogram->count : sample->value;
            if (value != wanted->value) {
                fail_msg("%s{%s} is %lld", wanted->name, labels, (long long)value);
            }
            wanted->seen++;
        }
    }
}

static void the_registry_tells_what_happened(void **state)
{
    (void)state;
    struct wanted all[] = {
        {"freshet_cache_hits_total", "level=\"near\"", 2, 0},
        {"freshet_cache_hits_total", "level=\"redis\"", 1, 0},
        {"freshet_cache_origin_answers_total", "", 2, 0},
        {"freshet_cache_misses_total", "", 2, 0},
        {"freshet_cache_loads_total", "", 2, 0},
        {"freshet_cache_load_us", "", 2, 0},
        {"freshet_cache_fills_total", "", 2, 0},
        {"freshet_cache_leases_total", "outcome=\"granted\"", 2, 0},
        {"freshet_cache_invalidations_sent_total", "", 1, 0},
        {"freshet_cache_invalidations_received_total", "", 1, 0},
        {"freshet_cache_invalidation_delay_us", "", 1, 0},
        {"freshet_cache_drops_total", "cause=\"base_line\"", 1, 0},
        {"freshet_cache_drops_total", "cause=\"gap\"", 0, 0},
        {"freshet_cache_near_serves", "", 1, 0},
        {"freshet_cache_loading", "", 0, 0},
        {"freshet_near_cache_entries", "", 1, 0},
        {"freshet_redis_connected", "", 1, 0},
        {NULL, NULL, 0, 0},
    };
    struct library a;
    struct fr_metrics *metrics;
    assert_int_equal(fr_metrics_new(&metrics, NULL), FR_OK);
    library_open(&a, &database, &server, &(struct library_options){.near = true, .metrics = metrics});
    library_set_row(&database, 1, 5);
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 5);
    library_expect_get(&a, 1, FR_SOURCE_NEAR, 5);
    fr_near_cache_drop(fr_cache_near(a.cache));
    library_expect_get(&a, 1, FR_SOURCE_REDIS, 5);
    library_expect_get(&a, 1, FR_SOURCE_NEAR, 5);
    library_write(&a, 1, 6);
    assert_true(fr_wait_for(a.wait, &a.heard, 1, FR_TEST_PATIENCE_US));
    library_expect_get(&a, 1, FR_SOURCE_ORIGIN, 6);
    fr_metrics_visit(metrics, compare, all);
    for (struct wanted *wanted = all; wanted->name != NULL; wanted++) {
        assert_int_equal(wanted->seen, 1);
    }
    struct fr_cache *second;
    struct fr_error error;
    const struct fr_cache_options options = {.url = server.url, .metrics = metrics};
    assert_int_equal(fr_cache_new(&options, &second, &error), FR_ALREADY_EXISTS);
    library_close(&a);
    fr_metrics_visit(metrics, compare, (struct wanted[]){{"freshet_cache_fills_total", "", -1, 0}, {NULL, NULL, 0, 0}});
    fr_metrics_free(metrics);
}

/* The fixture subscribes with a near cache only by asking for one. */
static void who_waits_has_its_answer_from_wherever_it_comes(void **state)
{
    (void)state;
    struct library a;
    struct answer answer;
    const struct fr_cache_read waiting = {.wait = true};
    library_open(&a, &database, &server, &(struct library_options){.near = true});
    for (uint64_t version = 5; version < 50; version++) {
        library_write(&a, 1, version);
        library_start(&a, 1, &waiting, &answer);
        assert_int_equal(answer.count, 1);
        library_expect(&answer, FR_SOURCE_ORIGIN, version);
    }
    library_expect_get(&a, 1, FR_SOURCE_NEAR, 49);
    library_start(&a, 1, &waiting, &answer);
    assert_int_equal(answer.count, 1);
    library_expect(&answer, FR_SOURCE_NEAR, 49);
    library_close(&a);
}

#define FACT(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(an_expired_value_serves_while_the_origin_cannot_be_reached),
        FACT(an_expired_value_serves_from_the_near_cache_when_redis_lost_it),
        FACT(an_old_value_that_is_invalidated_meanwhile_serves_nobody),
        FACT(who_asks_after_an_invalidation_gets_no_old_value_from_who_hears_none),
        FACT(who_joins_and_demands_more_than_the_old_value_is_told_why),
        FACT(what_is_stale_at_the_origin_is_kept_nowhere),
        FACT(an_expired_value_serves_while_the_origin_hangs),
        FACT(a_failed_load_without_an_old_value_is_told),
        FACT(hits_near_the_expiry_refresh_in_the_background),
        FACT(each_reader_has_its_own_deadline),
        FACT(a_load_that_does_not_end_is_given_up),
        FACT(loads_beyond_the_most_wait_and_beyond_that_are_refused),
        FACT(without_redis_reads_are_loaded_and_share_their_loads),
        FACT(a_stopped_cache_starts_no_load_and_its_end_waits_for_those_under_way),
        FACT(the_registry_tells_what_happened),
        FACT(who_waits_has_its_answer_from_wherever_it_comes),
    };
    fr_redis_server_start(&server, NULL);
    fr_wait_init(&database.wait);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fr_wait_fini(&database.wait);
    fr_redis_server_stop(&server);
    return failed;
}
