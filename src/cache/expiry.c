/* SPDX-License-Identifier: MIT */
/*
 * expiry.c - when a value is to be loaded anew.
 */
#include "cache/expiry.h"

#include <math.h>

#include "base/siphash.h"

#define SPREAD_PARTS 10 /* a tenth of the ttl */
#define EARLY_PARTS  4  /* the last quarter of it */
#define MAX_FACTOR   45 /* -ln(2^-64) is 44.4 */

/* The same in every process; there is nothing to gain by choosing keys. */
static const struct fr_siphash_secret spread = {.low = UINT64_C(0x6672657368657421), .high = 1};

uint64_t fr_expiry_soft_us(uint64_t ttl_us, struct fr_bytes key, uint64_t version)
{
    uint64_t bits = fr_siphash(spread, key) ^ version * UINT64_C(0x9E3779B97F4A7C15);
    uint64_t share = (bits ^ bits >> 29) * UINT64_C(0xBF58476D1CE4E5B9) >> 32; /* 32 bits */
    return ttl_us - (uint64_t)((double)(ttl_us / SPREAD_PARTS) * (double)share / 4294967296.0);
}

bool fr_expiry_is_far(uint64_t left_us, uint64_t ttl_us, uint64_t load_us)
{
    return left_us > ttl_us / EARLY_PARTS || left_us / MAX_FACTOR > load_us;
}

bool fr_expiry_is_early(uint64_t left_us, uint64_t ttl_us, uint64_t load_us, uint64_t random)
{
    if (fr_expiry_is_far(left_us, ttl_us, load_us)) {
        return false;
    }
    double u = ((double)random + 1.0) / 18446744073709551616.0;
    return -log(u) * (double)load_us >= (double)left_us;
}
