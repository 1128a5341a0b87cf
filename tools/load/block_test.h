/* SPDX-License-Identifier: MIT */
/*
 * block_test.h - whether the means of two series over time differ by more than chance. Pure.
 *
 * Neighbouring values of a run resemble each other, so that a hundred of them tell as much as a few independent ones:
 * they are merged into blocks, and what likeness is left between neighbouring blocks makes the variance larger.
 */
#ifndef LOAD_BLOCK_TEST_H
#define LOAD_BLOCK_TEST_H

#include <stddef.h>

/* Fewer values on either side do not tell how much neighbours resemble each other. */
#define BLOCK_TEST_LEAST 16

struct block_test {
    double p;    /* how probable means so far apart are if the two series have the same one */
    double rise; /* of the mean, from left to right */
};

/* Values in the order of time, at least BLOCK_TEST_LEAST each. */
struct block_test block_test(const double *left, size_t left_count, const double *right, size_t right_count);

#endif
