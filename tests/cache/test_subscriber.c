/* SPDX-License-Identifier: MIT */
/*
 * test_subscriber.c - the invalidation feed: order, numbers, namespaces, reconnects and silence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cache_fixture.h"
#include "relay.h"

#define ROUND_US (200 * FR_MILLISECOND_US)

static struct fr_redis_server server;

static uint64_t event_count(struct fixture *f)
{
    fr_wait_lock(&f->wait);
    uint64_t count = f->event_count;
    fr_wait_unlock_changed(&f->wait);
    return count;
}

/* Invalidates until one comes through: then the subscription stands. */
static void wait_subscribed(struct fixture *f)
{
    uint64_t before = event_count(f);
    uint64_t deadline_us = fr_clock_now_us() + FR_TEST_PATIENCE_US;
    bool heard = false;
    while (!heard && fr_clock_now_us() < deadline_us) {
        do_invalidate(f, "probe", 1);
        heard = fr_wait_for(&f->wait, &f->event_count, before + 1, ROUND_US);
    }
    assert_true(heard);
}

static void open_subscribed(struct fixture *f, const char *name_space)
{
    fixture_open(f, &server, &(struct fixture_options){.name_space = name_space, .subscribe = true});
    fixture_wait_up(f, 1);
    wait_subscribed(f);
}

/* The probes may be more than one: waits until the event of a key has come, and gives its place. */
static uint64_t find_event(struct fixture *f, const char *key)
{
    for (uint64_t seen = 0; fr_wait_for(&f->wait, &f->event_count, seen + 1, FR_TEST_PATIENCE_US); seen++) {
        if (strcmp(f->events[seen % FIXTURE_EVENTS].key, key) == 0) {
            return seen;
        }
    }
    fail_msg("no event of %s", key);
    return 0;
}

static void every_invalidation_is_heard_in_order_with_its_number(void **state)
{
    (void)state;
    struct fixture f;
    open_subscribed(&f, NULL);
    char id[16];
    for (unsigned i = 0; i < 50; i++) {
        snprintf(id, sizeof id, "k%u", i);
        assert_int_equal(do_invalidate(&f, id, 100 + i).code, FR_OK);
    }
    uint64_t first = find_event(&f, "user:k0");
    assert_true(fr_wait_for(&f.wait, &f.event_count, first + 50, FR_TEST_PATIENCE_US));
    for (unsigned i = 0; i < 50; i++) {
        snprintf(id, sizeof id, "user:k%u", i);
        assert_string_equal(f.events[first + i].key, id);
        assert_int_equal(f.events[first + i].version, 100 + i);
        assert_int_equal(f.events[first + i].commit_time_us, FIXTURE_COMMIT_TIME_US);
        assert_int_equal(f.events[first + i].number, f.events[first].number + i);
    }
    fixture_close(&f);
}

static void an_event_follows_the_floor_that_it_announces(void **state)
{
    (void)state;
    struct fixture f;
    open_subscribed(&f, NULL);
    do_lease(&f, "1", 71, FR_SECOND_US);
    do_fill(&f, "1", 71, 5, "old");
    do_invalidate(&f, "1", 6);
    find_event(&f, "user:1");
    assert_int_equal(do_get(&f, "1").kind, FR_VALUE_NONE);
    fixture_close(&f);
}

static void a_pair_that_redis_forgot_is_still_announced_after_the_floor(void **state)
{
    (void)state;
    struct fixture f;
    open_subscribed(&f, NULL);
    do_lease(&f, "1", 71, FR_SECOND_US);
    do_fill(&f, "1", 71, 5, "old");
    freeReplyObject(fixture_redis(&f, "SCRIPT FLUSH"));
    assert_int_equal(do_invalidate(&f, "1", 6).code, FR_OK);
    find_event(&f, "user:1");
    assert_int_equal(do_get(&f, "1").kind, FR_VALUE_NONE);
    fixture_close(&f);
}

static void keys_in_events_carry_no_namespace_and_stay_in_theirs(void **state)
{
    (void)state;
    struct fixture f;
    open_subscribed(&f, "blue");
    struct fr_shared_cache *blue = f.cache;
    f.cache = fixture_second_cache(&f, "green");
    fixture_wait_up(&f, 2);
    assert_int_equal(do_invalidate(&f, "green", 6).code, FR_OK);
    fr_shared_cache_free(f.cache);
    f.cache = blue;
    assert_int_equal(do_invalidate(&f, "blue", 6).code, FR_OK);
    uint64_t last = find_event(&f, "user:blue");
    for (uint64_t i = 0; i < last; i++) {
        assert_string_not_equal(f.events[i].key, "user:green");
    }
    fixture_close(&f);
}

