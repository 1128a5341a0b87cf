/* SPDX-License-Identifier: MIT */
/*
 * block_test.c - the test of Welch ("The generalization of 'Student's' problem when several different population variances
 * are involved", Biometrika 34, 1947), two-sided, on blocks of a series.
 *
 * What n values of a series with the correlation r between neighbours tell is what n (1 - r) / (1 + r) independent ones
 * would: Bayley and Hammersley, "The 'effective' number of independent observations in an autocorrelated time series",
 * Supplement to the Journal of the Royal Statistical Society 8, 1946; for tests of means Zwiers and von Storch, "Taking serial
 * correlation into account in tests of the mean", Journal of Climate 8, 1995. Estimates of r from few values are too low, by
 * (1 + 4 r) / n: Marriott and Pope, "Bias in the estimation of autocorrelations", Biometrika 41, 1954.
 */
#include "load/block_test.h"

#include <math.h>

#include "base/error.h"

#define BLOCKS           16  /* longer ones resemble each other less, more of them tell r better */
#define MOST_CORRELATION 0.9 /* above, even the whole run is less than one independent value */
#define LEAST_SIZE       2.0 /* effective, so that there is a degree of freedom */
#define MOST_STEPS       500
#define PRECISE          1e-12

/* The mean of a series and how sure it is. */
struct mean {
    double value, variance, size; /* size: independent values that would tell as much */
};

/* Of nearly equal length, which all values are in. Returns how many. */
static size_t make_blocks(const double *values, size_t count, double blocks[BLOCKS])
{
    size_t length = (count + BLOCKS - 1) / BLOCKS, blocks_count = count / length;
    for (size_t i = 0; i < blocks_count; i++) {
        size_t from = i * count / blocks_count, until = (i + 1) * count / blocks_count;
        blocks[i] = 0;
        for (size_t j = from; j < until; j++) {
            blocks[i] += values[j] / (double)(until - from);
        }
    }
    return blocks_count;
}

static double correlation(double of_neighbours, double squares, double n)
{
    double r = squares > 0 ? of_neighbours / squares : 0;
    return fmin(fmax(r + (1 + 4 * r) / n, 0), MOST_CORRELATION);
}

static struct mean mean_of(const double *values, size_t count)
{
    double blocks[BLOCKS], squares = 0, of_neighbours = 0;
    struct mean mean = {.value = 0};
    count = make_blocks(values, count, blocks);
    double n = (double)count;
    for (size_t i = 0; i < count; i++) {
        mean.value += blocks[i] / n;
    }
    for (size_t i = 0; i < count; i++) {
        squares += (blocks[i] - mean.value) * (blocks[i] - mean.value);
        of_neighbours += i > 0 ? (blocks[i] - mean.value) * (blocks[i - 1] - mean.value) : 0;
    }
    double r = correlation(of_neighbours, squares, n);
    mean.size = fmax(n * (1 - r) / (1 + r), LEAST_SIZE);
    mean.variance = squares / (n - 1) / mean.size;
    return mean;
}

/* The continued fraction of the incomplete beta function (NIST Handbook, 8.17.22), from the front by Lentz's method. */
static double beta_fraction(double a, double b, double x)
{
    double c = 1, d = 1 / (1 - (a + b) * x / (a + 1)), product = d, change = 0;
    for (int m = 1; m < MOST_STEPS && fabs(change - 1) > PRECISE; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / (1 + even * d);
        c = 1 + even / c;
        product *= c * d;
        d = 1 / (1 + odd * d);
        c = 1 + odd / c;
        change = c * d;
        product *= change;
    }
    return product;
}

/* Regularized; 0 < x < 1. */
static double incomplete_beta(double a, double b, double x)
{
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    return x <= (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a
                                      : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

/* How probable it is that Student's t is as far from 0 as t, or farther. */
static double beyond(double t, double freedom)
{
    double x = freedom / (freedom + t * t);
    return x >= 1 ? 1 : x <= 0 ? 0 : incomplete_beta(freedom / 2, 0.5, x);
}

struct block_test block_test(const double *left, size_t left_count, const double *right, size_t right_count)
{
    FR_ASSERT(left_count >= BLOCK_TEST_LEAST && right_count >= BLOCK_TEST_LEAST);
    struct mean a = mean_of(left, left_count), b = mean_of(right, right_count);
    double rise = b.value - a.value, variance = a.variance + b.variance;
    if (variance <= 0) { /* both are constant */
        return (struct block_test){.p = rise == 0 ? 1 : 0, .rise = rise};
    }
    double freedom = variance * variance /
                     (a.variance * a.variance / (a.size - 1) + b.variance * b.variance / (b.size - 1));
    return (struct block_test){.p = beyond(rise / sqrt(variance), freedom), .rise = rise};
}
