/* SPDX-License-Identifier: MIT */
/*
 * test_leaving.c - readers who go before their answer is there, and the loads that only they waited for.
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
static struct library a;

static const struct fr_cache_read may_leave = {.is_gone = library_has_left};

static int reset(void **state)
{
    (void)state;
    library_reset(&database, &server);
    return 0;
}

static void open_held(const struct library_options *options)
{
    library_open(&a, &database, &server, options);
    library_set_row(&database, 1, 5);
    library_hold(&a, true);
}

static void expect_left(struct answer *answer)
{
    library_wait(answer);
    assert_int_equal(answer->code, FR_CANCELLED);
}

static void let_go(void)
{
    library_hold(&a, false);
    library_release(&a);
}

static void with_its_last_reader_a_load_is_cancelled(void **state)
{
    (void)state;
    static const enum fr_read_role roles[] = {FR_READ_BOTH, FR_READ_CONSUMER, FR_READ_ORIGIN};
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        struct answer first, second, newcomer;
        reset(NULL);
        open_held(&(struct library_options){.role = roles[i], .cancels = true});
        library_start(&a, 1, &may_leave, &first);
        library_start(&a, 1, &may_leave, &second);
        library_wait_loads(&a, 1);
        library_leave(&first);
        expect_left(&first);
        assert_int_equal(a.cancelled, 0);
        library_leave(&second);
        expect_left(&second);
        assert_true(fr_wait_for(a.wait, &a.cancelled, 1, FR_TEST_PATIENCE_US));
        /* Whoever comes then has a load of its own, and not the end of that one. */
        library_start(&a, 1, &may_leave, &newcomer);
        library_wait_loads(&a, 2);
        let_go();
        library_wait(&newcomer);
        library_expect(&newcomer, FR_SOURCE_ORIGIN, 5);
        assert_true(fr_wait_for(a.wait, &a.released, 2, FR_TEST_PATIENCE_US));
        assert_int_equal(a.cancelled, 1);
        library_close(&a);
    }
}

static void a_load_whose_readers_ran_out_of_time_is_cancelled_too(void **state)
{
    (void)state;
    struct answer hasty;
    open_held(&(struct library_options){.role = FR_READ_CONSUMER, .cancels = true});
    library_start(&a, 1, &(struct fr_cache_read){.deadline_us = fr_clock_now_us() + 30 * FR_MILLISECOND_US},
                  &hasty);
    library_wait(&hasty);
    assert_int_equal(hasty.code, FR_DEADLINE_EXCEEDED);
    assert_true(fr_wait_for(a.wait, &a.cancelled, a.loads, FR_TEST_PATIENCE_US));
    library_close(&a);
}

static void a_load_that_others_wait_for_goes_on(void **state)
{
    (void)state;
    struct answer leaving, staying;
    open_held(&(struct library_options){.role = FR_READ_CONSUMER, .cancels = true});
    library_start(&a, 1, &may_leave, &leaving);
    library_start(&a, 1, NULL, &staying);
    library_wait_loads(&a, 1);
    library_leave(&leaving);
    expect_left(&leaving);
    let_go();
    library_wait(&staying);
    library_expect(&staying, FR_SOURCE_ORIGIN, 5);
    assert_int_equal(a.loads, 1);
    assert_int_equal(a.cancelled, 0);
    library_close(&a);
}

static void without_a_way_to_cancel_a_load_fills_the_caches_for_who_comes_next(void **state)
{
    (void)state;
    struct answer leaving, next;
    open_held(&(struct library_options){.role = FR_READ_ORIGIN});
    library_start(&a, 1, &may_leave, &leaving);
    library_wait_loads(&a, 1);
    library_leave(&leaving);
    expect_left(&leaving);
    let_go();
    struct fr_cache_statistics now = {0};
    for (uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US; now.fills == 0;) {
        assert_true(fr_clock_now_us() < end_us);
        fr_cache_statistics(a.cache, &now);
    }
    next = library_get(&a, 1);
    library_expect(&next, FR_SOURCE_REDIS, 5);
    library_close(&a);
}

static void a_load_that_waits_for_room_is_not_begun_for_nobody(void **state)
{
    (void)state;
    struct answer first, leaving, last;
    open_held(&(struct library_options){.role = FR_READ_CONSUMER, .cancels = true, .max_loads = 1});
    library_set_row(&database, 2, 6);
    library_set_row(&database, 3, 7);
    library_start(&a, 1, NULL, &first);
    library_wait_loads(&a, 1);
    library_start(&a, 2, &may_leave, &leaving);
    library_start(&a, 3, NULL, &last);
    library_leave(&leaving);
    expect_left(&leaving);
    let_go();
    library_wait(&first);
    library_wait(&last);
    library_expect(&last, FR_SOURCE_ORIGIN, 7);
    assert_int_equal(a.loads, 2);
    library_close(&a);
}

/* Many come and go while loads end: each is answered once, and everything comes to an end. */
static void readers_who_leave_at_any_moment_are_answered_once(void **state)
{
    (void)state;
    static struct answer answers[ROWS];
    library_open(&a, &database, &server,
                 &(struct library_options){.role = FR_READ_CONSUMER, .cancels = true, .max_loads = 8});
    for (unsigned i = 0; i < ROWS; i++) {
        library_hold(&a, i % 3 != 0);
        library_start(&a, i % 16, &may_leave, &answers[i]);
        library_leave(&answers[i]);
    }
    let_go();
    for (unsigned i = 0; i < ROWS; i++) {
        library_wait(&answers[i]);
        assert_int_equal(answers[i].count, 1);
    }
    library_close(&a);
    assert_int_equal(a.released, a.loads);
    assert_int_equal(a.open, 0);
}

#define FACT(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(with_its_last_reader_a_load_is_cancelled),
        FACT(a_load_whose_readers_ran_out_of_time_is_cancelled_too),
        FACT(a_load_that_others_wait_for_goes_on),
        FACT(without_a_way_to_cancel_a_load_fills_the_caches_for_who_comes_next),
        FACT(a_load_that_waits_for_room_is_not_begun_for_nobody),
        FACT(readers_who_leave_at_any_moment_are_answered_once),
    };
    fr_redis_server_start(&server, NULL);
    fr_wait_init(&database.wait);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fr_wait_fini(&database.wait);
    fr_redis_server_stop(&server);
    return failed;
}
