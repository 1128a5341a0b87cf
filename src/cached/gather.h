/* SPDX-License-Identifier: MIT */
/*
 * gather.h - reads that one thread asks for between fr_cork and fr_uncork begin together: those of one received message,
 * or of one turn of the loop, so that they share a pipeline to Redis and their misses a load.
 */
#ifndef FR_CACHED_GATHER_H
#define FR_CACHED_GATHER_H

#include "cache/cache.h"

/* As fr_cache_get, but for the near cache, in which it is not looked for. Without a cork it begins at once. */
void fr_gather_read(struct fr_cache *cache, const struct fr_cache_read *read);

#endif
