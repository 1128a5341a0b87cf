/* SPDX-License-Identifier: MIT */
/*
 * test_schedule.c - when calls are due: evenly at a rate, faster with each step, faster and faster on a ramp.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "load/schedule.h"

#define SECOND UINT64_C(1000000)

static struct schedule parsed(const char *text)
{
    struct schedule schedule;
    assert_int_equal(schedule_parse(&schedule, text, NULL), FR_OK);
    return schedule;
}

/* Calls in each second, as the times of the calls tell. */
static void assert_calls(const char *text, const unsigned *expected, size_t seconds)
{
    struct schedule schedule = parsed(text);
    uint64_t n = 0, last_us = 0;
    for (size_t i = 0; i < seconds; i++) {
        unsigned count = 0;
        uint64_t time_us;
        while ((time_us = schedule_time_us(&schedule, n)) < (i + 1) * SECOND) {
            assert_true(time_us >= last_us);
            last_us = time_us;
            count++;
            n++;
        }
        assert_true(abs((int)count - (int)expected[i]) <= 1);
        assert_int_equal(schedule_calls_before(&schedule, (i + 1) * SECOND), n);
    }
}

static void const_is_even(void **state)
{
    (void)state;
    struct schedule schedule = parsed("const:250");
    for (uint64_t n = 0; n < 1000; n++) {
        assert_int_equal(schedule_time_us(&schedule, n), n * 4000);
    }
    assert_int_equal(schedule_calls_before(&schedule, SECOND), 250);
    assert_int_equal(schedule_calls_before(&schedule, SECOND + 1), 251);
    assert_int_equal(schedule_calls_before(&schedule, 0), 0);
}

static void slow_rates_have_fractions(void **state)
{
    (void)state;
    struct schedule schedule = parsed("const:0.5");
    assert_int_equal(schedule_time_us(&schedule, 0), 0);
    assert_int_equal(schedule_time_us(&schedule, 3), 6 * SECOND);
}

static void step_adds_after_each_period(void **state)
{
    (void)state;
    assert_calls("step:100:50:2s", (const unsigned[]){100, 100, 150, 150, 200, 200, 250}, 7);
    struct schedule schedule = parsed("step:100:50:2s");
    assert_true(schedule_rate(&schedule, 0) == 100);
    assert_true(schedule_rate(&schedule, 2 * SECOND) == 150);
}

static void step_stops_where_it_is_told(void **state)
{
    (void)state;
    assert_calls("step:100:60:1s:200", (const unsigned[]){100, 160, 200, 200, 200}, 5);
    assert_calls("step:100:0:1s", (const unsigned[]){100, 100, 100}, 3);
}

static void step_down_ends_at_zero(void **state)
{
    (void)state;
    assert_calls("step:100:-40:1s", (const unsigned[]){100, 60, 20, 0, 0}, 5);
    struct schedule schedule = parsed("step:100:-40:1s");
    assert_true(schedule_time_us(&schedule, 181) == SCHEDULE_NEVER);
    assert_int_equal(schedule_calls_before(&schedule, 3600 * SECOND), 180);
}

static void ramp_grows_evenly_and_then_stays(void **state)
{
    (void)state;
    /* Halfway through second i + 1 the rate is 100 * (i + 0.5). */
    assert_calls("ramp:0:400:4s", (const unsigned[]){50, 150, 250, 350, 400, 400}, 6);
    assert_calls("ramp:400:0:4s", (const unsigned[]){350, 250, 150, 50, 1, 1}, 4);
    assert_calls("ramp:100:100:4s", (const unsigned[]){100, 100, 100, 100, 100}, 5);
}

static void the_millionth_step_is_found(void **state)
{
    (void)state;
    struct schedule schedule = parsed("step:1:1:1s");
    uint64_t steps = 1000000, before = steps * (steps + 1) / 2;
    assert_in_range(schedule_time_us(&schedule, before), steps * SECOND - 2, steps * SECOND + 2);
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "const",
                                        "const:",
                                        "const:0",
                                        "const:-1",
                                        "const:x",
                                        "const:1:2",
                                        "const:inf",
                                        "const:nan",
                                        "step:1:2",
                                        "step:1:2:0",
                                        "step:1:2:3s:0",
                                        "step:1:2:3s:4:5",
                                        "step:0:0:1s",
                                        "ramp:1:2",
                                        "ramp:0:0:1s",
                                        "ramp:1:2:0s",
                                        "line:1:2:3s",
                                        "ramp:-1:2:3s",
                                        "const:1e12"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct schedule schedule;
        struct fr_error error;
        assert_int_equal(schedule_parse(&schedule, wrong[i], &error), FR_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, "is no schedule"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(const_is_even),
        cmocka_unit_test(slow_rates_have_fractions),
        cmocka_unit_test(step_adds_after_each_period),
        cmocka_unit_test(step_stops_where_it_is_told),
        cmocka_unit_test(step_down_ends_at_zero),
        cmocka_unit_test(ramp_grows_evenly_and_then_stays),
        cmocka_unit_test(the_millionth_step_is_found),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
