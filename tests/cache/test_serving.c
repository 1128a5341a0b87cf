/* SPDX-License-Identifier: MIT */
/*
 * test_serving.c - when a near cache may serve, with a real Redis that loses, forgets, stops and begins anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cache/record.h"
#include "cache_fixture.h"

#define LEASE_US   (10 * FR_SECOND_US)
#define LIMIT_US   (500 * FR_MILLISECOND_US) /* the age of the last good question at which serving ends */
#define COUNTER    "cache-invalidation:number"
#define CLOCK_LIKE 1000000000000000ll /* what a counter that began at Redis's clock is above */

static struct fr_redis_server server;

static bool serves(struct fixture *f)
{
    uint64_t until_us = fr_shared_cache_serves_until(f->cache);
    return fr_clock_now_us() < until_us;
}

/* Waits until a cause has been given that often. */
static void wait_drop(struct fixture *f, enum fr_drop_cause cause, uint64_t times)
{
    if (!fr_wait_for(&f->wait, &f->drops[cause], times, FR_TEST_PATIENCE_US)) {
        fail_msg("no drop for %s", fr_drop_cause_name(cause));
    }
}

static uint64_t drops(struct fixture *f, enum fr_drop_cause cause)
{
    fr_wait_lock(&f->wait);
    uint64_t count = f->drops[cause];
    fr_wait_unlock_changed(&f->wait);
    return count;
}

/* Each look is a round trip through the loop and Redis, so that what was under way has been handled. */
static void wait_serving_beyond(struct fixture *f, uint64_t time_us)
{
    uint64_t deadline_us = fr_clock_now_us() + FR_TEST_PATIENCE_US;
    while (fr_shared_cache_serves_until(f->cache) <= time_us && fr_clock_now_us() < deadline_us) {
        do_get(f, "1");
    }
    assert_true(fr_shared_cache_serves_until(f->cache) > time_us);
}

static void wait_serving(struct fixture *f)
{
    wait_serving_beyond(f, fr_clock_now_us());
}

static int open_serving(void **state)
{
    static struct fixture fixture;
    fixture_open(&fixture, &server, &(struct fixture_options){.subscribe = true});
    fixture_wait_up(&fixture, 1);
    wait_drop(&fixture, FR_DROP_BASE_LINE, 1);
    wait_serving(&fixture);
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    fixture_close(*state);
    return 0;
}

/* After what should have made it stop: there is another base-line, and it goes on. */
static void assert_serves_again(struct fixture *f)
{
    wait_drop(f, FR_DROP_BASE_LINE, 2);
    wait_serving(f);
    fr_wait_lock(&f->wait);
    uint64_t heard = f->event_count;
    fr_wait_unlock_changed(&f->wait);
    assert_int_equal(do_invalidate(f, "again", 100).code, FR_OK);
    assert_true(fr_wait_for(&f->wait, &f->event_count, heard + 1, FR_TEST_PATIENCE_US));
    wait_serving_beyond(f, fr_clock_now_us() + LIMIT_US - 50 * FR_MILLISECOND_US);
}

static void events_in_order_and_quiet_times_keep_it_serving(void **state)
{
    struct fixture *f = *state;
    uint64_t begun_us = fr_clock_now_us(), sent = 0;
    while (fr_clock_now_us() < begun_us + 2 * LIMIT_US) {
        assert_int_equal(do_invalidate(f, "1", ++sent).code, FR_OK);
    }
    assert_true(fr_wait_for(&f->wait, &f->event_count, sent, FR_TEST_PATIENCE_US));
    wait_serving_beyond(f, fr_clock_now_us() + LIMIT_US);
    assert_int_equal(drops(f, FR_DROP_GAP), 0);
    assert_int_equal(drops(f, FR_DROP_INCARNATION), 0);
    assert_int_equal(drops(f, FR_DROP_CONNECTION), 0);
}

static void publish_by_hand(struct fixture *f, uint64_t number)
{
    struct fr_buffer bytes = {.size = 0};
    fr_invalidation_event_encode(
        &(struct fr_invalidation_event){.number = number, .version = 7, .key = fr_bytes_of("user:1")},
        &bytes);
    assert_int_equal(fixture_redis_integer(f, "PUBLISH cache-invalidation %b", bytes.data, bytes.size), 1);
    fr_buffer_fini(&bytes);
}

static void a_number_that_is_skipped_drops_everything(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(do_invalidate(f, "1", 5).code, FR_OK);
    assert_true(fr_wait_for(&f->wait, &f->event_count, 1, FR_TEST_PATIENCE_US));
    publish_by_hand(f, f->events[0].number + 2);
    wait_drop(f, FR_DROP_GAP, 1);
    assert_serves_again(f);
}

static void a_number_that_is_repeated_drops_everything(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(do_invalidate(f, "1", 5).code, FR_OK);
    assert_true(fr_wait_for(&f->wait, &f->event_count, 1, FR_TEST_PATIENCE_US));
    publish_by_hand(f, f->events[0].number);
    wait_drop(f, FR_DROP_GAP, 1);
    assert_serves_again(f);
}

