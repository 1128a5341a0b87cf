/* SPDX-License-Identifier: MIT */
/*
 * test_backoff.c - pauses grow to a ceiling, are spread, and are never nothing.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/backoff.h"
#include "base/clock.h"

#define INITIAL_US (10 * FR_MILLISECOND_US)
#define MAX_US     (2 * FR_SECOND_US)

static void a_pause_is_at_least_a_millisecond_and_under_its_ceiling(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        struct fr_backoff backoff = {.initial_us = INITIAL_US, .max_us = MAX_US};
        uint64_t ceiling_us = INITIAL_US;
        for (unsigned attempt = 0; attempt < 12; attempt++) {
            uint64_t pause_us = fr_backoff_next_us(&backoff);
            assert_in_range(pause_us, FR_MILLISECOND_US, FR_MILLISECOND_US + ceiling_us);
            ceiling_us = 2 * ceiling_us < MAX_US ? 2 * ceiling_us : MAX_US;
        }
    }
}

static void any_number_of_attempts_stays_under_the_maximum(void **state)
{
    (void)state;
    struct fr_backoff backoff = {.initial_us = INITIAL_US, .max_us = MAX_US};
    for (unsigned attempt = 0; attempt < 10000; attempt++) {
        assert_in_range(fr_backoff_next_us(&backoff), FR_MILLISECOND_US, FR_MILLISECOND_US + MAX_US);
    }
    backoff.attempt = UINT32_MAX - 2;
    for (unsigned attempt = 0; attempt < 5; attempt++) {
        assert_in_range(fr_backoff_next_us(&backoff), FR_MILLISECOND_US, FR_MILLISECOND_US + MAX_US);
    }
}

static void pauses_use_the_whole_range(void **state)
{
    (void)state;
    unsigned quarters[4] = {0};
    for (unsigned round = 0; round < 4000; round++) {
        struct fr_backoff backoff = {.initial_us = INITIAL_US, .max_us = MAX_US};
        uint64_t quarter = (fr_backoff_next_us(&backoff) - FR_MILLISECOND_US) * 4 / INITIAL_US;
        quarters[quarter < 4 ? quarter : 3]++;
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_in_range(quarters[i], 800, 1200); /* 1000 on average; a deviation of 200 is over 7 sigma */
    }
}

static void a_success_starts_over(void **state)
{
    (void)state;
    struct fr_backoff backoff = {.initial_us = INITIAL_US, .max_us = MAX_US};
    for (unsigned attempt = 0; attempt < 20; attempt++) {
        (void)fr_backoff_next_us(&backoff);
    }
    assert_int_equal(backoff.attempt, 20);
    backoff.attempt = 0;
    assert_in_range(fr_backoff_next_us(&backoff), FR_MILLISECOND_US, FR_MILLISECOND_US + INITIAL_US);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pause_is_at_least_a_millisecond_and_under_its_ceiling),
        cmocka_unit_test(any_number_of_attempts_stays_under_the_maximum),
        cmocka_unit_test(pauses_use_the_whole_range),
        cmocka_unit_test(a_success_starts_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
