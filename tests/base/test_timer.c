/* SPDX-License-Identifier: MIT */
/*
 * test_timer.c - timers fire once, never early, and not after a stop; also from within fire.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/timer.h"
#include "support/wait.h"

/* One turn of the wheel is about a second: a timer that fell behind it shows by a delay of that size. */
#define LATE_US (700 * FR_MILLISECOND_US)

static struct fr_wait wait;
static uint64_t fired;       /* guarded by wait */
static uint64_t most_late_us; /* guarded by wait */
static atomic_uint early;

struct probe {
    struct fr_timer timer;
    uint64_t deadline_us;
    atomic_uint fires;
};

static void start(struct probe *probe, uint64_t deadline_us, void (*fire)(struct fr_timer *timer))
{
    probe->deadline_us = deadline_us;
    fr_timer_start(&probe->timer, deadline_us, fire);
}

static void note(struct fr_timer *timer)
{
    struct probe *probe = (struct probe *)timer;
    uint64_t now_us = fr_clock_now_us();
    if (now_us < probe->deadline_us) {
        atomic_fetch_add(&early, 1);
    }
    atomic_fetch_add(&probe->fires, 1);
    fr_wait_lock(&wait);
    fired++;
    if (now_us > probe->deadline_us && now_us - probe->deadline_us > most_late_us) {
        most_late_us = now_us - probe->deadline_us;
    }
    fr_wait_unlock_changed(&wait);
}

static int reset(void **state)
{
    (void)state;
    fr_wait_lock(&wait);
    fired = 0;
    most_late_us = 0;
    fr_wait_unlock_changed(&wait);
    atomic_store(&early, 0);
    return 0;
}

static void thousands_of_timers_each_fire_once_and_never_early(void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    static struct probe probes[COUNT];
    uint64_t now_us = fr_clock_now_us();
    for (unsigned i = 0; i < COUNT; i++) {
        start(&probes[i], now_us + fr_random_below(300 * FR_MILLISECOND_US), note);
    }
    assert_true(fr_wait_for(&wait, &fired, COUNT, FR_TEST_PATIENCE_US));
    assert_int_equal(atomic_load(&early), 0);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(atomic_load(&probes[i].fires), 1);
        assert_false(fr_timer_stop(&probes[i].timer));
    }
}

static void a_deadline_beyond_one_turn_is_kept(void **state)
{
    (void)state;
    static struct probe probe, next_turn;
    uint64_t now_us = fr_clock_now_us();
    start(&next_turn, now_us + 1300 * FR_MILLISECOND_US, note);
    start(&probe, now_us + (1300 - 1024) * FR_MILLISECOND_US, note); /* in the same slot */
    assert_true(fr_wait_for(&wait, &fired, 1, FR_TEST_PATIENCE_US));
    assert_int_equal(atomic_load(&probe.fires), 1);
    assert_true(fr_wait_for(&wait, &fired, 2, FR_TEST_PATIENCE_US));
    assert_int_equal(atomic_load(&early), 0);
}

static void a_stopped_timer_does_not_fire(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static struct probe probes[COUNT];
    static struct probe last;
    unsigned stopped = 0;
    uint64_t now_us = fr_clock_now_us();
    for (unsigned i = 0; i < COUNT; i++) {
        start(&probes[i], now_us + 1 + fr_random_below(20 * FR_MILLISECOND_US), note);
    }
    bool was_stopped[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        was_stopped[i] = i % 2 == 0 && fr_timer_stop(&probes[i].timer);
        stopped += was_stopped[i];
    }
    start(&last, now_us + 40 * FR_MILLISECOND_US, note);
    assert_true(fr_wait_for(&wait, &fired, COUNT - stopped + 1, FR_TEST_PATIENCE_US));
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(atomic_load(&probes[i].fires), was_stopped[i] ? 0 : 1);
    }
}

static void stopping_what_does_not_run_says_so(void **state)
{
    (void)state;
    static struct probe probe;
    assert_false(fr_timer_stop(&probe.timer));
    start(&probe, fr_clock_now_us() + 3600 * FR_SECOND_US, note);
    assert_true(fr_timer_stop(&probe.timer));
    assert_false(fr_timer_stop(&probe.timer));
}

static void a_stopped_timer_may_be_started_again(void **state)
{
    (void)state;
    static struct probe probe;
    for (unsigned i = 0; i < 100; i++) {
        start(&probe, fr_clock_now_us() + 3600 * FR_SECOND_US, note);
        assert_true(fr_timer_stop(&probe.timer));
    }
    start(&probe, fr_clock_now_us(), note);
    assert_true(fr_wait_for(&wait, &fired, 1, FR_TEST_PATIENCE_US));
    assert_int_equal(atomic_load(&probe.fires), 1);
}

static void a_deadline_in_the_past_fires_soon(void **state)
{
    (void)state;
    static struct probe probes[3];
    start(&probes[0], 0, note);
    start(&probes[1], 1, note);
    start(&probes[2], fr_clock_now_us() - FR_MILLISECOND_US, note);
    assert_true(fr_wait_for(&wait, &fired, 3, FR_TEST_PATIENCE_US));
}