static void what_was_counted_and_never_came_drops_everything(void **state)
{
    struct fixture *f = *state;
    fixture_redis_integer(f, "INCR " COUNTER);
    wait_drop(f, FR_DROP_SILENT, 1);
    assert_serves_again(f);
}

static void a_cut_subscription_drops_everything(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_redis_integer(f, "CLIENT KILL TYPE pubsub"), 1);
    wait_drop(f, FR_DROP_CONNECTION, 1);
    assert_serves_again(f);
}

/* If it is back before the next question is due, nothing was missed and nothing is dropped. */
static void a_cut_command_connection_only_delays_the_question(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 1; i <= 3; i++) {
        fixture_redis_integer(f, "CLIENT KILL TYPE normal SKIPME yes");
        fixture_wait_up(f, i + 1);
        wait_serving_beyond(f, fr_clock_now_us() + LIMIT_US - 50 * FR_MILLISECOND_US);
    }
    assert_int_equal(drops(f, FR_DROP_BASE_LINE), 1 + drops(f, FR_DROP_UNANSWERED));
}

static void an_empty_redis_after_a_restart_drops_everything(void **state)
{
    struct fixture *f = *state;
    fr_redis_server_kill(&server);
    wait_drop(f, FR_DROP_CONNECTION, 1);
    fr_redis_server_restart(&server);
    fixture_wait_up(f, 2);
    assert_serves_again(f);
}

static long long read_counter(struct fixture *f)
{
    redisReply *reply = fixture_redis(f, "GET " COUNTER);
    long long counter = 0;
    assert_int_equal(reply->type, REDIS_REPLY_STRING);
    assert_int_equal(sscanf(reply->str, "%lld", &counter), 1);
    freeReplyObject(reply);
    return counter;
}

static void a_flushed_counter_drops_everything_and_begins_elsewhere(void **state)
{
    struct fixture *f = *state;
    freeReplyObject(fixture_redis(f, "FLUSHALL"));
    wait_drop(f, FR_DROP_SILENT, 1);
    assert_serves_again(f);
    assert_true(read_counter(f) > CLOCK_LIKE);
}

static void a_publisher_who_finds_no_counter_makes_a_gap(void **state)
{
    struct fixture *f = *state;
    /* Both at once, or a question comes between. */
    redisReply *reply = fixture_redis(f, "SET " COUNTER " 0");
    freeReplyObject(reply);
    assert_int_equal(do_invalidate(f, "1", 5).code, FR_OK);
    assert_serves_again(f);
    assert_true(drops(f, FR_DROP_GAP) + drops(f, FR_DROP_SILENT) >= 1);
    assert_true(read_counter(f) > CLOCK_LIKE);
}

static void a_counter_that_is_no_number_stops_it_until_it_is_gone(void **state)
{
    struct fixture *f = *state;
    freeReplyObject(fixture_redis(f, "SET " COUNTER " nonsense"));
    wait_drop(f, FR_DROP_UNANSWERED, 1);
    assert_false(serves(f));
    assert_int_equal(fixture_redis_integer(f, "DEL " COUNTER), 1);
    assert_serves_again(f);
}

static void promote(struct fixture *f)
{
    /* In one write, so that Redis was a replica for no command of others. */
    redisAppendCommand(f->redis, "REPLICAOF 127.0.0.1 1");
    redisAppendCommand(f->redis, "REPLICAOF NO ONE");
    for (unsigned i = 0; i < 2; i++) {
        void *reply = NULL;
        assert_int_equal(redisGetReply(f->redis, &reply), REDIS_OK);
        freeReplyObject(reply);
    }
}

static void a_promotion_on_the_same_connections_drops_everything(void **state)
{
    struct fixture *f = *state;
    assert_true(do_lease(f, "1", 71, LEASE_US).granted);
    assert_true(do_fill(f, "1", 71, 5, "old").stored);
    promote(f);
    wait_drop(f, FR_DROP_INCARNATION, 1);
    fixture_wait_up(f, 2);
    assert_int_equal(do_get(f, "1").kind, FR_VALUE_NONE);
    assert_serves_again(f);
}

static void a_demoted_redis_stops_it_until_it_is_promoted(void **state)
{
    struct fixture *f = *state;
    freeReplyObject(fixture_redis(f, "REPLICAOF 127.0.0.1 1"));
    wait_drop(f, FR_DROP_UNANSWERED, 1);
    assert_true(fr_wait_for(&f->wait, &f->downs, 1, FR_TEST_PATIENCE_US));
    assert_int_equal(fr_shared_cache_serves_until(f->cache), 0);
    freeReplyObject(fixture_redis(f, "REPLICAOF NO ONE"));
    fixture_wait_up(f, 2);
    assert_serves_again(f);
}

