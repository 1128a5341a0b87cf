/* SPDX-License-Identifier: MIT */
/*
 * cache_metrics.h - internal to this folder: a cache's statistics in the registry of the program.
 */
#ifndef FR_CACHE_CACHE_METRICS_H
#define FR_CACHE_CACHE_METRICS_H

#include "cache/cache.h"

/* Adds those of self, its near cache included. FR_ALREADY_EXISTS: the registry has another cache; nothing was added. */
FR_MUST_CHECK enum fr_code fr_cache_metrics_add(struct fr_metrics *metrics, struct fr_cache *self,
                                                struct fr_error *reterr);
void fr_cache_metrics_remove(struct fr_metrics *metrics, struct fr_cache *self);

#endif
