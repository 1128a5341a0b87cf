/* SPDX-License-Identifier: MIT */
/*
 * test_placement.c - members are put on one core, get more when they need them, and are let go.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/placement.h"

#define PATIENCE_US (20 * FR_SECOND_US)

/* How many cores the thread may use: -1 when that is not known. */
static int cores_of(pid_t tid)
{
    cpu_set_t cores;
    return sched_getaffinity(tid, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : -1;
}

struct seen {
    int before, joined, busy, let_go, left;
};

static void *run_member(void *argument)
{
    struct seen *seen = argument;
    seen->before = cores_of(gettid());
    fr_placement_join(gettid());
    seen->joined = cores_of(gettid());

    /* It works without a pause, so one core is full. */
    uint64_t end_us = fr_clock_now_us() + PATIENCE_US;
    while ((seen->busy = cores_of(gettid())) < 2 && seen->before > 1 && fr_clock_now_us() < end_us) {
        fr_placement_tick(fr_clock_now_us());
    }

    fr_placement_set_compact(false);
    seen->let_go = cores_of(gettid());
    fr_placement_leave(gettid());
    fr_placement_set_compact(true);
    seen->left = cores_of(gettid());
    return NULL;
}

static void a_member_has_one_core_until_it_needs_more(void **state)
{
    (void)state;
    pthread_t member;
    struct seen seen;
    int before = cores_of(getpid());
    assert_int_equal(pthread_create(&member, NULL, run_member, &seen), 0);
    pthread_join(member, NULL);
    assert_int_equal(seen.before, before);
    assert_int_equal(seen.joined, 1);
    assert_true(seen.busy >= (before < 2 ? before : 2));
    assert_int_equal(seen.let_go, before);
    assert_int_equal(seen.left, before);
    assert_int_equal(cores_of(getpid()), before);
}

static void leaving_without_having_joined_is_fine(void **state)
{
    (void)state;
    fr_placement_leave(gettid());
    fr_placement_tick(fr_clock_now_us());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaving_without_having_joined_is_fine),
        cmocka_unit_test(a_member_has_one_core_until_it_needs_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
