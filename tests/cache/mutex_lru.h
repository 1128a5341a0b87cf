/* SPDX-License-Identifier: MIT */
/*
 * mutex_lru.h - the textbook cache to compare with: a chained hash map and an LRU list under one mutex.
 */
#ifndef FR_TESTS_CACHE_MUTEX_LRU_H
#define FR_TESTS_CACHE_MUTEX_LRU_H

#include <stdbool.h>

#include "base/buffer.h"

struct fr_mutex_lru;

/* Room for capacity entries. NULL: no memory. */
struct fr_mutex_lru *fr_mutex_lru_new(size_t capacity);
void fr_mutex_lru_free(struct fr_mutex_lru *self);
/* On a hit adds the first and the last byte of the value to *sum. */
bool fr_mutex_lru_get(struct fr_mutex_lru *self, struct fr_bytes key, uint64_t *sum);
/* The value is copied. Without memory nothing is stored. */
void fr_mutex_lru_put(struct fr_mutex_lru *self, struct fr_bytes key, struct fr_bytes value);

#endif
