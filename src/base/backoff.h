/* SPDX-License-Identifier: MIT */
/*
 * backoff.h - jittered exponential back-off: attempt n waits random(0, min(initial * 2^n, max)), as
 * "full jitter" in Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
 */
#ifndef FR_BASE_BACKOFF_H
#define FR_BASE_BACKOFF_H

#include <stdint.h>

struct fr_backoff {
    uint64_t initial_us;
    uint64_t max_us;
    unsigned attempt; /* set to 0 after a success */
};

/* The next pause; counts the attempt. At least 1 ms. */
uint64_t fr_backoff_next_us(struct fr_backoff *self);

#endif
