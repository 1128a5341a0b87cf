/* SPDX-License-Identifier: MIT */
/*
 * relay.h - carries the marks of committed writes to Redis: INVALIDATE, publish, clear.
 *
 * Every process that has the database runs one. Its own writers announce their marks at once; marks that a crash,
 * another program or a time without Redis left behind are found by polling.
 */
#ifndef FR_CACHED_RELAY_H
#define FR_CACHED_RELAY_H

#include "base/metrics.h"
#include "cache/shared_cache.h"
#include "store/store.h"

struct fr_relay;

/* Starts its thread; everything is borrowed until fr_relay_free. *ret_relay is owned. */
FR_MUST_CHECK enum fr_code fr_relay_new(struct fr_store *store, struct fr_loop *loop, struct fr_shared_cache *shared,
                                        struct fr_relay **ret_relay, struct fr_error *reterr);
/* Adds freshet_relay_…; to be removed (fr_metrics_remove_source) before the relay is freed. */
FR_MUST_CHECK enum fr_code fr_relay_metrics_add(struct fr_metrics *metrics, struct fr_relay *self,
                                                struct fr_error *reterr);
/* Waits for what is under way. NULL is fine. */
void fr_relay_free(struct fr_relay *self);

/* newest: the last of what was published; none if nothing was. */
typedef void fr_announced(void *argument, struct fr_event_id newest);

/*
 * Invalidates and publishes what a transaction made old, then has the marks cleared. Takes over marks. done runs
 * once on the loop thread when every key was invalidated or Redis was found unreachable (the marks then stay for
 * later). Thread-safe.
 */
void fr_relay_announce(struct fr_relay *self, struct fr_store_marks *marks, fr_announced *done, void *argument);

#endif
