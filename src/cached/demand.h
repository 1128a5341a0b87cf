/* SPDX-License-Identifier: MIT */
/*
 * demand.h - what a call's metadata demands of the caches: x-cache-min-version and x-cache-control.
 */
#ifndef FR_CACHED_DEMAND_H
#define FR_CACHED_DEMAND_H

#include "cache/cache.h"
#include "rpc/metadata.h"

/*
 * x-cache-control is "no-cache" or "only-if-cached", or both names separated by commas, in any case; others are
 * ignored, as those of Cache-Control are (RFC 9111, sections 5.2 and 5.2.3).
 *   FR_INVALID_ARGUMENT  x-cache-min-version is no number, or x-cache-control is both
 */
FR_MUST_CHECK enum fr_code fr_demand_read(struct fr_metadata metadata, struct fr_demand *ret_demand,
                                          struct fr_error *reterr);

/* false: text is not one decimal number of 64 bits; *ret_number stays. */
bool fr_demand_number(struct fr_bytes text, uint64_t *ret_number);

#endif
