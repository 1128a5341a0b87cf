/* SPDX-License-Identifier: MIT */
/*
 * loop.c - the libuv thread: tasks from any thread, and timers.
 *
 * Posting takes the mutex for two stores. The loop takes the whole list at once; only the post that finds the
 * list empty wakes it, so a burst of posts costs one system call.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/placement.h"
#include "cache/loop_uv.h"

/* A task that waits for its time. */
struct later {
    uv_timer_t timer;
    struct fr_task *task;
    uint64_t due_us;
    struct later *next, *previous;
};

typedef void turn_end_fn(void);

struct fr_loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_prepare_t before_wait;
    _Atomic(turn_end_fn *) turn_end;
    pthread_t thread;
    struct later later; /* head of a ring; loop thread only */
    pthread_mutex_t mu;
    struct fr_task *first, **last; /* guarded by mu */
    bool stopping;                 /* guarded by mu */
};

uv_loop_t *fr_loop_uv_get(struct fr_loop *self)
{
    return &self->uv;
}

/* Runs everything that is posted now. false: there was nothing. */
static bool run_posted(struct fr_loop *self, bool *ret_stopping)
{
    pthread_mutex_lock(&self->mu);
    struct fr_task *task = self->first;
    self->first = NULL;
    self->last = &self->first;
    *ret_stopping = self->stopping;
    pthread_mutex_unlock(&self->mu);
    bool any = task != NULL;
    while (task != NULL) {
        struct fr_task *next = task->next; /* run may free the task or post it again */
        task->run(task);
        task = next;
    }
    return any;
}

static void free_later(uv_handle_t *handle)
{
    free(handle->data);
}

static void run_later(struct later *self)
{
    struct fr_task *task = self->task;
    self->next->previous = self->previous;
    self->previous->next = self->next;
    uv_close((uv_handle_t *)&self->timer, free_later);
    task->run(task);
}

/* libuv counts in whole ms of its own clock, so that a timer may fire before its time is over. */
static void on_timer(uv_timer_t *timer)
{
    struct later *self = timer->data;
    if (fr_clock_now_us() < self->due_us) {
        uv_timer_start(timer, on_timer, 1, 0);
    } else {
        run_later(self);
    }
}

static void on_wake(uv_async_t *wake)
{
    struct fr_loop *self = wake->data;
    bool stopping;
    run_posted(self, &stopping);
    if (!stopping) {
        return;
    }
    bool more = true;
    while (more) {
        more = run_posted(self, &stopping);
        if (self->later.next != &self->later) {
            run_later(self->later.next);
            more = true;
        }
    }
    uv_close((uv_handle_t *)wake, NULL);
    uv_close((uv_handle_t *)&self->before_wait, NULL);
}

static void end_turn(struct fr_loop *self)
{
    turn_end_fn *run = atomic_load(&self->turn_end);
    if (run != NULL) {
        run();
    }
}

static void on_before_wait(uv_prepare_t *handle)
{
    end_turn(handle->data);
}

void fr_loop_set_turn_end(struct fr_loop *self, void (*run)(void))
{
    atomic_store(&self->turn_end, run);
}

static void *run_loop(void *argument)
{
    struct fr_loop *self = argument;
    fr_placement_join(gettid());
    uv_run(&self->uv, UV_RUN_DEFAULT);
    end_turn(self);
    fr_placement_leave(gettid());
    return NULL;
}

/* Signals belong to the program's own threads. */
static int start_thread(struct fr_loop *self)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&self->thread, NULL, run_loop, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure;
}

enum fr_code fr_loop_new(struct fr_loop **ret_loop, struct fr_error *reterr)
{
    struct fr_loop *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return fr_error_no_memory(reterr);
    }
    int failure = uv_loop_init(&self->uv);
    if (failure != 0) {
        free(self);
        return fr_error_set(reterr, FR_RESOURCE_EXHAUSTED, "cannot make an event loop: %s",
                            uv_strerror(failure));
    }
    pthread_mutex_init(&self->mu, NULL);
    self->last = &self->first;
    self->later.next = self->later.previous = &self->later;
    failure = uv_async_init(&self->uv, &self->wake, on_wake);
    self->wake.data = self;
    if (failure == 0) {
        uv_prepare_init(&self->uv, &self->before_wait);
        self->before_wait.data = self;
        uv_prepare_start(&self->before_wait, on_before_wait);
    }
    if (failure == 0 && start_thread(self) != 0) {
        failure = UV_EAGAIN;
        uv_close((uv_handle_t *)&self->wake, NULL);
        uv_close((uv_handle_t *)&self->before_wait, NULL);
        uv_run(&self->uv, UV_RUN_DEFAULT);
    }
    if (failure != 0) {
        uv_loop_close(&self->uv);
        pthread_mutex_destroy(&self->mu);
        free(self);
        return fr_error_set(reterr, FR_RESOURCE_EXHAUSTED, "cannot start an event loop: %s",
                            uv_strerror(failure));
    }
    *ret_loop = self;
    return FR_OK;
}

void fr_loop_free(struct fr_loop *self)
{
    if (self == NULL) {
        return;
    }
    pthread_mutex_lock(&self->mu);
    self->stopping = true;
    pthread_mutex_unlock(&self->mu);
    uv_async_send(&self->wake);
    pthread_join(self->thread, NULL);
    FR_ASSERT(uv_loop_close(&self->uv) == 0);
    pthread_mutex_destroy(&self->mu);
    free(self);
}

void fr_loop_post(struct fr_loop *self, struct fr_task *task)
{
    task->next = NULL;
    pthread_mutex_lock(&self->mu);
    bool was_empty = self->first == NULL;
    *self->last = task;
    self->last = &task->next;
    /* Under the lock, so that the loop cannot end between the two. */
    if (was_empty) {
        uv_async_send(&self->wake);
    }
    pthread_mutex_unlock(&self->mu);
}

void fr_loop_post_later(struct fr_loop *self, struct fr_task *task, uint64_t delay_us)
{
    struct later *later = malloc(sizeof *later);
    if (later == NULL) {
        fr_loop_post(self, task);
        return;
    }
    later->task = task;
    later->due_us = fr_clock_now_us() + delay_us;
    uv_update_time(&self->uv); /* libuv counts from its cached time, which a long callback leaves behind */
    uv_timer_init(&self->uv, &later->timer);
    later->timer.data = later;
    uv_timer_start(&later->timer, on_timer, fr_loop_ms(delay_us), 0);
    later->next = &self->later;
    later->previous = self->later.previous;
    later->previous->next = later;
    self->later.previous = later;
}