static void the_end_of_time_is_not_now(void **state)
{
    (void)state;
    static struct probe never, soon;
    start(&never, UINT64_MAX, note);
    start(&soon, fr_clock_now_us() + 20 * FR_MILLISECOND_US, note);
    assert_true(fr_wait_for(&wait, &fired, 1, FR_TEST_PATIENCE_US));
    assert_int_equal(atomic_load(&soon.fires), 1);
    assert_true(fr_timer_stop(&never.timer));
}

static struct probe child, victim;
static atomic_bool victim_stopped;

static void start_child_and_stop_victim(struct fr_timer *timer)
{
    start(&child, fr_clock_now_us() + 5 * FR_MILLISECOND_US, note);
    atomic_store(&victim_stopped, fr_timer_stop(&victim.timer));
    note(timer);
}

static void fire_may_start_and_stop_other_timers(void **state)
{
    (void)state;
    static struct probe parent;
    uint64_t now_us = fr_clock_now_us();
    start(&victim, now_us + 3600 * FR_SECOND_US, note);
    start(&parent, now_us + 5 * FR_MILLISECOND_US, start_child_and_stop_victim);
    assert_true(fr_wait_for(&wait, &fired, 2, FR_TEST_PATIENCE_US));
    assert_true(atomic_load(&victim_stopped));
    assert_int_equal(atomic_load(&victim.fires), 0);
}

#define REPEATS 50

static void start_again(struct fr_timer *timer)
{
    struct probe *probe = (struct probe *)timer;
    bool more = atomic_load(&probe->fires) + 1 < REPEATS;
    note(timer);
    if (more) {
        start(probe, fr_clock_now_us(), start_again);
    }
}

static void fire_may_start_its_own_timer(void **state)
{
    (void)state;
    static struct probe probe;
    start(&probe, fr_clock_now_us(), start_again);
    assert_true(fr_wait_for(&wait, &fired, REPEATS, FR_TEST_PATIENCE_US));
}

/* Holds the timer thread so long that it falls several ticks behind, then starts a timer for a tick in between. */
static struct probe overdue;

static void fall_behind(struct fr_timer *timer)
{
    uint64_t begin_us = fr_clock_now_us();
    while (fr_clock_now_us() < begin_us + 20 * FR_MILLISECOND_US) {
    }
    note(timer);
}

static void start_overdue(struct fr_timer *timer)
{
    start(&overdue, ((struct probe *)timer)->deadline_us - 5 * FR_MILLISECOND_US, note);
    note(timer);
}

static void a_timer_started_while_the_wheel_catches_up_is_not_a_turn_late(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 5; round++) {
        static struct probe first, second;
        uint64_t now_us = fr_clock_now_us();
        reset(NULL);
        start(&first, now_us + 2 * FR_MILLISECOND_US, fall_behind);
        start(&second, now_us + 15 * FR_MILLISECOND_US, start_overdue);
        assert_true(fr_wait_for(&wait, &fired, 3, FR_TEST_PATIENCE_US));
        assert_in_range(most_late_us, 0, LATE_US);
    }
}

static void *start_and_stop(void *argument)
{
    struct probe *probe = argument;
    for (unsigned i = 0; i < 5000; i++) {
        start(probe, fr_clock_now_us() + fr_random_below(3 * FR_MILLISECOND_US), note);
        if (!fr_timer_stop(&probe->timer)) {
            return NULL; /* it fires: its memory and its field are no longer ours alone */
        }
    }
    return NULL;
}

static void threads_may_start_and_stop_at_once(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    static struct probe probes[THREADS];
    static struct probe last;
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, start_and_stop, &probes[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    start(&last, fr_clock_now_us() + 10 * FR_MILLISECOND_US, note);
    uint64_t expected = 1;
    assert_true(fr_wait_for(&wait, &fired, expected, FR_TEST_PATIENCE_US));
    for (unsigned i = 0; i < THREADS; i++) {
        assert_true(atomic_load(&probes[i].fires) <= 1);
    }
}

static int set_up(void **state)
{
    (void)state;
    fr_wait_init(&wait);
    return 0;
}

#define FACT(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(thousands_of_timers_each_fire_once_and_never_early),
        FACT(a_deadline_beyond_one_turn_is_kept),
        FACT(a_stopped_timer_does_not_fire),
        FACT(stopping_what_does_not_run_says_so),
        FACT(a_stopped_timer_may_be_started_again),
        FACT(a_deadline_in_the_past_fires_soon),
        FACT(the_end_of_time_is_not_now),
        FACT(fire_may_start_and_stop_other_timers),
        FACT(fire_may_start_its_own_timer),
        FACT(a_timer_started_while_the_wheel_catches_up_is_not_a_turn_late),
        FACT(threads_may_start_and_stop_at_once),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
