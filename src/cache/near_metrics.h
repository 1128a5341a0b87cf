/* SPDX-License-Identifier: MIT */
/*
 * near_metrics.h - the near cache's statistics in the registry of the program.
 */
#ifndef FR_CACHE_NEAR_METRICS_H
#define FR_CACHE_NEAR_METRICS_H

#include "base/metrics.h"
#include "cache/near_cache.h"

/*
 * Adds freshet_near_cache_… as a source whose context is the cache: fr_metrics_remove_source(metrics, cache) before it
 * is freed.
 *   FR_ALREADY_EXISTS  another near cache is in this registry
 */
FR_MUST_CHECK enum fr_code fr_near_metrics_add(struct fr_metrics *metrics, struct fr_near_cache *cache,
                                               struct fr_error *reterr);

#endif
