/* SPDX-License-Identifier: MIT */
/*
 * test_block_test.c - the test of two series: known values, and how often it is right about series that are made up.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "load/block_test.h"

#define TRIALS 1000
#define SURE   0.01
#define MOST   128 /* values of a run */

static const double pi = 3.14159265358979323846;
static uint64_t seed;

/* splitmix64 (Steele, Lea and Flood 2014), to (0, 1). */
static double draw(void)
{
    uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return ((double)((z ^ z >> 31) >> 11) + 0.5) / 9007199254740992.0;
}

static double draw_normal(void)
{
    double radius = sqrt(-2 * log(draw()));
    return radius * cos(2 * pi * draw());
}

/* Neighbours correlate by r; all have the standard deviation 10. */
static void fill(double *values, size_t count, double mean, double r)
{
    double state = draw_normal();
    for (size_t i = 0; i < count; i++) {
        values[i] = mean + 10 * state;
        state = r * state + sqrt(1 - r * r) * draw_normal();
    }
}

/* Of TRIALS pairs of series, how many differ. */
static unsigned count_differences(size_t count, double r, double left_mean, double right_mean)
{
    double left[MOST], right[MOST];
    unsigned found = 0;
    seed = 1;
    for (unsigned i = 0; i < TRIALS; i++) {
        fill(left, count, left_mean, r);
        fill(right, count, right_mean, r);
        found += block_test(left, count, right, count).p < SURE;
    }
    return found;
}

static void close_to(double value, double expected)
{
    assert_true(fabs(value - expected) < 1e-8);
}

/* Computed apart, Student's t by integration. */
static void gives_known_values(void **state)
{
    (void)state;
    static const double left[] = {19, 31, 16, 29, 18, 30, 17, 28, 20, 27, 15, 33, 19, 29, 16, 30},
                        right[] = {21, 9, 24, 12, 26, 8, 22, 13, 25, 11, 27, 10, 23, 12, 24, 9};
    struct block_test test = block_test(left, 16, right, 16);
    close_to(test.p, 0.01432912328);
    close_to(test.rise, -6.3125);
    close_to(block_test(right, 16, left, 16).p, 0.01432912328);
    static const double smooth[] = {10, 11, 12, 14, 13, 12, 11, 10, 9, 10, 11, 13, 12, 10, 9, 11},
                        higher[] = {12, 13, 15, 16, 17, 16, 15, 13, 14, 15, 16, 14, 13, 12, 14, 15, 16, 18};
    close_to(block_test(smooth, 16, higher, 18).p, 0.08526926665);
}

static void the_same_series_is_no_difference(void **state)
{
    (void)state;
    double same[BLOCK_TEST_LEAST], more[BLOCK_TEST_LEAST], rising[BLOCK_TEST_LEAST];
    for (size_t i = 0; i < BLOCK_TEST_LEAST; i++) {
        same[i] = 3;
        more[i] = 4;
        rising[i] = (double)i;
    }
    assert_true(block_test(same, BLOCK_TEST_LEAST, same, BLOCK_TEST_LEAST).p == 1);
    assert_true(block_test(rising, BLOCK_TEST_LEAST, rising, BLOCK_TEST_LEAST).p == 1);
    assert_true(block_test(same, BLOCK_TEST_LEAST, more, BLOCK_TEST_LEAST).p == 0);
}

static void series_of_equal_mean_are_noise_however_their_values_hang_together(void **state)
{
    (void)state;
    static const double correlations[] = {0, 0.3, 0.6, 0.8, 0.9};
    static const size_t counts[] = {BLOCK_TEST_LEAST, 17, 40, 100, MOST};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        for (size_t j = 0; j < sizeof correlations / sizeof correlations[0]; j++) {
            assert_in_range(count_differences(counts[i], correlations[j], 100, 100), 0, TRIALS / 20);
        }
    }
}

static void a_shift_of_30_percent_is_found(void **state)
{
    (void)state;
    assert_in_range(count_differences(MOST, 0, 100, 130), TRIALS * 99 / 100, TRIALS);
    assert_in_range(count_differences(100, 0.5, 100, 130), TRIALS * 95 / 100, TRIALS);
    assert_in_range(count_differences(100, 0.5, 130, 100), TRIALS * 95 / 100, TRIALS);
    assert_in_range(count_differences(MOST, 0.8, 100, 130), TRIALS * 80 / 100, TRIALS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_known_values),
        cmocka_unit_test(the_same_series_is_no_difference),
        cmocka_unit_test(series_of_equal_mean_are_noise_however_their_values_hang_together),
        cmocka_unit_test(a_shift_of_30_percent_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
