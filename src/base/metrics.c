/* SPDX-License-Identifier: MIT */
/*
 * metrics.c - the registry of statistics.
 *
 * One list, to which nodes are appended. Visits walk it without the lock; nodes leave it only while no visit is under
 * way, for which a removal waits, and visits that have not begun wait for removals.
 */
#include "base/metrics.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *_Atomic next;
    const struct fr_metric *metrics; /* one, or those of a source */
    size_t count;
    fr_metrics_read_function *read; /* of a source, or NULL */
    void *context;
    struct fr_metric own; /* what metrics points to unless it is a source */
    void *value;          /* then, owned: what the kind says */
};

/* A line of its own for each value, so that counting one does not slow down another. */
#define LINE_BYTES 64

struct fr_metrics {
    pthread_mutex_t mu;
    pthread_cond_t changed;
    struct node *_Atomic first;
    struct node *_Atomic *last; /* guarded by mu */
    unsigned visits;            /* guarded by mu */
    unsigned removals;          /* guarded by mu */
};

enum fr_code fr_metrics_new(struct fr_metrics **ret_metrics, struct fr_error *reterr)
{
    struct fr_metrics *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return fr_error_no_memory(reterr);
    }
    pthread_mutex_init(&self->mu, NULL);
    pthread_cond_init(&self->changed, NULL);
    self->last = &self->first;
    *ret_metrics = self;
    return FR_OK;
}

void fr_metrics_free(struct fr_metrics *self)
{
    if (self == NULL) {
        return;
    }
    struct node *node = atomic_load(&self->first);
    while (node != NULL) {
        struct node *next = atomic_load(&node->next);
        free(node->value);
        free(node);
        node = next;
    }
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->mu);
    free(self);
}

static bool is_name(const char *name)
{
    return name != NULL && name[0] >= 'a' && name[0] <= 'z' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

static bool equal_labels(const char *left, const char *right)
{
    return strcmp(left != NULL ? left : "", right != NULL ? right : "") == 0;
}

static struct node *find_locked(const struct fr_metrics *self, const struct fr_metric *metric)
{
    for (struct node *node = atomic_load(&self->first); node != NULL; node = atomic_load(&node->next)) {
        for (size_t i = 0; i < node->count; i++) {
            const struct fr_metric *other = &node->metrics[i];
            if (strcmp(other->name, metric->name) == 0 && equal_labels(other->labels, metric->labels)) {
                return node;
            }
        }
    }
    return NULL;
}

static void append_locked(struct fr_metrics *self, struct node *node)
{
    atomic_store(self->last, node);
    self->last = &node->next;
}

static enum fr_code already_exists(const struct fr_metric *metric, struct fr_error *reterr)
{
    return fr_error_set(reterr, FR_ALREADY_EXISTS, "the metric '%s' exists already", metric->name);
}

static enum fr_code bad_metric(const struct fr_metric *metric, struct fr_error *reterr)
{
    return fr_error_set(reterr, FR_INVALID_ARGUMENT, "'%s' cannot be a metric here: its name or kind is wrong",
                        metric->name != NULL ? metric->name : "");
}

static struct node *new_node(const struct fr_metric *metric)
{
    size_t size = metric->kind == FR_METRIC_HISTOGRAM ? sizeof(struct fr_distribution) : LINE_BYTES;
    size = (size + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
    struct node *node = calloc(1, sizeof *node);
    void *value = aligned_alloc(LINE_BYTES, size);
    if (node == NULL || value == NULL) {
        free(node);
        free(value);
        return NULL;
    }
    node->own = *metric;
    node->metrics = &node->own;
    node->count = 1;
    node->value = memset(value, 0, size);
    return node;
}

/* Finds or makes the value of one metric. */
static enum fr_code obtain(struct fr_metrics *self, const struct fr_metric *metric, enum fr_metric_kind kind,
                           void **ret_value, struct fr_error *reterr)
{
    if (!is_name(metric->name) || metric->kind != kind) {
        return bad_metric(metric, reterr);
    }
    enum fr_code code = FR_OK;
    pthread_mutex_lock(&self->mu);
    struct node *node = find_locked(self, metric);
    if (node == NULL) {
        node = new_node(metric);
        if (node != NULL) {
            append_locked(self, node);
        } else {
            code = fr_error_no_memory(reterr);
        }
    } else if (node->read != NULL || node->own.kind != kind) {
        code = already_exists(metric, reterr);
    }
    pthread_mutex_unlock(&self->mu);
    if (code == FR_OK) {
        *ret_value = node->value;
    }
    return code;
}

enum fr_code fr_metrics_counter(struct fr_metrics *self, const struct fr_metric *metric,
                                struct fr_counter **ret_counter, struct fr_error *reterr)
{
    void *value = NULL;
    enum fr_code code = obtain(self, metric, FR_METRIC_COUNTER, &value, reterr);
    if (code == FR_OK) {
        *ret_counter = value;
    }
    return code;
}

enum fr_code fr_metrics_gauge(struct fr_metrics *self, const struct fr_metric *metric, struct fr_gauge **ret_gauge,
                              struct fr_error *reterr)
{
    void *value = NULL;
    enum fr_code code = obtain(self, metric, FR_METRIC_GAUGE, &value, reterr);
    if (code == FR_OK) {
        *ret_gauge = value;
    }
    return code;
}

enum fr_code fr_metrics_histogram(struct fr_metrics *self, const struct fr_metric *metric,
                                  struct fr_distribution **ret_distribution, struct fr_error *reterr)
{
    void *value = NULL;
    enum fr_code code = obtain(self, metric, FR_METRIC_HISTOGRAM, &value, reterr);
    if (code == FR_OK) {
        *ret_distribution = value;
    }
    return code;
}

enum fr_code fr_metrics_add_source(struct fr_metrics *self, const struct fr_metric *metrics, size_t count,
                                   fr_metrics_read_function *read, void *context, struct fr_error *reterr)
{
    if (count == 0 || count > FR_METRICS_SOURCE_MAX) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "a source has 1 to %d metrics, not %zu", FR_METRICS_SOURCE_MAX,
                            count);
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_name(metrics[i].name) || metrics[i].kind == FR_METRIC_HISTOGRAM) {
            return bad_metric(&metrics[i], reterr);
        }
    }
    struct node *node = calloc(1, sizeof *node);
    if (node == NULL) {
        return fr_error_no_memory(reterr);
    }
    node->metrics = metrics;
    node->count = count;
    node->read = read;
    node->context = context;
    enum fr_code code = FR_OK;
    pthread_mutex_lock(&self->mu);
    for (size_t i = 0; i < count && code == FR_OK; i++) {
        if (find_locked(self, &metrics[i]) != NULL) {
            code = already_exists(&metrics[i], reterr);
        }
    }
    if (code == FR_OK) {
        append_locked(self, node);
    }
    pthread_mutex_unlock(&self->mu);
    if (code != FR_OK) {
        free(node);
    }
    return code;
}

