/* SPDX-License-Identifier: MIT */
/*
 * rank_test.c - the test of Mann and Whitney: "On a test of whether one of two random variables is stochastically larger
 * than the other", Annals of Mathematical Statistics 18, 1947. Two-sided, by the normal approximation, with corrections for
 * ties and for continuity. above is the effect size A of Vargha and Delaney (2000).
 */
#include "load/rank_test.h"

#include <math.h>

#include "base/error.h"

#define MOST 256

/* The sum of t^3 - t over the groups of t equal values. */
static double sum_of_ties(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        double equal = 0;
        for (size_t j = 0; j < count; j++) {
            equal += values[j] == values[i];
        }
        sum += equal * equal - 1; /* each of the t values adds its share */
    }
    return sum;
}

struct rank_test rank_test(const double *left, size_t left_count, const double *right, size_t right_count)
{
    double both[MOST], m = (double)left_count, n = (double)right_count, all = m + n, u = 0;
    FR_ASSERT(left_count + right_count <= MOST);
    for (size_t i = 0; i < left_count; i++) {
        both[i] = left[i];
        for (size_t j = 0; j < right_count; j++) {
            u += right[j] > left[i] ? 1 : right[j] == left[i] ? 0.5 : 0;
        }
    }
    for (size_t j = 0; j < right_count; j++) {
        both[left_count + j] = right[j];
    }
    double variance =
        m * n / 12 * (all + 1 - sum_of_ties(both, left_count + right_count) / (all * (all - 1)));
    double distance = fmax(fabs(u - m * n / 2) - 0.5, 0);
    return (struct rank_test){.p = variance > 0 ? erfc(distance / sqrt(2 * variance)) : 1,
                              .above = u / (m * n)};
}
