/* SPDX-License-Identifier: MIT */
/*
 * redis_info.h - what INFO of Redis says: which life of it this is, and how it fares. Pure.
 */
#ifndef FR_CACHE_REDIS_INFO_H
#define FR_CACHE_REDIS_INFO_H

#include <stdbool.h>
#include <stdint.h>

/* A sample; numbers that INFO did not have are 0. */
struct fr_redis_info {
    uint64_t sampled_us;    /* when it was asked for (fr_clock_now_us); 0: there is no sample yet */
    uint64_t round_trip_us; /* of the command that took it */
    uint64_t memory_bytes;
    uint64_t memory_limit_bytes; /* 0: none */
    uint64_t clients;
    uint64_t evicted_keys; /* since Redis started, like expired_keys */
    uint64_t expired_keys;
};

/* FNV-1a (64 bits; Fowler, Noll, Vo) over run_id, a NUL and master_replid as INFO shows them; never 0. */
uint64_t fr_redis_incarnation(const char *run_id, const char *master_replid);

/*
 * Sets *ret_incarnation and returns NULL, or returns what makes this Redis unfit as a shared cache (static text): a
 * replica lags behind its primary, so an INVALIDATE that ran may be missing there.
 */
const char *fr_redis_info_identify(const char *info, uint64_t *ret_incarnation);

/* Sets what stands in info, and leaves the two times. */
void fr_redis_info_read(const char *info, struct fr_redis_info *sample);

#endif
