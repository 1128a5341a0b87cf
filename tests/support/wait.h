/* SPDX-License-Identifier: MIT */
/*
 * wait.h - wait on another thread for a condition, with a deadline instead of a sleep.
 */
#ifndef FR_SUPPORT_WAIT_H
#define FR_SUPPORT_WAIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* How long a test waits for what must happen: far beyond what a loaded machine needs. */
#define FR_TEST_PATIENCE_US (20 * 1000000ull)

struct fr_wait {
    pthread_mutex_t mu;
    pthread_cond_t changed;
};

void fr_wait_init(struct fr_wait *self);
void fr_wait_fini(struct fr_wait *self);
/* Changes what a waiter looks at: between these two. */
void fr_wait_lock(struct fr_wait *self);
void fr_wait_unlock_changed(struct fr_wait *self);
/* Waits until *value, guarded by self, is at least wanted. false: not within timeout_us. */
bool fr_wait_for(struct fr_wait *self, const uint64_t *value, uint64_t wanted, uint64_t timeout_us);

#endif
