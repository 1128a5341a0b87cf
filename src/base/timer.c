/* SPDX-License-Identifier: MIT */
/*
 * timer.c - many timers on one thread: a hashed timing wheel with ticks of 1 ms.
 *
 * One wheel and one thread per process, started by the first timer. A slot holds the timers of every turn of the
 * wheel; those that are due stand in a slot between the last tick and now. The thread sleeps until the next slot
 * that holds a timer, at most one turn.
 */
#include "base/timer.h"

#include <pthread.h>
#include <stddef.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/condition.h"
#include "base/placement.h"

#define SLOTS   1024 /* a power of two; a turn is about one second */
#define TICK_US FR_MILLISECOND_US

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake;
static struct fr_timer slots[SLOTS]; /* guarded by mu; list heads */
static uint64_t last_tick;           /* guarded by mu; the last one looked at */
static uint64_t sleeping_until_tick; /* guarded by mu */

static uint64_t tick_of(uint64_t time_us)
{
    return time_us / TICK_US + (time_us % TICK_US != 0);
}

static void unlink_timer(struct fr_timer *timer)
{
    timer->previous->next = timer->next;
    timer->next->previous = timer->previous;
    timer->next = timer->previous = NULL;
}

/* A timer of this slot that is due, or NULL. */
static struct fr_timer *due_in_slot(struct fr_timer *head, uint64_t now_tick)
{
    for (struct fr_timer *timer = head->next; timer != head; timer = timer->next) {
        if (tick_of(timer->deadline_us) <= now_tick) {
            return timer;
        }
    }
    return NULL;
}

static void fire_due_locked(uint64_t now_tick)
{
    if (now_tick - last_tick > SLOTS) {
        last_tick = now_tick - SLOTS; /* one turn sees every slot */
    }
    while (last_tick < now_tick) {
        /* Moved on before mu is let go: what is started meanwhile must go into a slot that is still to be seen. */
        last_tick++;
        struct fr_timer *timer;
        while ((timer = due_in_slot(&slots[last_tick % SLOTS], now_tick)) != NULL) {
            unlink_timer(timer);
            pthread_mutex_unlock(&mu);
            timer->fire(timer);
            pthread_mutex_lock(&mu);
        }
    }
}

static uint64_t next_tick_locked(void)
{
    for (uint64_t tick = last_tick + 1; tick < last_tick + SLOTS; tick++) {
        if (slots[tick % SLOTS].next != &slots[tick % SLOTS]) {
            return tick;
        }
    }
    return last_tick + SLOTS;
}

static void *run(void *unused)
{
    (void)unused;
    fr_placement_join(gettid());
    pthread_mutex_lock(&mu);
    for (;;) {
        /* Rounded down: a timer is due only when its tick has passed whole. */
        fire_due_locked(fr_clock_now_us() / TICK_US);
        sleeping_until_tick = next_tick_locked();
        fr_condition_wait(&wake, &mu, sleeping_until_tick * TICK_US);
    }
    return NULL;
}

static void start_thread(void)
{
    fr_condition_init(&wake);
    for (unsigned i = 0; i < SLOTS; i++) {
        slots[i].next = slots[i].previous = &slots[i];
    }
    last_tick = fr_clock_now_us() / TICK_US;
    pthread_t thread;
    FR_ASSERT(pthread_create(&thread, NULL, run, NULL) == 0);
    pthread_detach(thread);
}

void fr_timer_start(struct fr_timer *self, uint64_t deadline_us, void (*fire)(struct fr_timer *self))
{
    pthread_once(&once, start_thread);
    pthread_mutex_lock(&mu);
    FR_ASSERT(self->next == NULL);
    self->deadline_us = deadline_us;
    self->fire = fire;
    uint64_t tick = tick_of(deadline_us);
    if (tick <= last_tick) {
        tick = last_tick + 1; /* overdue: the next slot to be looked at */
    }
    struct fr_timer *head = &slots[tick % SLOTS];
    self->next = head;
    self->previous = head->previous;
    head->previous->next = self;
    head->previous = self;
    if (tick < sleeping_until_tick) {
        pthread_cond_signal(&wake);
    }
    pthread_mutex_unlock(&mu);
}

bool fr_timer_stop(struct fr_timer *self)
{
    pthread_mutex_lock(&mu);
    bool running = self->next != NULL;
    if (running) {
        unlink_timer(self);
    }
    pthread_mutex_unlock(&mu);
    return running;
}
