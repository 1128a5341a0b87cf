/* SPDX-License-Identifier: MIT */
/*
 * test_metrics.c - names are unique, values add up over threads, sources are read when looked at and never after.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/metrics.h"

static const struct fr_metric requests = {"test_requests_total", NULL, FR_METRIC_COUNTER, "", "Requests"};
static const struct fr_metric near_hits = {"test_hits_total", "level=\"near\"", FR_METRIC_COUNTER, "", "Hits"};
static const struct fr_metric far_hits = {"test_hits_total", "level=\"far\"", FR_METRIC_COUNTER, "", "Hits"};
static const struct fr_metric depth = {"test_queue_depth", NULL, FR_METRIC_GAUGE, "", "Queued items"};
static const struct fr_metric delay = {"test_delay_us", NULL, FR_METRIC_HISTOGRAM, "us", "Delays"};

static struct fr_metrics *metrics;

static int setup(void **state)
{
    (void)state;
    return fr_metrics_new(&metrics, NULL) == FR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    fr_metrics_free(metrics);
    return 0;
}

/* What a visit found. */
struct seen {
    size_t count;
    const char *names[16], *labels[16];
    int64_t values[16];
    struct fr_histogram histogram; /* the last one */
};

static void note(void *context, const struct fr_metric_sample *sample)
{
    struct seen *seen = context;
    assert_in_range(seen->count, 0, 15);
    seen->names[seen->count] = sample->metric->name;
    seen->labels[seen->count] = sample->metric->labels;
    seen->values[seen->count++] = sample->value;
    if (sample->histogram != NULL) {
        seen->histogram = *sample->histogram;
    }
}

static struct seen *look(void)
{
    static struct seen seen;
    memset(&seen, 0, sizeof seen);
    fr_metrics_visit(metrics, note, &seen);
    return &seen;
}

static struct fr_counter *counter_of(const struct fr_metric *metric)
{
    struct fr_counter *counter = NULL;
    assert_int_equal(fr_metrics_counter(metrics, metric, &counter, NULL), FR_OK);
    return counter;
}

static void a_visit_meets_every_metric_in_order_with_its_value(void **state)
{
    (void)state;
    struct fr_gauge *gauge;
    struct fr_distribution *distribution;
    fr_counter_add(counter_of(&requests), 3);
    assert_int_equal(fr_metrics_gauge(metrics, &depth, &gauge, NULL), FR_OK);
    assert_int_equal(fr_metrics_histogram(metrics, &delay, &distribution, NULL), FR_OK);
    fr_gauge_set(gauge, 5);
    fr_gauge_add(gauge, -7);
    for (uint64_t i = 1; i <= 100; i++) {
        fr_distribution_record(distribution, i);
    }
    const struct seen *seen = look();
    assert_int_equal(seen->count, 3);
    assert_string_equal(seen->names[0], "test_requests_total");
    assert_int_equal(seen->values[0], 3);
    assert_string_equal(seen->names[1], "test_queue_depth");
    assert_true(seen->values[1] == -2);
    assert_string_equal(seen->names[2], "test_delay_us");
    assert_int_equal(seen->histogram.count, 100);
    assert_int_equal(seen->histogram.sum, 5050);
    assert_int_equal(seen->histogram.max, 100);
    assert_int_equal(fr_histogram_quantile(&seen->histogram, 0.5), 50);
}

static void a_recorded_distribution_equals_a_histogram(void **state)
{
    (void)state;
    static struct fr_histogram histogram;
    struct fr_distribution *distribution;
    assert_int_equal(fr_metrics_histogram(metrics, &delay, &distribution, NULL), FR_OK);
    for (uint64_t value = 1; value < UINT64_MAX / 3; value *= 3) {
        fr_histogram_record(&histogram, value);
        fr_distribution_record(distribution, value);
    }
    assert_memory_equal(&look()->histogram, &histogram, sizeof histogram);
}

static void who_asks_again_gets_the_same_counter(void **state)
{
    (void)state;
    assert_ptr_equal(counter_of(&requests), counter_of(&requests));
    struct fr_counter *near_counter = counter_of(&near_hits), *far_counter = counter_of(&far_hits);
    assert_ptr_not_equal(near_counter, far_counter);
    assert_int_equal(look()->count, 3);
    assert_string_equal(look()->labels[1], "level=\"near\"");
}

static void a_name_has_one_kind(void **state)
{
    (void)state;
    struct fr_gauge *gauge = NULL;
    struct fr_metric other = requests;
    other.kind = FR_METRIC_GAUGE;
    (void)counter_of(&requests);
    assert_int_equal(fr_metrics_gauge(metrics, &other, &gauge, NULL), FR_ALREADY_EXISTS);
    assert_int_equal(fr_metrics_gauge(metrics, &requests, &gauge, NULL), FR_INVALID_ARGUMENT);
    assert_null(gauge);
}

