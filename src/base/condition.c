/* SPDX-License-Identifier: MIT */
/*
 * condition.c - condition variables whose waits end in time, whatever is done to the wall clock.
 */
#include "base/condition.h"

#include <time.h>

#include "base/clock.h"

#define SECOND_NS UINT64_C(1000000000)

void fr_condition_init(pthread_cond_t *self)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(self, &attributes);
    pthread_condattr_destroy(&attributes);
}

bool fr_condition_wait(pthread_cond_t *self, pthread_mutex_t *mu, uint64_t deadline_us)
{
    uint64_t now_us = fr_clock_now_us();
    if (now_us >= deadline_us) {
        return false;
    }
    /* Conditions know no CLOCK_BOOTTIME, which fr_clock_now_us reads: only what is left is the same on both. */
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t left_us = fr_clock_deadline_us(0, deadline_us - now_us);
    uint64_t nanoseconds = (uint64_t)until.tv_nsec + left_us * 1000;
    until.tv_sec += (time_t)(nanoseconds / SECOND_NS);
    until.tv_nsec = (long)(nanoseconds % SECOND_NS);
    pthread_cond_timedwait(self, mu, &until);
    return true;
}
