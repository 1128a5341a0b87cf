/* SPDX-License-Identifier: MIT */
/*
 * test_histogram.c - values keep their promised precision; merging equals recording together.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/histogram.h"
#include "base/random.h"

#define LARGEST ((UINT64_C(1) << 40) - 1)

/* Any order of magnitude is as likely as any other. */
static uint64_t random_value(void)
{
    return fr_random_u64() >> (24 + fr_random_below(40));
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

/* A recorded value, as the histogram shows it: a larger one keeps max from hiding the bucket. */
static uint64_t shown(uint64_t value)
{
    static struct fr_histogram histogram;
    memset(&histogram, 0, sizeof histogram);
    fr_histogram_record(&histogram, value);
    fr_histogram_record(&histogram, LARGEST);
    return fr_histogram_quantile(&histogram, 0.5);
}

static void assert_near(uint64_t found, uint64_t value)
{
    assert_true(found >= value);
    assert_true((found - value) * 64 <= value);
}

static void values_are_kept_within_a_64th(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t value = random_value();
        assert_near(shown(value), value);
    }
}

static void the_edges_of_every_power_of_two_are_kept_within_a_64th(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 40; bit++) {
        uint64_t power = UINT64_C(1) << bit;
        assert_near(shown(power - 1), power - 1);
        assert_near(shown(power), power);
        assert_near(shown(power + 1), power + 1);
    }
    assert_near(shown(LARGEST), LARGEST);
}

static void small_values_are_exact(void **state)
{
    (void)state;
    for (uint64_t value = 0; value < 128; value++) {
        assert_int_equal(shown(value), value);
    }
}

static void quantiles_are_those_of_the_sorted_values(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    static uint64_t values[COUNT];
    static struct fr_histogram histogram;
    for (unsigned round = 0; round < 20; round++) {
        memset(&histogram, 0, sizeof histogram);
        for (unsigned i = 0; i < COUNT; i++) {
            values[i] = random_value();
            fr_histogram_record(&histogram, values[i]);
        }
        qsort(values, COUNT, sizeof values[0], compare);
        static const double fractions[] = {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0};
        for (size_t i = 0; i < sizeof fractions / sizeof fractions[0]; i++) {
            unsigned rank = (unsigned)(fractions[i] * COUNT + 0.5);
            assert_near(fr_histogram_quantile(&histogram, fractions[i]), values[rank - 1]);
        }
        assert_int_equal(fr_histogram_quantile(&histogram, 1.0), values[COUNT - 1]);
        assert_int_equal(histogram.max, values[COUNT - 1]);
    }
}

static void merging_equals_recording_together(void **state)
{
    (void)state;
    static struct fr_histogram parts[3], merged, together;
    memset(&merged, 0, sizeof merged);
    memset(&together, 0, sizeof together);
    memset(parts, 0, sizeof parts);
    for (unsigned i = 0; i < 30000; i++) {
        uint64_t value = random_value();
        fr_histogram_record(&parts[fr_random_below(3)], value);
        fr_histogram_record(&together, value);
    }
    for (unsigned i = 0; i < 3; i++) {
        fr_histogram_add(&merged, &parts[i]);
    }
    assert_memory_equal(&merged, &together, sizeof merged);
}

static void an_empty_histogram_has_only_zeros(void **state)
{
    (void)state;
    static const struct fr_histogram empty;
    assert_int_equal(fr_histogram_quantile(&empty, 0), 0);
    assert_int_equal(fr_histogram_quantile(&empty, 0.5), 0);
    assert_int_equal(fr_histogram_quantile(&empty, 1), 0);
}

static void a_value_above_the_range_is_counted_and_kept_as_the_maximum(void **state)
{
    (void)state;
    static struct fr_histogram histogram;
    fr_histogram_record(&histogram, UINT64_MAX / 2);
    fr_histogram_record(&histogram, 5);
    assert_int_equal(histogram.count, 2);
    assert_int_equal(histogram.max, UINT64_MAX / 2);
    assert_int_equal(fr_histogram_quantile(&histogram, 0.5), 5);
    assert_true(fr_histogram_quantile(&histogram, 1) >= LARGEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_kept_within_a_64th),
        cmocka_unit_test(the_edges_of_every_power_of_two_are_kept_within_a_64th),
        cmocka_unit_test(small_values_are_exact),
        cmocka_unit_test(quantiles_are_those_of_the_sorted_values),
        cmocka_unit_test(merging_equals_recording_together),
        cmocka_unit_test(an_empty_histogram_has_only_zeros),
        cmocka_unit_test(a_value_above_the_range_is_counted_and_kept_as_the_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
