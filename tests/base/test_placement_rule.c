/* SPDX-License-Identifier: MIT */
/*
 * test_placement_rule.c - one core while it is enough, more when it is full, any when others keep it busy.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/placement_rule.h"

#define WINDOW_US (25 * FR_MILLISECOND_US)

static uint64_t now_us = 1;

/* A window in which the members ran for percent of one core and waited wait_us for each of 100 turns. */
static bool step(struct fr_placement_rule *rule, unsigned percent, uint64_t wait_us)
{
    now_us += WINDOW_US;
    return fr_placement_rule_step(rule, now_us,
                                  &(struct fr_placement_load){.wall_us = WINDOW_US, .run_us = WINDOW_US * percent / 100,
                                                              .wait_us = 100 * wait_us, .turns = 100});
}

static void one_core_while_it_is_enough(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 10; seed++) {
        struct fr_placement_rule rule;
        fr_placement_rule_init(&rule, 8, seed);
        for (unsigned percent = 0; percent <= 80; percent += 5) {
            assert_false(step(&rule, percent, 50));
            assert_int_equal(rule.width, 1);
            assert_int_equal(rule.first, 0);
        }
    }
}

static void a_full_core_gets_company_until_all_are_in_use(void **state)
{
    (void)state;
    struct fr_placement_rule rule;
    fr_placement_rule_init(&rule, 6, 0);
    assert_true(step(&rule, 95, 10));
    assert_int_equal(rule.width, 2);
    assert_false(step(&rule, 150, 10));
    assert_true(step(&rule, 190, 10));
    assert_int_equal(rule.width, 4);
    assert_true(step(&rule, 390, 10));
    assert_int_equal(rule.width, 6);
    assert_false(step(&rule, 600, 10));
}

static void cores_are_given_back_with_room_to_spare(void **state)
{
    (void)state;
    struct fr_placement_rule rule;
    fr_placement_rule_init(&rule, 4, 0);
    step(&rule, 95, 10);
    step(&rule, 190, 10);
    assert_int_equal(rule.width, 4);
    assert_false(step(&rule, 130, 10)); /* would fit into two, but barely */
    assert_true(step(&rule, 110, 10));
    assert_int_equal(rule.width, 2);
    assert_true(step(&rule, 50, 10));
    assert_int_equal(rule.width, 1);
}

static void a_core_that_others_keep_busy_is_left_for_longer_each_time(void **state)
{
    (void)state;
    struct fr_placement_rule rule;
    fr_placement_rule_init(&rule, 4, 1);
    unsigned before = 0, first = 0;
    for (unsigned round = 0; round < 5; round++) {
        assert_true(step(&rule, 10, 1000));
        assert_int_equal(rule.width, 4);
        assert_int_not_equal(rule.first, first);
        first = rule.first;
        unsigned windows = 0;
        while (rule.width > 1) {
            assert_int_equal(rule.first, first);
            step(&rule, 10, 10);
            windows++;
        }
        assert_true(windows * WINDOW_US >= FR_SECOND_US);
        assert_true(windows > before + before / 2);
        before = windows;
    }
}

static void short_or_rare_waits_are_no_reason_to_leave(void **state)
{
    (void)state;
    struct fr_placement_rule rule;
    fr_placement_rule_init(&rule, 2, 0);
    assert_false(step(&rule, 40, 190));
    now_us += WINDOW_US;
    assert_false(fr_placement_rule_step(
        &rule, now_us, &(struct fr_placement_load){.wall_us = WINDOW_US, .wait_us = 4000, .turns = 1, .run_us = 10}));
    assert_int_equal(rule.width, 1);
}

static void with_one_core_there_is_nothing_to_choose(void **state)
{
    (void)state;
    struct fr_placement_rule rule;
    fr_placement_rule_init(&rule, 1, 7);
    assert_false(step(&rule, 100, 10));
    assert_false(step(&rule, 10, 5000));
    assert_int_equal(rule.width, 1);
    assert_int_equal(rule.first, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_core_while_it_is_enough),
        cmocka_unit_test(a_full_core_gets_company_until_all_are_in_use),
        cmocka_unit_test(cores_are_given_back_with_room_to_spare),
        cmocka_unit_test(a_core_that_others_keep_busy_is_left_for_longer_each_time),
        cmocka_unit_test(short_or_rare_waits_are_no_reason_to_leave),
        cmocka_unit_test(with_one_core_there_is_nothing_to_choose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
