/* SPDX-License-Identifier: MIT */
/*
 * test_expiry.c - how fresh times are spread, and when a hit asks for a refresh.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "base/random.h"
#include "cache/expiry.h"

#define TTL UINT64_C(60000000)

static struct fr_bytes key_of(char text[32], unsigned number)
{
    snprintf(text, 32, "user:%u", number);
    return fr_bytes_of(text);
}

static void fresh_times_are_spread_over_the_last_tenth(void **state)
{
    (void)state;
    unsigned parts[10] = {0};
    for (unsigned i = 0; i < 10000; i++) {
        char text[32];
        uint64_t soft_us = fr_expiry_soft_us(TTL, key_of(text, i), 7);
        assert_in_range(soft_us, TTL - TTL / 10, TTL);
        parts[(TTL - soft_us) * 10 / (TTL / 10 + 1)]++;
    }
    for (unsigned i = 0; i < 10; i++) {
        assert_in_range(parts[i], 800, 1200);
    }
}

static void a_version_of_a_key_has_one_fresh_time_and_the_next_another(void **state)
{
    (void)state;
    char text[32];
    struct fr_bytes key = key_of(text, 1);
    unsigned same = 0;
    assert_int_equal(fr_expiry_soft_us(TTL, key, 5), fr_expiry_soft_us(TTL, key, 5));
    for (uint64_t version = 1; version <= 1000; version++) {
        same += fr_expiry_soft_us(TTL, key, version) == fr_expiry_soft_us(TTL, key, version + 1);
    }
    assert_true(same < 5);
}

static void short_times_stay_what_they_are(void **state)
{
    (void)state;
    char text[32];
    for (uint64_t ttl_us = 0; ttl_us < 10; ttl_us++) {
        assert_int_equal(fr_expiry_soft_us(ttl_us, key_of(text, 3), 1), ttl_us);
    }
}

static double share_of_early(uint64_t left_us, uint64_t load_us)
{
    unsigned early = 0;
    for (unsigned i = 0; i < 100000; i++) {
        early += fr_expiry_is_early(left_us, TTL, load_us, fr_random_u64());
    }
    return early / 100000.0;
}

/* XFetch: the probability that -ln(u) * load >= left is exp(-left / load). */
static void the_chance_of_a_refresh_falls_exponentially_with_the_time_left(void **state)
{
    (void)state;
    const double loads[] = {0.0, 0.5, 1.0, 2.0, 4.0};
    for (unsigned i = 0; i < sizeof loads / sizeof loads[0]; i++) {
        double share = share_of_early((uint64_t)(loads[i] * 100000), 100000);
        assert_true(fabs(share - exp(-loads[i])) < 0.01);
    }
}

static void no_draw_refreshes_before_the_last_quarter(void **state)
{
    (void)state;
    assert_true(fr_expiry_is_early(TTL / 4, TTL, 10 * TTL, 0));
    assert_false(fr_expiry_is_early(TTL / 4 + 1, TTL, 10 * TTL, 0));
}

static void what_is_far_is_never_early(void **state)
{
    (void)state;
    for (uint64_t left_us = 0; left_us < 200000; left_us += 97) {
        if (fr_expiry_is_early(left_us, TTL, 1000, 0)) { /* the luckiest draw */
            assert_false(fr_expiry_is_far(left_us, TTL, 1000));
        }
    }
    assert_false(fr_expiry_is_far(44000, TTL, 1000));
    assert_true(fr_expiry_is_far(46001, TTL, 1000));
    assert_true(fr_expiry_is_early(44000, TTL, 1000, 0));
    assert_false(fr_expiry_is_early(1, TTL, 0, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fresh_times_are_spread_over_the_last_tenth),
        cmocka_unit_test(a_version_of_a_key_has_one_fresh_time_and_the_next_another),
        cmocka_unit_test(short_times_stay_what_they_are),
        cmocka_unit_test(the_chance_of_a_refresh_falls_exponentially_with_the_time_left),
        cmocka_unit_test(no_draw_refreshes_before_the_last_quarter),
        cmocka_unit_test(what_is_far_is_never_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