static void a_stopped_redis_stops_it_within_the_limit(void **state)
{
    struct fixture *f = *state;
    fr_redis_server_pause(&server);
    uint64_t paused_us = fr_clock_now_us();
    /* Whatever it takes to notice: by the clock it has stopped before. */
    uint64_t never = 0, until_us;
    while ((until_us = fr_shared_cache_serves_until(f->cache)) != 0) {
        assert_true(until_us <= paused_us + LIMIT_US);
        fr_wait_for(&f->wait, &never, 1, FR_MILLISECOND_US);
    }
    wait_drop(f, FR_DROP_UNANSWERED, 1);
    fr_redis_server_resume(&server);
    assert_serves_again(f);
}

struct blocking {
    struct fr_task task;
    struct fixture *fixture;
    uint64_t entered, released; /* guarded by the fixture's wait */
};

static void block(struct fr_task *task)
{
    struct blocking *self = (struct blocking *)task;
    fr_wait_lock(&self->fixture->wait);
    self->entered++;
    fr_wait_unlock_changed(&self->fixture->wait);
    fr_wait_for(&self->fixture->wait, &self->released, 1, FR_TEST_PATIENCE_US);
}

static void a_loop_that_hangs_stops_it_by_the_clock(void **state)
{
    struct fixture *f = *state;
    struct blocking blocking = {.task.run = block, .fixture = f};
    uint64_t never = 0;
    fr_loop_post(f->loop, &blocking.task);
    assert_true(fr_wait_for(&f->wait, &blocking.entered, 1, FR_TEST_PATIENCE_US));
    uint64_t until_us = fr_shared_cache_serves_until(f->cache), now_us = fr_clock_now_us();
    assert_true(until_us <= now_us + LIMIT_US);
    while (serves(f)) {
        fr_wait_for(&f->wait, &never, 1, until_us - now_us);
    }
    assert_int_equal(fr_shared_cache_serves_until(f->cache), until_us);
    fr_wait_lock(&f->wait);
    blocking.released++;
    fr_wait_unlock_changed(&f->wait);
    wait_serving(f);
}

static void forgotten_scripts_do_not_stop_it(void **state)
{
    struct fixture *f = *state;
    freeReplyObject(fixture_redis(f, "SCRIPT FLUSH"));
    wait_serving_beyond(f, fr_clock_now_us() + 2 * LIMIT_US);
}

static void without_a_subscription_it_never_serves(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, &server, &(struct fixture_options){.subscribe = false});
    fixture_wait_up(&f, 1);
    do_get(&f, "1");
    assert_int_equal(fr_shared_cache_serves_until(f.cache), 0);
    fixture_close(&f);
}

static void redis_is_sampled_and_a_promotion_found_without_a_subscription(void **state)
{
    (void)state;
    struct fixture f;
    struct fr_redis_info info = {.sampled_us = 0};
    fixture_open(&f, &server, &(struct fixture_options){.subscribe = false});
    fixture_wait_up(&f, 1);
    uint64_t deadline_us = fr_clock_now_us() + FR_TEST_PATIENCE_US;
    while (!fr_shared_cache_redis_info(f.cache, &info) && fr_clock_now_us() < deadline_us) {
        do_get(&f, "1");
    }
    assert_true(info.sampled_us != 0 && info.round_trip_us > 0);
    assert_true(info.memory_bytes > 100000 && info.clients >= 2);
    assert_int_equal(info.evicted_keys, 0);
    promote(&f);
    fixture_wait_up(&f, 2);
    fixture_close(&f);
}

int main(void)
{
#define SERVING_TEST(name) cmocka_unit_test_setup_teardown(name, open_serving, close_fixture)
    const struct CMUnitTest tests[] = {
        SERVING_TEST(events_in_order_and_quiet_times_keep_it_serving),
        SERVING_TEST(a_number_that_is_skipped_drops_everything),
        SERVING_TEST(a_number_that_is_repeated_drops_everything),
        SERVING_TEST(what_was_counted_and_never_came_drops_everything),
        SERVING_TEST(a_cut_subscription_drops_everything),
        SERVING_TEST(a_cut_command_connection_only_delays_the_question),
        SERVING_TEST(an_empty_redis_after_a_restart_drops_everything),
        SERVING_TEST(a_flushed_counter_drops_everything_and_begins_elsewhere),
        SERVING_TEST(a_publisher_who_finds_no_counter_makes_a_gap),
        SERVING_TEST(a_counter_that_is_no_number_stops_it_until_it_is_gone),
        SERVING_TEST(a_promotion_on_the_same_connections_drops_everything),
        SERVING_TEST(a_demoted_redis_stops_it_until_it_is_promoted),
        SERVING_TEST(a_stopped_redis_stops_it_within_the_limit),
        SERVING_TEST(a_loop_that_hangs_stops_it_by_the_clock),
        SERVING_TEST(forgotten_scripts_do_not_stop_it),
        cmocka_unit_test(without_a_subscription_it_never_serves),
        cmocka_unit_test(redis_is_sampled_and_a_promotion_found_without_a_subscription),
    };
    fr_redis_server_start(&server, NULL);
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    fr_redis_server_stop(&server);
    return failures;
}
