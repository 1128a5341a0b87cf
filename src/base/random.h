/* SPDX-License-Identifier: MIT */
/*
 * random.h - fast random numbers; not for secrets, but unique over processes and restarts.
 */
#ifndef FR_BASE_RANDOM_H
#define FR_BASE_RANDOM_H

#include <stdint.h>

/* 64 random bits, never 0. Thread-safe: each thread has its own state, seeded by the kernel. */
uint64_t fr_random_u64(void);
/* Uniform in [0, bound); 0 when bound is 0. */
uint64_t fr_random_below(uint64_t bound);

#endif
