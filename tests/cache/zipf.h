/* SPDX-License-Identifier: MIT */
/*
 * zipf.h - random ranks whose frequency falls with a power of the rank.
 */
#ifndef FR_TESTS_CACHE_ZIPF_H
#define FR_TESTS_CACHE_ZIPF_H

#include <stddef.h>

struct fr_zipf;

/* Ranks 0 … count - 1, rank r with a weight of 1 / (r + 1)^exponent. NULL: no memory. */
struct fr_zipf *fr_zipf_new(size_t count, double exponent);
void fr_zipf_free(struct fr_zipf *self);
size_t fr_zipf_next(const struct fr_zipf *self);

#endif
