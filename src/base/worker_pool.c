/* SPDX-License-Identifier: MIT */
/*
 * worker_pool.c - a bounded pool of threads for blocking work.
 */
#include "base/worker_pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct worker {
    struct fr_worker_pool *pool;
    unsigned index;
    pthread_t thread;
};

struct fr_worker_pool {
    pthread_mutex_t mu;
    pthread_cond_t wake;
    struct fr_work *first, **last; /* guarded by mu */
    size_t queued;                 /* guarded by mu */
    bool stopping;                 /* guarded by mu */
    size_t queue_limit;
    unsigned worker_count;
    struct worker workers[];
};

static void *run_worker(void *argument)
{
    struct worker *self = argument;
    struct fr_worker_pool *pool = self->pool;
    pthread_mutex_lock(&pool->mu);
    while (pool->first != NULL || !pool->stopping) {
        struct fr_work *work = pool->first;
        if (work == NULL) {
            pthread_cond_wait(&pool->wake, &pool->mu);
            continue;
        }
        pool->first = work->next;
        if (pool->first == NULL) {
            pool->last = &pool->first;
        }
        pool->queued--;
        pthread_mutex_unlock(&pool->mu);
        work->run(work, self->index);
        pthread_mutex_lock(&pool->mu);
    }
    pthread_mutex_unlock(&pool->mu);
    return NULL;
}

enum fr_code fr_worker_pool_new(unsigned workers, size_t queue_limit, struct fr_worker_pool **ret_pool,
                                struct fr_error *reterr)
{
    struct fr_worker_pool *self = calloc(1, sizeof *self + workers * sizeof self->workers[0]);
    if (self == NULL) {
        return fr_error_no_memory(reterr);
    }
    pthread_mutex_init(&self->mu, NULL);
    pthread_cond_init(&self->wake, NULL);
    self->last = &self->first;
    self->queue_limit = queue_limit;
    for (unsigned i = 0; i < workers; i++) {
        self->workers[i] = (struct worker){.pool = self, .index = i};
        if (pthread_create(&self->workers[i].thread, NULL, run_worker, &self->workers[i]) != 0) {
            fr_worker_pool_free(self);
            return fr_error_set(reterr, FR_RESOURCE_EXHAUSTED, "cannot start worker thread %u of %u", i + 1, workers);
        }
        self->worker_count++;
    }
    *ret_pool = self;
    return FR_OK;
}

void fr_worker_pool_free(struct fr_worker_pool *self)
{
    if (self == NULL) {
        return;
    }
    pthread_mutex_lock(&self->mu);
    self->stopping = true;
    pthread_cond_broadcast(&self->wake);
    pthread_mutex_unlock(&self->mu);
    for (unsigned i = 0; i < self->worker_count; i++) {
        pthread_join(self->workers[i].thread, NULL);
    }
    pthread_cond_destroy(&self->wake);
    pthread_mutex_destroy(&self->mu);
    free(self);
}

enum fr_code fr_worker_pool_submit(struct fr_worker_pool *self, struct fr_work *work, struct fr_error *reterr)
{
    pthread_mutex_lock(&self->mu);
    bool full = self->queued >= self->queue_limit;
    if (!full) {
        work->next = NULL;
        *self->last = work;
        self->last = &work->next;
        self->queued++;
        pthread_cond_signal(&self->wake);
    }
    pthread_mutex_unlock(&self->mu);
    if (full) {
        return fr_error_set(reterr, FR_RESOURCE_EXHAUSTED, "%zu requests wait for a worker already; try again later",
                            self->queue_limit);
    }
    return FR_OK;
}
