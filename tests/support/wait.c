/* SPDX-License-Identifier: MIT */
/*
 * wait.c - a condition variable on the monotonic clock.
 */
#include "support/wait.h"

#include <errno.h>
#include <time.h>

void fr_wait_init(struct fr_wait *self)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&self->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&self->mu, NULL);
}

void fr_wait_fini(struct fr_wait *self)
{
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->mu);
}

void fr_wait_lock(struct fr_wait *self)
{
    pthread_mutex_lock(&self->mu);
}

void fr_wait_unlock_changed(struct fr_wait *self)
{
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mu);
}

bool fr_wait_for(struct fr_wait *self, const uint64_t *value, uint64_t wanted, uint64_t timeout_us)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    uint64_t end_ns = (uint64_t)deadline.tv_nsec + timeout_us % 1000000 * 1000;
    deadline.tv_sec += (time_t)(timeout_us / 1000000 + end_ns / 1000000000);
    deadline.tv_nsec = (long)(end_ns % 1000000000);
    pthread_mutex_lock(&self->mu);
    int failure = 0;
    while (*value < wanted && failure == 0) {
        failure = pthread_cond_timedwait(&self->changed, &self->mu, &deadline);
    }
    bool reached = *value >= wanted;
    pthread_mutex_unlock(&self->mu);
    return reached;
}
