/* SPDX-License-Identifier: MIT */
/*
 * timer.h - many timers on one thread: a hashed timing wheel (Varghese, Lauck: "Hashed and hierarchical timing
 * wheels", SOSP 1987) with ticks of 1 ms, so that starting and stopping are O(1).
 *
 * A timer never fires early and at most about 2 ms late on an idle machine. Thread-safe.
 */
#ifndef FR_BASE_TIMER_H
#define FR_BASE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Part of the caller's struct; zeroed memory is a stopped one. The fields belong to the wheel. */
struct fr_timer {
    struct fr_timer *next, *previous; /* guarded by the wheel's mu */
    uint64_t deadline_us;
    void (*fire)(struct fr_timer *self);
};

/*
 * Calls fire(self) once on the timer thread at deadline_us (fr_clock_now_us). fire must not block; it may start
 * and stop timers, also this one. self must be stopped.
 */
void fr_timer_start(struct fr_timer *self, uint64_t deadline_us, void (*fire)(struct fr_timer *self));

/*
 * true: the timer was running and will not fire. false: it was not running, or fire has been or is being called.
 * Does not wait for a running fire; keep a reference for it where the memory may go.
 */
bool fr_timer_stop(struct fr_timer *self);

#endif
