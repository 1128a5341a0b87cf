/* SPDX-License-Identifier: MIT */
/*
 * test_condition.c - a wait ends when it is signalled, and at its deadline otherwise.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/condition.h"

#define BRIEF_US   (20 * FR_MILLISECOND_US)
#define PATIENT_US (60 * FR_SECOND_US)

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static bool ready; /* guarded by mu */

static int set_up(void **state)
{
    (void)state;
    ready = false;
    fr_condition_init(&changed);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return pthread_cond_destroy(&changed);
}

/* Whether ready came before the deadline. */
static bool wait_until(uint64_t deadline_us)
{
    pthread_mutex_lock(&mu);
    while (!ready && fr_condition_wait(&changed, &mu, deadline_us)) {
    }
    bool came = ready;
    pthread_mutex_unlock(&mu);
    return came;
}

static void a_wait_ends_at_its_deadline_and_not_before(void **state)
{
    (void)state;
    uint64_t deadline_us = fr_clock_now_us() + BRIEF_US;
    assert_false(wait_until(deadline_us));
    assert_true(fr_clock_now_us() >= deadline_us);
}

static void a_deadline_that_has_passed_waits_for_nothing(void **state)
{
    (void)state;
    pthread_mutex_lock(&mu);
    assert_false(fr_condition_wait(&changed, &mu, fr_clock_now_us()));
    assert_false(fr_condition_wait(&changed, &mu, 0));
    pthread_mutex_unlock(&mu);
}

static void *signal_it(void *unused)
{
    pthread_mutex_lock(&mu);
    ready = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&mu);
    return unused;
}

static void a_signal_ends_a_wait(void **state)
{
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, signal_it, NULL), 0);
    assert_true(wait_until(fr_clock_now_us() + PATIENT_US));
    assert_int_equal(pthread_join(thread, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_wait_ends_at_its_deadline_and_not_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_deadline_that_has_passed_waits_for_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_signal_ends_a_wait, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
