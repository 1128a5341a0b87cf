/* SPDX-License-Identifier: MIT */
/*
 * test_keys.c - keys are drawn as often as their distribution says.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "load/keys.h"

#define DRAWS 200000

/*
 * Pearson's chi-squared over the keys, with the exact probabilities. For COUNT - 1 degrees of freedom its mean is that number
 * and its variance twice as much; six deviations above are out of reach of chance.
 */
static void assert_distribution(uint64_t count, double exponent)
{
    struct keys keys;
    double sum = 0, squared = 0, degrees = (double)(count - 1);
    uint64_t *seen = calloc(count + 1, sizeof *seen);
    assert_non_null(seen);
    keys_init(&keys, 1, count, exponent);
    for (int i = 0; i < DRAWS; i++) {
        uint64_t key = keys_draw(&keys);
        assert_in_range(key, 1, count);
        seen[key]++;
    }
    for (uint64_t key = 1; key <= count; key++) {
        sum += pow((double)key, -exponent);
    }
    for (uint64_t key = 1; key <= count; key++) {
        double expected = DRAWS * pow((double)key, -exponent) / sum;
        squared += ((double)seen[key] - expected) * ((double)seen[key] - expected) / expected;
    }
    free(seen);
    assert_true(squared < degrees + 6 * sqrt(2 * degrees) + 6);
}

static void uniform_keys_are_equally_likely(void **state)
{
    (void)state;
    assert_distribution(2, 0);
    assert_distribution(1000, 0);
}

static void zipf_keys_follow_the_law_for_any_exponent(void **state)
{
    (void)state;
    static const double exponents[] = {0.2, 0.5, 0.99, 1, 1.01, 1.5, 2.5};
    for (size_t i = 0; i < sizeof exponents / sizeof exponents[0]; i++) {
        assert_distribution(2, exponents[i]);
        assert_distribution(100, exponents[i]);
    }
    assert_distribution(2000, 0.99);
}

static void one_key_is_that_key(void **state)
{
    (void)state;
    struct keys keys;
    static const double exponents[] = {0, 0.99, 1, 3};
    for (size_t i = 0; i < sizeof exponents / sizeof exponents[0]; i++) {
        keys_init(&keys, 1, 1, exponents[i]);
        for (int j = 0; j < 1000; j++) {
            assert_int_equal(keys_draw(&keys), 1);
        }
    }
}

static void huge_spaces_are_reached_to_their_end(void **state)
{
    (void)state;
    struct keys keys;
    uint64_t count = KEYS_MAX;
    unsigned upper = 0;
    keys_init(&keys, 1, count, 0.2);
    for (int i = 0; i < 10000; i++) {
        uint64_t key = keys_draw(&keys);
        assert_in_range(key, 1, count);
        upper += key > count / 2;
    }
    /* 1 - 0.5^0.8 = 42.6% */
    assert_in_range(upper, 3950, 4560);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uniform_keys_are_equally_likely),
        cmocka_unit_test(zipf_keys_follow_the_law_for_any_exponent),
        cmocka_unit_test(one_key_is_that_key),
        cmocka_unit_test(huge_spaces_are_reached_to_their_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
