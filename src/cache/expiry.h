/* SPDX-License-Identifier: MIT */
/*
 * expiry.h - when a value is to be loaded anew. Pure.
 */
#ifndef FR_CACHE_EXPIRY_H
#define FR_CACHE_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

/*
 * How long this version of key is fresh: ttl_us less up to a tenth. Values that are filled together so expire one after
 * the other. The share depends on key and version only, so that who reads a record knows from its expiry when it was
 * filled.
 */
uint64_t fr_expiry_soft_us(uint64_t ttl_us, struct fr_bytes key, uint64_t version);

/*
 * Whether a hit should have its value loaded anew before it expires: XFetch (Vattani, Chierichetti, Lowenstein:
 * "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015) with beta = 1, that is -ln(u) * load_us >= left_us. u,
 * in (0, 1], is drawn for each hit from the 64 bits of random. Never before the last quarter of ttl_us, which bounds
 * what a slow load costs.
 */
bool fr_expiry_is_early(uint64_t left_us, uint64_t ttl_us, uint64_t load_us, uint64_t random);

/* left_us is beyond all that fr_expiry_is_early could say yes to, whatever is drawn. */
bool fr_expiry_is_far(uint64_t left_us, uint64_t ttl_us, uint64_t load_us);

#endif
