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
#define FEW        100 /* a wait may wake for nothing, but seldom */

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

/* Waits until ready or the deadline and says how often the wait woke for it: more than FEW is no wait. */
static unsigned wait_until_locked(uint64_t deadline_us)
{
    unsigned woken = 0;
    while (!ready && fr_condition_wait(&changed, &mu, deadline_us)) {
        woken++;
    }
    return woken;
}

static void a_wait_ends_at_its_deadline_and_sleeps_until_then(void **state)
{
    (void)state;
    uint64_t deadline_us = fr_clock_now_us() + BRIEF_US;
    pthread_mutex_lock(&mu);
    unsigned woken = wait_until_locked(deadline_us);
    pthread_mutex_unlock(&mu);
    assert_true(fr_clock_now_us() >= deadline_us);
    assert_true(woken >= 1 && woken < FEW);
}

static void a_deadline_that_has_passed_waits_for_nothing(void **state)
{
    (void)state;
    pthread_mutex_lock(&mu);
    assert_false(fr_condition_wait(&changed, &mu, fr_clock_now_us()));
    assert_false(fr_condition_wait(&changed, &mu, 0));
    pthread_mutex_unlock(&mu);
}

static void *signal_it(void *argument)
{
    const bool *later = argument;
    pthread_mutex_lock(&mu);
    if (*later) {
        pthread_cond_t nobodys;
        fr_condition_init(&nobodys);
        for (uint64_t until_us = fr_clock_now_us() + BRIEF_US; fr_condition_wait(&nobodys, &mu, until_us);) {
        }
        pthread_cond_destroy(&nobodys);
    }
    ready = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&mu);
    return NULL;
}

/* The signal cannot come before the wait: the thread needs mu for it. */
static void check_a_signal_ends_a_wait(uint64_t deadline_us, bool later)
{
    pthread_t thread;
    ready = false;
    pthread_mutex_lock(&mu);
    assert_int_equal(pthread_create(&thread, NULL, signal_it, &later), 0);
    unsigned woken = wait_until_locked(deadline_us);
    bool in_time = ready && fr_clock_now_us() < deadline_us;
    pthread_mutex_unlock(&mu);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(in_time);
    assert_true(woken < FEW);
}

static void a_signal_ends_a_wait(void **state)
{
    (void)state;
    check_a_signal_ends_a_wait(fr_clock_now_us() + PATIENT_US, false);
}

/* As nanoseconds of 64 bits the second begins anew at 0, which has passed. */
static void a_deadline_that_never_comes_is_waited_for(void **state)
{
    (void)state;
    check_a_signal_ends_a_wait(UINT64_MAX, true);
    check_a_signal_ends_a_wait(fr_clock_now_us() + UINT64_MAX / 1000 + 1, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_wait_ends_at_its_deadline_and_sleeps_until_then, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_deadline_that_has_passed_waits_for_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_signal_ends_a_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_deadline_that_never_comes_is_waited_for, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
