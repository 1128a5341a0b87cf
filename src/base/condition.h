/* SPDX-License-Identifier: MIT */
/*
 * condition.h - condition variables whose waits end in time, whatever is done to the wall clock.
 */
#ifndef FR_BASE_CONDITION_H
#define FR_BASE_CONDITION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* The caller's storage; signal, broadcast and destroy it as any other. */
void fr_condition_init(pthread_cond_t *self);

/*
 * pthread_cond_timedwait until deadline_us on fr_clock_now_us; UINT64_MAX: for ever. False, without a wait, when that has
 * passed. True: signalled, out of time, or neither, so look again at what is waited for, and call again. The caller has
 * mu. While the machine sleeps, that clock runs on and the wait does not.
 */
bool fr_condition_wait(pthread_cond_t *self, pthread_mutex_t *mu, uint64_t deadline_us);

#endif