/* Channels are the server's: numbers of another database's counter would be gaps here. */
static void databases_do_not_meet(void **state)
{
    (void)state;
    static struct fixture second, zero;
    char url[160];
    snprintf(url, sizeof url, "%s/2", server.url);
    fixture_open(&second, &server, &(struct fixture_options){.subscribe = true, .url = url});
    fixture_wait_up(&second, 1);
    fixture_open(&zero, &server, &(struct fixture_options){.subscribe = true});
    fixture_wait_up(&zero, 1);
    assert_true(fr_wait_for(&second.wait, &second.drops[FR_DROP_BASE_LINE], 1, FR_TEST_PATIENCE_US));
    assert_true(fr_wait_for(&zero.wait, &zero.drops[FR_DROP_BASE_LINE], 1, FR_TEST_PATIENCE_US));
    do_invalidate(&zero, "1", 5);
    do_invalidate(&second, "2", 6);
    assert_true(fr_wait_for(&zero.wait, &zero.event_count, 1, FR_TEST_PATIENCE_US));
    assert_true(fr_wait_for(&second.wait, &second.event_count, 1, FR_TEST_PATIENCE_US));
    assert_string_equal(zero.events[0].key, "user:1");
    assert_string_equal(second.events[0].key, "user:2");
    assert_int_equal(fixture_redis_integer(&zero, "PUBLISH cache-invalidation x"), 1);
    assert_int_equal(fixture_redis_integer(&zero, "PUBLISH cache-invalidation@2 x"), 1);
    fixture_close(&zero);
    fixture_close(&second);
}

static void malformed_events_are_ignored(void **state)
{
    (void)state;
    struct fixture f;
    open_subscribed(&f, NULL);
    uint64_t before = event_count(&f);
    assert_int_equal(fixture_redis_integer(&f, "PUBLISH cache-invalidation nonsense"), 1);
    assert_int_equal(fixture_redis_integer(&f, "PUBLISH cache-invalidation %b", "", (size_t)0), 1);
    do_invalidate(&f, "good", 6);
    uint64_t good = find_event(&f, "user:good");
    assert_true(good >= before);
    for (uint64_t i = before; i < good; i++) {
        assert_string_equal(f.events[i].key, "user:probe");
    }
    fixture_close(&f);
}

static void a_killed_subscription_is_made_again(void **state)
{
    (void)state;
    struct fixture f;
    open_subscribed(&f, NULL);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(fixture_redis_integer(&f, "CLIENT KILL TYPE pubsub"), 1);
        wait_subscribed(&f);
    }
    assert_int_equal(f.downs, 0);
    fixture_close(&f);
}

static void a_restarted_redis_is_heard_again(void **state)
{
    (void)state;
    struct fixture f;
    open_subscribed(&f, NULL);
    fr_redis_server_kill(&server);
    fr_redis_server_restart(&server);
    fixture_wait_up(&f, 2);
    wait_subscribed(&f);
    fixture_close(&f);
}

static void a_silent_subscription_is_made_again(void **state)
{
    (void)state;
    struct fixture f;
    struct relay relay;
    char url[64];
    relay_start(&relay, server.port);
    snprintf(url, sizeof url, "redis://127.0.0.1:%u", relay.port);
    fixture_open(&f, &server, &(struct fixture_options){.url = url, .subscribe = true});
    fixture_wait_up(&f, 1);
    wait_subscribed(&f);
    relay_silence(&relay);
    wait_subscribed(&f);
    assert_int_equal(f.downs, 0); /* the command connection went on all the time */
    fixture_close(&f);
    relay_stop(&relay);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_invalidation_is_heard_in_order_with_its_number),
        cmocka_unit_test(an_event_follows_the_floor_that_it_announces),
        cmocka_unit_test(a_pair_that_redis_forgot_is_still_announced_after_the_floor),
        cmocka_unit_test(keys_in_events_carry_no_namespace_and_stay_in_theirs),
        cmocka_unit_test(databases_do_not_meet),
        cmocka_unit_test(malformed_events_are_ignored),
        cmocka_unit_test(a_killed_subscription_is_made_again),
        cmocka_unit_test(a_restarted_redis_is_heard_again),
        cmocka_unit_test(a_silent_subscription_is_made_again),
    };
    fr_redis_server_start(&server, NULL);
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    fr_redis_server_stop(&server);
    return failures;
}
