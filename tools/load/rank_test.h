/* SPDX-License-Identifier: MIT */
/*
 * rank_test.h - whether two samples differ by more than chance. Pure.
 */
#ifndef LOAD_RANK_TEST_H
#define LOAD_RANK_TEST_H

#include <stddef.h>

/* Fewer values on either side tell nothing. */
#define RANK_TEST_LEAST 8

struct rank_test {
    double p; /* how probable a difference of ranks like this is if both come from the same distribution */
    double above; /* the share of pairs in which the value of right is the larger one; a tie counts half */
};

/* At least RANK_TEST_LEAST values each, and at most 256 in all. */
struct rank_test rank_test(const double *left, size_t left_count, const double *right, size_t right_count);

#endif
