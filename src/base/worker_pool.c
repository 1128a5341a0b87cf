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
    struct fr_worker_pool_statistics now; /* guarded by mu; workers once they have started */
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
        pool->now.waiting--;
        pool->now.busy++;
        pool->now.most_busy = pool->now.busy > pool->now.most_busy ? pool->now.busy : pool->now.most_busy;
        pthread_mutex_unlock(&pool->mu);
        work->run(work, self->index);
        pthread_mutex_lock(&pool->mu);
        pool->now.busy--;
        pool->now.done++;
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
    bool full = self->now.waiting >= self->queue_limit;
    if (full) {
        self->now.refused++;
    } else {
        work->next = NULL;
        *self->last = work;
        self->last = &work->next;
        self->now.waiting++;
        pthread_cond_signal(&self->wake);
    }
    pthread_mutex_unlock(&self->mu);
    if (full) {
        return fr_error_set(reterr, FR_RESOURCE_EXHAUSTED, "%zu %s for a worker already; try again later",
                            self->queue_limit, self->queue_limit == 1 ? "request waits" : "requests wait");
    }
    return FR_OK;
}

void fr_worker_pool_statistics(struct fr_worker_pool *self, struct fr_worker_pool_statistics *ret_statistics)
{
    pthread_mutex_lock(&self->mu);
    *ret_statistics = self->now;
    pthread_mutex_unlock(&self->mu);
    ret_statistics->workers = self->worker_count;
}

/* ---- in the registry ---- */

/* In the order of read_statistics. */
static const struct fr_metric table[] = {
    {"freshet_workers", NULL, FR_METRIC_GAUGE, "", "Threads for database work: it never does more at a time"},
    {"freshet_workers_busy", NULL, FR_METRIC_GAUGE, "", "Of them, those at work"},
    {"freshet_workers_most_busy", NULL, FR_METRIC_GAUGE, "", "The most that were at work at a time, since the start"},
    {"freshet_workers_waiting_requests", NULL, FR_METRIC_GAUGE, "", "Requests that wait for a worker"},
    {"freshet_workers_requests_total", NULL, FR_METRIC_COUNTER, "", "Requests that a worker has carried out"},
    {"freshet_workers_refused_requests_total", NULL, FR_METRIC_COUNTER, "", "Requests refused as too many were waiting"},
};

static void read_statistics(void *context, int64_t *values)
{
    struct fr_worker_pool_statistics now;
    fr_worker_pool_statistics(context, &now);
    const uint64_t all[] = {now.workers, now.busy, now.most_busy, now.waiting, now.done, now.refused};
    _Static_assert(sizeof all / sizeof all[0] == sizeof table / sizeof table[0], "a value for each metric");
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        values[i] = (int64_t)all[i];
    }
}

enum fr_code fr_worker_pool_metrics_add(struct fr_metrics *metrics, struct fr_worker_pool *self, struct fr_error *reterr)
{
    return fr_metrics_add_source(metrics, table, sizeof table / sizeof table[0], read_statistics, self, reterr);
}
