/* SPDX-License-Identifier: MIT */
/*
 * test_worker_pool.c - every item runs once, the queue is bounded, and the end finishes what is queued.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/worker_pool.h"
#include "support/wait.h"

static struct fr_worker_pool *new_pool(unsigned workers, size_t queue_limit)
{
    struct fr_worker_pool *pool = NULL;
    assert_int_equal(fr_worker_pool_new(workers, queue_limit, &pool, NULL), FR_OK);
    return pool;
}

/* Items that stay in their worker until the gate opens. */
struct gate {
    struct fr_wait wait;
    uint64_t entered, open, left; /* guarded by wait */
};

struct gated {
    struct fr_work work;
    struct gate *gate;
};

static void gate_count(struct gate *gate, uint64_t *counter)
{
    fr_wait_lock(&gate->wait);
    ++*counter;
    fr_wait_unlock_changed(&gate->wait);
}

static void pass_gate(struct fr_work *work, unsigned worker)
{
    struct gate *gate = ((struct gated *)work)->gate;
    (void)worker;
    gate_count(gate, &gate->entered);
    FR_ASSERT(fr_wait_for(&gate->wait, &gate->open, 1, FR_TEST_PATIENCE_US));
    gate_count(gate, &gate->left);
}

static void a_full_queue_is_refused_at_once(void **state)
{
    (void)state;
    enum { WORKERS = 2, LIMIT = 3 };
    struct fr_worker_pool *pool = new_pool(WORKERS, LIMIT);
    struct gate gate = {0};
    struct gated items[WORKERS + LIMIT + 1];
    struct fr_error error;
    fr_wait_init(&gate.wait);
    for (unsigned i = 0; i <= WORKERS + LIMIT; i++) {
        items[i] = (struct gated){.work.run = pass_gate, .gate = &gate};
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        assert_int_equal(fr_worker_pool_submit(pool, &items[i].work, NULL), FR_OK);
        assert_true(fr_wait_for(&gate.wait, &gate.entered, i + 1, FR_TEST_PATIENCE_US));
    }
    for (unsigned i = WORKERS; i < WORKERS + LIMIT; i++) {
        assert_int_equal(fr_worker_pool_submit(pool, &items[i].work, NULL), FR_OK);
    }
    struct gated *extra = &items[WORKERS + LIMIT];
    assert_int_equal(fr_worker_pool_submit(pool, &extra->work, &error), FR_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(error.message, "3"));
    struct fr_worker_pool_statistics now;
    fr_worker_pool_statistics(pool, &now);
    assert_true(now.workers == WORKERS && now.busy == WORKERS && now.most_busy == WORKERS);
    assert_true(now.waiting == LIMIT && now.refused == 1 && now.done == 0);
    gate_count(&gate, &gate.open);
    assert_true(fr_wait_for(&gate.wait, &gate.left, WORKERS + LIMIT, FR_TEST_PATIENCE_US));
    assert_int_equal(fr_worker_pool_submit(pool, &extra->work, NULL), FR_OK);
    fr_worker_pool_free(pool);
    assert_int_equal(gate.left, WORKERS + LIMIT + 1);
    fr_wait_fini(&gate.wait);
}

static void freeing_the_pool_finishes_what_is_queued(void **state)
{
    (void)state;
    enum { ITEMS = 100 };
    struct fr_worker_pool *pool = new_pool(1, ITEMS);
    struct gate gate = {0};
    struct gated items[ITEMS];
    fr_wait_init(&gate.wait);
    for (unsigned i = 0; i < ITEMS; i++) {
        items[i] = (struct gated){.work.run = pass_gate, .gate = &gate};
        assert_int_equal(fr_worker_pool_submit(pool, &items[i].work, NULL), FR_OK);
    }
    gate_count(&gate, &gate.open);
    fr_worker_pool_free(pool);
    assert_int_equal(gate.left, ITEMS);
    fr_wait_fini(&gate.wait);
}

#define WORKERS 4

struct counted {
    struct fr_work work;
    atomic_uint runs;
};

static atomic_uint busy[WORKERS];
static atomic_bool shared_worker;

static void count_run(struct fr_work *work, unsigned worker)
{
    FR_ASSERT(worker < WORKERS);
    if (atomic_fetch_add(&busy[worker], 1) != 0) {
        atomic_store(&shared_worker, true);
    }
    atomic_fetch_add(&((struct counted *)work)->runs, 1);
    atomic_fetch_sub(&busy[worker], 1);
}

struct submitter {
    pthread_t thread;
    struct fr_worker_pool *pool;
    struct counted *items;
    size_t count, accepted;
};

static void *submit_all(void *argument)
{
    struct submitter *self = argument;
    for (size_t i = 0; i < self->count; i++) {
        self->items[i].work.run = count_run;
        if (fr_worker_pool_submit(self->pool, &self->items[i].work, NULL) == FR_OK) {
            self->accepted++;
            atomic_fetch_add(&self->items[i].runs, 100);
        }
    }
    return NULL;
}

static void every_accepted_item_runs_exactly_once_and_a_refused_one_never(void **state)
{
    (void)state;
    enum { SUBMITTERS = 4, EACH = 5000 };
    static struct counted items[SUBMITTERS][EACH];
    struct submitter submitters[SUBMITTERS] = {0};
    struct fr_worker_pool *pool = new_pool(WORKERS, 64);
    for (unsigned i = 0; i < SUBMITTERS; i++) {
        submitters[i] = (struct submitter){.pool = pool, .items = items[i], .count = EACH};
        assert_int_equal(pthread_create(&submitters[i].thread, NULL, submit_all, &submitters[i]), 0);
    }
    size_t accepted = 0;
    for (unsigned i = 0; i < SUBMITTERS; i++) {
        pthread_join(submitters[i].thread, NULL);
        accepted += submitters[i].accepted;
    }
    fr_worker_pool_free(pool);
    assert_true(accepted >= 64);
    for (unsigned i = 0; i < SUBMITTERS; i++) {
        for (unsigned j = 0; j < EACH; j++) {
            unsigned runs = atomic_load(&items[i][j].runs);
            assert_true(runs == 0 || runs == 101);
        }
    }
    assert_false(atomic_load(&shared_worker)); /* an index names one thread */
}

static void free_own_memory(struct fr_work *work, unsigned worker)
{
    (void)worker;
    free(work);
}

static void an_item_may_free_itself(void **state)
{
    (void)state;
    struct fr_worker_pool *pool = new_pool(2, 1000);
    for (unsigned i = 0; i < 500; i++) {
        struct fr_work *work = malloc(sizeof *work);
        assert_non_null(work);
        work->run = free_own_memory;
        assert_int_equal(fr_worker_pool_submit(pool, work, NULL), FR_OK);
    }
    fr_worker_pool_free(pool);
}

static void an_idle_pool_ends(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        fr_worker_pool_free(new_pool(1 + i % 4, 1));
    }
    fr_worker_pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_queue_is_refused_at_once),
        cmocka_unit_test(freeing_the_pool_finishes_what_is_queued),
        cmocka_unit_test(every_accepted_item_runs_exactly_once_and_a_refused_one_never),
        cmocka_unit_test(an_item_may_free_itself),
        cmocka_unit_test(an_idle_pool_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
