/* SPDX-License-Identifier: MIT */
/*
 * test_loop.c - tasks from many threads, timers, and the end of the loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/clock.h"
#include "cache/loop.h"
#include "support/wait.h"

#define THREADS 4
#define TASKS   2000

struct numbered {
    struct fr_task task;
    unsigned thread, number;
    struct order *order;
};

struct order {
    struct fr_wait wait;
    uint64_t ran; /* guarded by wait */
    unsigned next[THREADS];
    bool wrong;
};

static void check_order(struct fr_task *task)
{
    struct numbered *self = (struct numbered *)task;
    fr_wait_lock(&self->order->wait);
    self->order->wrong = self->order->wrong || self->order->next[self->thread] != self->number;
    self->order->next[self->thread]++;
    self->order->ran++;
    fr_wait_unlock_changed(&self->order->wait);
    free(self);
}

struct poster {
    pthread_t thread;
    unsigned index;
    struct fr_loop *loop;
    struct order *order;
};

static void *post_tasks(void *argument)
{
    struct poster *self = argument;
    for (unsigned i = 0; i < TASKS; i++) {
        struct numbered *task = malloc(sizeof *task);
        *task = (struct numbered){
            .task.run = check_order, .thread = self->index, .number = i, .order = self->order};
        fr_loop_post(self->loop, &task->task);
    }
    return NULL;
}

static void tasks_of_many_threads_run_once_and_in_order(void **state)
{
    (void)state;
    struct order order = {.ran = 0};
    struct poster posters[THREADS];
    struct fr_loop *loop;
    fr_wait_init(&order.wait);
    assert_int_equal(fr_loop_new(&loop, NULL), FR_OK);
    for (unsigned i = 0; i < THREADS; i++) {
        posters[i] = (struct poster){.index = i, .loop = loop, .order = &order};
        assert_int_equal(pthread_create(&posters[i].thread, NULL, post_tasks, &posters[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(posters[i].thread, NULL);
    }
    assert_true(fr_wait_for(&order.wait, &order.ran, THREADS * TASKS, FR_TEST_PATIENCE_US));
    fr_loop_free(loop);
    assert_int_equal(order.ran, THREADS * TASKS);
    assert_false(order.wrong);
    fr_wait_fini(&order.wait);
}

/* Posts itself, then later, and notes when each ran. */
struct delayed {
    struct fr_task task;
    struct fr_loop *loop;
    struct fr_wait wait;
    uint64_t delay_us;
    uint64_t begun_us;
    uint64_t ran; /* guarded by wait */
    uint64_t took_us;
};

static void run_delayed(struct fr_task *task)
{
    struct delayed *self = (struct delayed *)task;
    if (self->begun_us == 0) {
        self->begun_us = fr_clock_now_us();
        fr_loop_post_later(self->loop, task, self->delay_us);
        fr_wait_lock(&self->wait);
    } else {
        fr_wait_lock(&self->wait);
        self->took_us = fr_clock_now_us() - self->begun_us;
    }
    self->ran++;
    fr_wait_unlock_changed(&self->wait);
}

static void a_later_task_waits_for_its_time(void **state)
{
    (void)state;
    struct delayed delayed = {.task.run = run_delayed, .delay_us = 20500};
    fr_wait_init(&delayed.wait);
    assert_int_equal(fr_loop_new(&delayed.loop, NULL), FR_OK);
    fr_loop_post(delayed.loop, &delayed.task);
    assert_true(fr_wait_for(&delayed.wait, &delayed.ran, 2, FR_TEST_PATIENCE_US));
    assert_true(delayed.took_us >= delayed.delay_us);
    fr_loop_free(delayed.loop);
    fr_wait_fini(&delayed.wait);
}

static void the_end_of_the_loop_runs_later_tasks_at_once(void **state)
{
    (void)state;
    struct delayed delayed = {.task.run = run_delayed, .delay_us = 3600 * FR_SECOND_US};
    fr_wait_init(&delayed.wait);
    assert_int_equal(fr_loop_new(&delayed.loop, NULL), FR_OK);
    fr_loop_post(delayed.loop, &delayed.task);
    fr_loop_free(delayed.loop);
    assert_int_equal(delayed.ran, 2);
    fr_wait_fini(&delayed.wait);
}

static void a_loop_ends_that_never_did_anything(void **state)
{
    (void)state;
    struct fr_loop *loop;
    assert_int_equal(fr_loop_new(&loop, NULL), FR_OK);
    fr_loop_free(loop);
    fr_loop_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_of_many_threads_run_once_and_in_order),
        cmocka_unit_test(a_later_task_waits_for_its_time),
        cmocka_unit_test(the_end_of_the_loop_runs_later_tasks_at_once),
        cmocka_unit_test(a_loop_ends_that_never_did_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
