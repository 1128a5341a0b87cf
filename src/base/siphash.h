/* SPDX-License-Identifier: MIT */
/*
 * siphash.h - SipHash-1-3, a keyed hash for tables whose keys strangers choose (Aumasson, Bernstein: "SipHash: a
 * fast short-input PRF", INDOCRYPT 2012; with 1 and 3 rounds, as in Rust's and Python's tables).
 *
 * Who does not know the secret cannot choose keys that collide.
 */
#ifndef FR_BASE_SIPHASH_H
#define FR_BASE_SIPHASH_H

#include <stdint.h>

#include "base/buffer.h"

struct fr_siphash_secret {
    uint64_t low, high;
};

/* 64 uniform bits. Pure. */
uint64_t fr_siphash(struct fr_siphash_secret secret, struct fr_bytes bytes);

#endif
