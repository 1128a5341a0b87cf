/* SPDX-License-Identifier: MIT */
/*
 * random.c - fast random numbers: splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
 * generators", OOPSLA 2014), one state per thread.
 */
#include "base/random.h"

#include <sys/random.h>

#include "base/clock.h"

static _Thread_local uint64_t state;

uint64_t fr_random_u64(void)
{
    if (state == 0 && getrandom(&state, sizeof state, 0) != (ssize_t)sizeof state) {
        state = fr_clock_wall_us() ^ (uint64_t)(uintptr_t)&state;
    }
    uint64_t mixed;
    do {
        state += UINT64_C(0x9E3779B97F4A7C15);
        mixed = state;
        mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
        mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
        mixed ^= mixed >> 31;
    } while (mixed == 0);
    return mixed;
}

uint64_t fr_random_below(uint64_t bound)
{
    return (uint64_t)(((unsigned __int128)fr_random_u64() * bound) >> 64);
}
