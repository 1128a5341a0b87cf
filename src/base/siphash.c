/* SPDX-License-Identifier: MIT */
/*
 * siphash.c - SipHash-1-3.
 */
#include "base/siphash.h"

#include <endian.h>
#include <string.h>

struct state {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static inline struct state one_round(struct state s)
{
    s.v0 += s.v1;
    s.v2 += s.v3;
    s.v1 = rotate(s.v1, 13) ^ s.v0;
    s.v3 = rotate(s.v3, 16) ^ s.v2;
    s.v0 = rotate(s.v0, 32) + s.v3;
    s.v2 += s.v1;
    s.v1 = rotate(s.v1, 17) ^ s.v2;
    s.v3 = rotate(s.v3, 21) ^ s.v0;
    s.v2 = rotate(s.v2, 32);
    return s;
}

static inline struct state compress(struct state s, uint64_t word)
{
    s.v3 ^= word;
    s = one_round(s);
    s.v0 ^= word;
    return s;
}

uint64_t fr_siphash(struct fr_siphash_secret secret, struct fr_bytes bytes)
{
    /* "somepseudorandomlygeneratedbytes", as in the paper. */
    struct state s = {
        .v0 = secret.low ^ UINT64_C(0x736f6d6570736575),
        .v1 = secret.high ^ UINT64_C(0x646f72616e646f6d),
        .v2 = secret.low ^ UINT64_C(0x6c7967656e657261),
        .v3 = secret.high ^ UINT64_C(0x7465646279746573),
    };
    const uint8_t *at = bytes.data;
    size_t left = bytes.size;
    for (; left >= 8; left -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        s = compress(s, le64toh(word));
    }
    uint64_t last = (uint64_t)bytes.size << 56;
    for (size_t i = 0; i < left; i++) {
        last |= (uint64_t)at[i] << (8 * i);
    }
    s = compress(s, last);
    s.v2 ^= 0xff;
    s = one_round(one_round(one_round(s)));
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
