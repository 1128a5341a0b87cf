/* SPDX-License-Identifier: MIT */
/*
 * worker_pool.h - a bounded pool of threads for blocking work.
 */
#ifndef FR_BASE_WORKER_POOL_H
#define FR_BASE_WORKER_POOL_H

#include <stddef.h>

#include "base/error.h"
#include "base/metrics.h"

/*
 * What is refused as too much is waiting may be tried again after so long: a queue that is full drains in milliseconds,
 * and a client without a hint would not try again at all.
 */
#define FR_OVERLOAD_PAUSE_US UINT64_C(10000)

struct fr_worker_pool;

/* Part of the caller's struct, which must live until run returns. */
struct fr_work {
    struct fr_work *next; /* guarded by the pool's mu */
    /* worker is 0 … workers - 1 and names the thread, so that each can own a connection. May free self. */
    void (*run)(struct fr_work *self, unsigned worker);
};

/* Starts workers threads; at most queue_limit items wait for one. */
FR_MUST_CHECK enum fr_code fr_worker_pool_new(unsigned workers, size_t queue_limit, struct fr_worker_pool **ret_pool,
                                              struct fr_error *reterr);

struct fr_worker_pool_statistics {
    uint64_t workers, busy, waiting; /* now */
    uint64_t most_busy;              /* at a time */
    uint64_t done, refused;          /* requests; refused: the queue was full */
};

/* Any thread. */
void fr_worker_pool_statistics(struct fr_worker_pool *self, struct fr_worker_pool_statistics *ret_statistics);
/* Adds freshet_workers…; to be removed (fr_metrics_remove_source) before the pool is freed. */
FR_MUST_CHECK enum fr_code fr_worker_pool_metrics_add(struct fr_metrics *metrics, struct fr_worker_pool *self,
                                                      struct fr_error *reterr);

/* Finishes the queued work, then ends the threads. NULL is fine. Not from a worker. */
void fr_worker_pool_free(struct fr_worker_pool *self);

/* Queues work. RESOURCE_EXHAUSTED at once when the queue is full. Thread-safe. */
FR_MUST_CHECK enum fr_code fr_worker_pool_submit(struct fr_worker_pool *self, struct fr_work *work,
                                                 struct fr_error *reterr);

#endif
