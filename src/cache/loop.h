/* SPDX-License-Identifier: MIT */
/*
 * loop.h - the one libuv thread that owns Redis and the timers of the cache.
 */
#ifndef FR_CACHE_LOOP_H
#define FR_CACHE_LOOP_H

#include <stdint.h>

#include "base/error.h"

struct fr_loop;

/* Part of the caller's struct; it must live until run is called. */
struct fr_task {
    struct fr_task *next; /* guarded by the loop's mu */
    void (*run)(struct fr_task *self);
};

FR_MUST_CHECK enum fr_code fr_loop_new(struct fr_loop **ret_loop, struct fr_error *reterr);
/*
 * Runs what was posted, what was posted for later too (at once), then ends the thread. Everything on the loop must
 * have been freed, and nobody may post any more but the tasks that run. NULL is fine. Not from the loop thread.
 */
void fr_loop_free(struct fr_loop *self);

/*
 * Has run called on the loop thread each time before the loop waits for events, and at its end, so that what one turn
 * has gathered can leave together. Before anything is posted; once.
 */
void fr_loop_set_turn_end(struct fr_loop *self, void (*run)(void));

/* run(task) once on the loop thread, in the order of posting. Tasks posted together share one wake-up. Thread-safe. */
void fr_loop_post(struct fr_loop *self, struct fr_task *task);
/*
 * The same after delay_us, never before. Only from the loop thread. Cannot be stopped. Without memory
 * for the timer the task runs with the next posted ones: early rather than never.
 */
void fr_loop_post_later(struct fr_loop *self, struct fr_task *task, uint64_t delay_us);

#endif
