/* SPDX-License-Identifier: MIT */
/*
 * keys.h - keys in a row, drawn uniformly or by Zipf's law.
 */
#ifndef LOAD_KEYS_H
#define LOAD_KEYS_H

#include <stdint.h>

/* Above that, doubles are too coarse for the rejection of Zipf. */
#define KEYS_MAX (UINT64_C(1) << 40)

/* Immutable once made, so threads may share it. */
struct keys {
    uint64_t first, count;
    double exponent; /* the k-th key is drawn in proportion to k^-exponent; 0: uniformly */
    double integral_low, integral_high, near; /* of the rejection, see keys.c */
};

/* count: 1 to KEYS_MAX. exponent: 0 or more. */
void keys_init(struct keys *self, uint64_t first, uint64_t count, double exponent);
/* Takes constant time and memory however many keys there are. Thread-safe. */
uint64_t keys_draw(const struct keys *self);

#endif