void fr_metrics_remove_source(struct fr_metrics *self, const void *context)
{
    pthread_mutex_lock(&self->mu);
    self->removals++;
    while (self->visits > 0) {
        pthread_cond_wait(&self->changed, &self->mu);
    }
    struct node *_Atomic *link = &self->first;
    struct node *node;
    while ((node = atomic_load(link)) != NULL) {
        if (node->read != NULL && node->context == context) {
            atomic_store(link, atomic_load(&node->next));
            free(node);
        } else {
            link = &node->next;
        }
    }
    self->last = link;
    self->removals--;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mu);
}

/* As a histogram; the count is that of its buckets, so that the quantiles are right while others record. */
static void copy_distribution(struct fr_distribution *from, struct fr_histogram *to)
{
    memset(to, 0, sizeof *to);
    to->sum = atomic_load_explicit(&from->sum, memory_order_relaxed);
    to->max = atomic_load_explicit(&from->max, memory_order_relaxed);
    for (unsigned i = 0; i < FR_HISTOGRAM_BUCKETS; i++) {
        to->buckets[i] = atomic_load_explicit(&from->buckets[i], memory_order_relaxed);
        to->count += to->buckets[i];
    }
}

static void visit_node(struct node *node, void (*visit)(void *context, const struct fr_metric_sample *sample),
                       void *context)
{
    struct fr_metric_sample sample = {.metric = node->metrics};
    if (node->read != NULL) {
        int64_t values[FR_METRICS_SOURCE_MAX] = {0};
        node->read(node->context, values);
        for (size_t i = 0; i < node->count; i++) {
            sample.metric = &node->metrics[i];
            sample.value = values[i];
            visit(context, &sample);
        }
        return;
    }
    struct fr_histogram histogram;
    switch (node->own.kind) {
    case FR_METRIC_COUNTER:
        sample.value = (int64_t)atomic_load_explicit(&((struct fr_counter *)node->value)->value, memory_order_relaxed);
        break;
    case FR_METRIC_GAUGE:
        sample.value = atomic_load_explicit(&((struct fr_gauge *)node->value)->value, memory_order_relaxed);
        break;
    case FR_METRIC_HISTOGRAM:
        copy_distribution(node->value, &histogram);
        sample.histogram = &histogram;
        break;
    }
    visit(context, &sample);
}

void fr_metrics_visit(struct fr_metrics *self, void (*visit)(void *context, const struct fr_metric_sample *sample),
                      void *context)
{
    pthread_mutex_lock(&self->mu);
    while (self->removals > 0) {
        pthread_cond_wait(&self->changed, &self->mu);
    }
    self->visits++;
    pthread_mutex_unlock(&self->mu);
    for (struct node *node = atomic_load(&self->first); node != NULL; node = atomic_load(&node->next)) {
        visit_node(node, visit, context);
    }
    pthread_mutex_lock(&self->mu);
    self->visits--;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mu);
}

void fr_distribution_record(struct fr_distribution *self, uint64_t value)
{
    atomic_fetch_add_explicit(&self->buckets[fr_histogram_bucket(value)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&self->sum, value, memory_order_relaxed);
    uint64_t max = atomic_load_explicit(&self->max, memory_order_relaxed);
    while (max < value && !atomic_compare_exchange_weak_explicit(&self->max, &max, value, memory_order_relaxed,
                                                                 memory_order_relaxed)) {
    }
}
