/* SPDX-License-Identifier: MIT */
/*
 * metrics.h - the registry of statistics: counters, gauges and histograms with names, units and help texts.
 *
 * A program has one registry and hands it to its parts. What a part counts itself it asks the registry for, once, and
 * then changes with one relaxed atomic instruction from any thread. What is known elsewhere (the size of a cache, a
 * state) is a source: a table of metrics and one function that reads all of them when somebody looks.
 *
 * Names are those of Prometheus: lower case with underscores, the unit in the name, "_total" for counters. They are
 * part of the interface, as scripts and dashboards rely on them.
 */
#ifndef FR_BASE_METRICS_H
#define FR_BASE_METRICS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/histogram.h"

/* The most values that one source has. */
#define FR_METRICS_SOURCE_MAX 64

enum fr_metric_kind { FR_METRIC_COUNTER, FR_METRIC_GAUGE, FR_METRIC_HISTOGRAM };

/* All texts are borrowed for the life of the registry. */
struct fr_metric {
    const char *name;   /* such as "freshet_near_cache_hits_total" */
    const char *labels; /* such as "level=\"near\"", or NULL; name and labels together are unique */
    enum fr_metric_kind kind;
    const char *unit; /* "bytes", "us", or "" for plain numbers */
    const char *help; /* one sentence without the full stop */
};

/* One of these belongs to the registry; it lives as long. */
struct fr_counter {
    _Atomic uint64_t value;
};

struct fr_gauge {
    _Atomic int64_t value;
};

struct fr_distribution {
    _Atomic uint64_t sum, max;
    _Atomic uint64_t buckets[FR_HISTOGRAM_BUCKETS]; /* those of struct fr_histogram */
};

struct fr_metrics;

FR_MUST_CHECK enum fr_code fr_metrics_new(struct fr_metrics **ret_metrics, struct fr_error *reterr);
/* Nobody uses what it gave out any more. NULL is fine. */
void fr_metrics_free(struct fr_metrics *self);

/*
 * *ret_… is borrowed from the registry. Who asks again for the same name and labels gets the same one. Thread-safe.
 *   FR_ALREADY_EXISTS    the name and labels are another kind's, or a source's
 *   FR_INVALID_ARGUMENT  the name is none, or metric->kind is another
 */
FR_MUST_CHECK enum fr_code fr_metrics_counter(struct fr_metrics *self, const struct fr_metric *metric,
                                              struct fr_counter **ret_counter, struct fr_error *reterr);
FR_MUST_CHECK enum fr_code fr_metrics_gauge(struct fr_metrics *self, const struct fr_metric *metric,
                                            struct fr_gauge **ret_gauge, struct fr_error *reterr);
FR_MUST_CHECK enum fr_code fr_metrics_histogram(struct fr_metrics *self, const struct fr_metric *metric,
                                                struct fr_distribution **ret_distribution, struct fr_error *reterr);

/* Sets values[i] to what metrics[i] of its source is now. May take locks; must not call the registry. */
typedef void fr_metrics_read_function(void *context, int64_t *values);

/*
 * Adds counters and gauges that are read when they are looked at. metrics is borrowed until the source is removed.
 *   FR_ALREADY_EXISTS    a name is taken; nothing was added
 *   FR_INVALID_ARGUMENT  no metrics, or too many, or a histogram, or a name that is none
 * Thread-safe.
 */
FR_MUST_CHECK enum fr_code fr_metrics_add_source(struct fr_metrics *self, const struct fr_metric *metrics, size_t count,
                                                 fr_metrics_read_function *read, void *context,
                                                 struct fr_error *reterr);
/* Removes the sources with this context; after it none of their reads runs. Not from within a visit. Thread-safe. */
void fr_metrics_remove_source(struct fr_metrics *self, const void *context);

/* One metric and what it is now. */
struct fr_metric_sample {
    const struct fr_metric *metric;
    int64_t value;                        /* of counters and gauges */
    const struct fr_histogram *histogram; /* of histograms, borrowed for the visit; NULL for others */
};

/*
 * visit(context, sample) for every metric, in the order in which they came. Each value is whole, but they are not all
 * of the same moment. Thread-safe; visit may ask for metrics, but not visit again.
 */
void fr_metrics_visit(struct fr_metrics *self, void (*visit)(void *context, const struct fr_metric_sample *sample),
                      void *context);

static inline void fr_counter_add(struct fr_counter *self, uint64_t more)
{
    atomic_fetch_add_explicit(&self->value, more, memory_order_relaxed);
}

static inline void fr_gauge_set(struct fr_gauge *self, int64_t value)
{
    atomic_store_explicit(&self->value, value, memory_order_relaxed);
}

static inline void fr_gauge_add(struct fr_gauge *self, int64_t more)
{
    atomic_fetch_add_explicit(&self->value, more, memory_order_relaxed);
}

void fr_distribution_record(struct fr_distribution *self, uint64_t value);

#endif