static void names_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {NULL, "", "Test_total", "1_total", "a-b", "a b", "a\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct fr_metric metric = requests;
        struct fr_counter *counter = NULL;
        metric.name = wrong[i];
        assert_int_equal(fr_metrics_counter(metrics, &metric, &counter, NULL), FR_INVALID_ARGUMENT);
    }
    assert_int_equal(look()->count, 0);
}

static const struct fr_metric pair[] = {
    {"test_entries", NULL, FR_METRIC_GAUGE, "", "Entries"},
    {"test_used_bytes", NULL, FR_METRIC_GAUGE, "bytes", "Memory in use"},
};

static void read_pair(void *context, int64_t *values)
{
    int64_t *reads = context;
    values[0] = ++*reads;
    values[1] = *reads * 100;
}

static void a_source_is_read_once_for_each_visit_until_it_is_removed(void **state)
{
    (void)state;
    int64_t reads = 0;
    assert_int_equal(fr_metrics_add_source(metrics, pair, 2, read_pair, &reads, NULL), FR_OK);
    (void)counter_of(&requests);
    (void)look();
    const struct seen *seen = look();
    assert_int_equal(reads, 2);
    assert_int_equal(seen->count, 3);
    assert_string_equal(seen->names[1], "test_used_bytes");
    assert_int_equal(seen->values[1], 200);
    fr_metrics_remove_source(metrics, &reads);
    assert_int_equal(look()->count, 1);
    assert_int_equal(reads, 2);
    assert_int_equal(fr_metrics_add_source(metrics, pair, 2, read_pair, &reads, NULL), FR_OK);
    assert_string_equal(look()->names[2], "test_used_bytes");
}

static void a_source_whose_name_is_taken_adds_nothing(void **state)
{
    (void)state;
    int64_t reads = 0;
    struct fr_gauge *gauge;
    assert_int_equal(fr_metrics_gauge(metrics, &pair[1], &gauge, NULL), FR_OK);
    assert_int_equal(fr_metrics_add_source(metrics, pair, 2, read_pair, &reads, NULL), FR_ALREADY_EXISTS);
    assert_int_equal(look()->count, 1);
    assert_int_equal(fr_metrics_add_source(metrics, pair, 0, read_pair, &reads, NULL), FR_INVALID_ARGUMENT);
    assert_int_equal(fr_metrics_add_source(metrics, &delay, 1, read_pair, &reads, NULL), FR_INVALID_ARGUMENT);
    assert_int_equal(fr_metrics_add_source(metrics, pair, 1, read_pair, &reads, NULL), FR_OK);
    assert_int_equal(fr_metrics_gauge(metrics, &pair[0], &gauge, NULL), FR_ALREADY_EXISTS);
}

enum { ROUNDS = 20000 };

static void *count_and_record(void *argument)
{
    (void)argument;
    struct fr_distribution *distribution;
    assert_int_equal(fr_metrics_histogram(metrics, &delay, &distribution, NULL), FR_OK);
    struct fr_counter *counter = counter_of(&requests);
    for (unsigned i = 0; i < ROUNDS; i++) {
        fr_counter_add(counter, 1);
        fr_distribution_record(distribution, i);
    }
    return NULL;
}

static void ignore(void *context, const struct fr_metric_sample *sample)
{
    (void)context;
    (void)sample;
}

/* A source in memory that ends with the round. */
static void *come_and_go(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < ROUNDS / 100; i++) {
        int64_t reads = 0;
        assert_int_equal(fr_metrics_add_source(metrics, pair, 2, read_pair, &reads, NULL), FR_OK);
        fr_metrics_visit(metrics, ignore, NULL);
        fr_metrics_remove_source(metrics, &reads);
    }
    return NULL;
}

static void nothing_is_lost_while_threads_count_and_sources_come_and_go(void **state)
{
    (void)state;
    void *(*const runs[])(void *) = {count_and_record, count_and_record, come_and_go};
    pthread_t threads[3];
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, runs[i], NULL), 0);
    }
    for (unsigned i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    const struct seen *seen = look();
    assert_int_equal(seen->count, 2);
    assert_int_equal(seen->values[0] + seen->values[1], 2 * ROUNDS); /* a histogram's value is 0 */
    assert_int_equal(seen->histogram.count, 2 * ROUNDS);
    assert_int_equal(seen->histogram.max, ROUNDS - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_visit_meets_every_metric_in_order_with_its_value),
        TEST(a_recorded_distribution_equals_a_histogram),
        TEST(who_asks_again_gets_the_same_counter),
        TEST(a_name_has_one_kind),
        TEST(names_that_are_none_are_refused),
        TEST(a_source_is_read_once_for_each_visit_until_it_is_removed),
        TEST(a_source_whose_name_is_taken_adds_nothing),
        TEST(nothing_is_lost_while_threads_count_and_sources_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
