/* SPDX-License-Identifier: MIT */
/*
 * test_near_cache.c - what one thread sees: hits, expiry, marks, drops, bounds, kept values, statistics.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "cache/near_cache.h"
#include "cache/near_metrics.h"

#define NOW    UINT64_C(1000000000)
#define SECOND UINT64_C(1000000)

static struct fr_near_cache *cache;

static int setup(void **state)
{
    (void)state;
    return fr_near_cache_new(&(struct fr_near_cache_options){.bytes = FR_NEAR_CACHE_MIN_BYTES, .shards = 1}, &cache,
                             NULL) == FR_OK
               ? 0
               : -1;
}

static int teardown(void **state)
{
    (void)state;
    fr_near_cache_free(cache);
    cache = NULL;
    return 0;
}

static struct fr_near_entry entry_of(uint64_t version, struct fr_bytes payload)
{
    return (struct fr_near_entry){
        .found = true,
        .version = version,
        .filled_us = NOW,
        .soft_expiry_us = NOW + 60 * SECOND,
        .hard_expiry_us = NOW + 3600 * SECOND,
        .payload = payload,
    };
}

static enum fr_near_insert put(const char *key, uint64_t version, const char *payload)
{
    struct fr_bytes name = fr_bytes_of(key);
    struct fr_near_entry entry = entry_of(version, fr_bytes_of(payload));
    return fr_near_cache_insert(cache, name, fr_near_cache_mark(cache, name), &entry, NOW);
}

/* The version that key is served with, or 0. */
static uint64_t version_of(const char *key, uint64_t now_us)
{
    struct fr_near_hit hit;
    if (!fr_near_cache_get(cache, fr_bytes_of(key), now_us, &hit)) {
        return 0;
    }
    uint64_t version = hit.version;
    fr_near_hit_release(&hit);
    return version;
}

static struct fr_near_statistics statistics(void)
{
    struct fr_near_statistics found;
    fr_near_cache_statistics(cache, &found);
    assert_true(found.bytes <= found.capacity_bytes);
    return found;
}

static void a_hit_has_everything_that_was_inserted(void **state)
{
    (void)state;
    struct fr_bytes key = fr_bytes_of("user:1");
    struct fr_near_entry entry = entry_of(7, fr_bytes_of("payload"));
    entry.filled_us = NOW - 1234567;
    assert_int_equal(fr_near_cache_insert(cache, key, fr_near_cache_mark(cache, key), &entry, NOW), FR_NEAR_INSERTED);
    struct fr_near_hit hit;
    assert_true(fr_near_cache_get(cache, key, NOW, &hit));
    assert_true(hit.found);
    assert_int_equal(hit.version, 7);
    assert_in_range(hit.filled_us, entry.filled_us - 1000, entry.filled_us);
    assert_in_range(hit.soft_expiry_us, entry.soft_expiry_us - 1000, entry.soft_expiry_us);
    assert_int_equal(hit.hard_expiry_us, entry.hard_expiry_us);
    assert_true(fr_bytes_equal(hit.payload, entry.payload));
    fr_near_hit_release(&hit);
    assert_false(fr_near_cache_get(cache, fr_bytes_of("user:2"), NOW, &hit));
}

static void a_missing_value_is_remembered_too(void **state)
{
    (void)state;
    struct fr_bytes key = fr_bytes_of("user:none");
    struct fr_near_entry entry = entry_of(3, (struct fr_bytes){0});
    entry.found = false;
    assert_int_equal(fr_near_cache_insert(cache, key, fr_near_cache_mark(cache, key), &entry, NOW), FR_NEAR_INSERTED);
    struct fr_near_hit hit;
    assert_true(fr_near_cache_get(cache, key, NOW, &hit));
    assert_false(hit.found);
    assert_int_equal(hit.payload.size, 0);
    fr_near_hit_release(&hit);
    assert_int_equal(statistics().not_found_entries, 1);
    assert_int_equal(put("user:none", 4, "there now"), FR_NEAR_INSERTED);
    assert_int_equal(statistics().not_found_entries, 0);
    assert_int_equal(statistics().entries, 1);
}

static void an_entry_is_served_up_to_its_hard_expiry(void **state)
{
    (void)state;
    assert_int_equal(put("a", 1, "x"), FR_NEAR_INSERTED);
    assert_int_equal(version_of("a", NOW + 3600 * SECOND - 1), 1);
    assert_int_equal(version_of("a", NOW + 3600 * SECOND), 0);
    struct fr_near_statistics after = statistics();
    assert_int_equal(after.expirations, 1);
    assert_int_equal(after.entries, 0);
    assert_int_equal(put("b", 1, "x"), FR_NEAR_INSERTED);
    struct fr_near_entry expired = entry_of(1, fr_bytes_of("x"));
    expired.hard_expiry_us = NOW;
    assert_int_equal(fr_near_cache_insert(cache, fr_bytes_of("c"), fr_near_cache_mark(cache, fr_bytes_of("c")),
                                          &expired, NOW),
                     FR_NEAR_EXPIRED);
}

static void no_entry_outlives_the_longest_time_that_is_kept(void **state)
{
    (void)state;
    struct fr_bytes key = fr_bytes_of("a");
    struct fr_near_entry entry = entry_of(1, fr_bytes_of("x"));
    entry.soft_expiry_us = entry.hard_expiry_us = UINT64_MAX;
    assert_int_equal(fr_near_cache_insert(cache, key, fr_near_cache_mark(cache, key), &entry, NOW), FR_NEAR_INSERTED);
    assert_int_equal(version_of("a", NOW + FR_NEAR_MAX_TTL_US - 1), 1);
    assert_int_equal(version_of("a", NOW + FR_NEAR_MAX_TTL_US), 0);
}

static void an_insert_is_refused_after_an_invalidation_since_its_mark(void **state)
{
    (void)state;
    struct fr_bytes key = fr_bytes_of("a");
    struct fr_near_entry entry = entry_of(5, fr_bytes_of("read before"));
    uint64_t mark = fr_near_cache_mark(cache, key);
    assert_false(fr_near_cache_invalidate(cache, key, 5));
    assert_int_equal(fr_near_cache_insert(cache, key, mark, &entry, NOW), FR_NEAR_MOVED);
    assert_int_equal(version_of("a", NOW), 0);
    assert_int_equal(statistics().refused, 1);
    assert_int_equal(put("a", 5, "read after"), FR_NEAR_INSERTED);
}

static void an_insert_is_refused_after_a_drop_since_its_mark(void **state)
{
    (void)state;
    struct fr_bytes key = fr_bytes_of("a");
    struct fr_near_entry entry = entry_of(5, fr_bytes_of("read before"));
    uint64_t mark = fr_near_cache_mark(cache, key);
    fr_near_cache_drop(cache);
    assert_int_equal(fr_near_cache_insert(cache, key, mark, &entry, NOW), FR_NEAR_MOVED);
    assert_int_equal(put("a", 5, "read after"), FR_NEAR_INSERTED);
}

static void an_invalidation_removes_older_versions_only(void **state)
{
    (void)state;
    assert_int_equal(put("a", 5, "x"), FR_NEAR_INSERTED);
    assert_false(fr_near_cache_invalidate(cache, fr_bytes_of("a"), 5));
    assert_int_equal(version_of("a", NOW), 5);
    assert_true(fr_near_cache_invalidate(cache, fr_bytes_of("a"), 6));
    assert_int_equal(version_of("a", NOW), 0);
    assert_int_equal(statistics().removals, 1);
}

static void an_invalidation_of_what_is_newer_moves_the_counter_all_the_same(void **state)
{
    (void)state;
    struct fr_bytes key = fr_bytes_of("a");
    assert_int_equal(put("a", 5, "x"), FR_NEAR_INSERTED);
    uint64_t mark = fr_near_cache_mark(cache, key);
    assert_false(fr_near_cache_invalidate(cache, key, 1));
    struct fr_near_entry entry = entry_of(6, fr_bytes_of("x"));
    assert_int_equal(fr_near_cache_insert(cache, key, mark, &entry, NOW), FR_NEAR_MOVED);
}

static void an_older_version_does_not_replace_a_newer_one(void **state)
{
    (void)state;
    assert_int_equal(put("a", 5, "five"), FR_NEAR_INSERTED);
    assert_int_equal(put("a", 4, "four"), FR_NEAR_OLDER);
    assert_int_equal(version_of("a", NOW), 5);
    assert_int_equal(put("a", 5, "five again"), FR_NEAR_INSERTED);
    assert_int_equal(put("a", 6, "six"), FR_NEAR_INSERTED);
    assert_int_equal(version_of("a", NOW), 6);
    assert_int_equal(statistics().entries, 1);
}

static void a_drop_empties_the_cache_and_its_memory_is_used_again(void **state)
{
    (void)state;
    char key[16], payload[200];
    memset(payload, 'x', sizeof payload - 1);
    payload[sizeof payload - 1] = '\0';
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < 300; i++) {
            snprintf(key, sizeof key, "k%u", i);
            assert_int_equal(put(key, round + 1, payload), FR_NEAR_INSERTED);
        }
        assert_int_equal(statistics().entries, 300);
        fr_near_cache_drop(cache);
        for (unsigned i = 0; i < 300; i++) {
            snprintf(key, sizeof key, "k%u", i);
            assert_int_equal(version_of(key, NOW), 0);
        }
        assert_int_equal(statistics().entries, 0);
    }
    assert_int_equal(statistics().drops, 50);
    assert_int_equal(statistics().evictions, 0);
}

static void what_takes_more_than_an_eighth_of_a_shard_is_refused(void **state)
{
    (void)state;
    uint8_t *large = calloc(1, FR_NEAR_CACHE_MIN_BYTES);
    struct fr_bytes key = fr_bytes_of("a");
    struct fr_near_entry entry = entry_of(1, (struct fr_bytes){large, FR_NEAR_CACHE_MIN_BYTES / 8});
    assert_int_equal(fr_near_cache_insert(cache, key, fr_near_cache_mark(cache, key), &entry, NOW), FR_NEAR_TOO_LARGE);
    entry.payload.size = FR_NEAR_CACHE_MIN_BYTES / 16;
    assert_int_equal(fr_near_cache_insert(cache, key, fr_near_cache_mark(cache, key), &entry, NOW), FR_NEAR_INSERTED);
    entry.payload.size = 1;
    struct fr_bytes long_key = {large, FR_NEAR_KEY_MAX_BYTES + 1};
    assert_int_equal(fr_near_cache_insert(cache, long_key, fr_near_cache_mark(cache, long_key), &entry, NOW),
                     FR_NEAR_TOO_LARGE);
    free(large);
}

static void entries_that_are_not_found_take_at_most_an_eighth(void **state)
{
    (void)state;
    assert_int_equal(put("value", 1, "kept"), FR_NEAR_INSERTED);
    uint64_t most = 0;
    for (unsigned i = 0; i < 20000; i++) {
        char key[24];
        snprintf(key, sizeof key, "missing:%u", i);
        struct fr_bytes name = fr_bytes_of(key);
        struct fr_near_entry entry = entry_of(1, (struct fr_bytes){0});
        entry.found = false;
        assert_int_equal(fr_near_cache_insert(cache, name, fr_near_cache_mark(cache, name), &entry, NOW),
                         FR_NEAR_INSERTED);
        uint64_t count = statistics().not_found_entries;
        most = count > most ? count : most;
    }
    assert_in_range(most, 300, FR_NEAR_CACHE_MIN_BYTES / 8 / 64);
    assert_int_equal(version_of("value", NOW), 1);
}

static void the_bound_in_bytes_holds_whatever_is_inserted(void **state)
{
    (void)state;
    static char payload[20000];
    memset(payload, 'p', sizeof payload - 1);
    uint64_t most = 0;
    for (unsigned i = 0; i < 20000; i++) {
        char key[24];
        snprintf(key, sizeof key, "k%u", (unsigned)fr_random_below(3000));
        size_t size = fr_random_below(UINT64_C(1) << (1 + fr_random_below(14)));
        assert_int_equal(put(key, i + 1, payload + sizeof payload - 1 - size), FR_NEAR_INSERTED);
        uint64_t bytes = statistics().bytes;
        most = bytes > most ? bytes : most;
    }
    assert_true(statistics().evictions > 1000);
    assert_in_range(most, FR_NEAR_CACHE_MIN_BYTES * 3 / 4, FR_NEAR_CACHE_MIN_BYTES);
}

/* Fills the cache many times over. Its entries are read, so that SIEVE's hand goes round and meets all others. */
static void churn(void)
{
    char key[24], payload[400];
    memset(payload, 'c', sizeof payload - 1);
    payload[sizeof payload - 1] = '\0';
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "churn:%u", i);
        (void)put(key, 1, payload);
        (void)version_of(key, NOW);
    }
}

static void a_kept_value_outlives_its_entry_and_counts_until_it_is_given_back(void **state)
{
    (void)state;
    static char payload[8001];
    memset(payload, 'v', sizeof payload - 1);
    assert_int_equal(put("a", 1, payload), FR_NEAR_INSERTED);
    struct fr_near_hit hit;
    assert_true(fr_near_cache_get(cache, fr_bytes_of("a"), NOW, &hit));
    struct fr_near_value *value = fr_near_hit_keep(&hit);
    fr_near_hit_release(&hit);
    assert_true(fr_near_cache_invalidate(cache, fr_bytes_of("a"), 2));
    churn();
    assert_true(fr_bytes_equal(fr_near_value_payload(value), fr_bytes_of(payload)));
    uint64_t entries = statistics().entries;
    fr_near_value_unref(cache, value);
    churn();
    assert_in_range(statistics().entries, entries + 8000 / 480, entries + 8000 / 440);
}

static void a_reference_taken_while_linked_does_not_keep_an_entry_from_its_eviction(void **state)
{
    (void)state;
    struct fr_near_value *values[50];
    for (unsigned i = 0; i < 50; i++) {
        char key[24];
        snprintf(key, sizeof key, "kept:%u", i);
        assert_int_equal(put(key, i + 1, key), FR_NEAR_INSERTED);
        struct fr_near_hit hit;
        assert_true(fr_near_cache_get(cache, fr_bytes_of(key), NOW, &hit));
        values[i] = fr_near_hit_keep(&hit);
        fr_near_hit_release(&hit);
    }
    churn();
    for (unsigned i = 0; i < 50; i++) {
        char key[24];
        snprintf(key, sizeof key, "kept:%u", i);
        assert_int_equal(version_of(key, NOW), 0);
        assert_true(fr_bytes_equal(fr_near_value_payload(values[i]), fr_bytes_of(key)));
        fr_near_value_unref(cache, values[i]);
    }
}

static void a_held_hit_stops_reclaiming_but_never_breaks_the_bound(void **state)
{
    (void)state;
    assert_int_equal(put("held", 1, "payload"), FR_NEAR_INSERTED);
    struct fr_near_hit hit;
    assert_true(fr_near_cache_get(cache, fr_bytes_of("held"), NOW, &hit));
    churn();
    assert_true(statistics().refused > 0);
    assert_true(fr_bytes_equal(hit.payload, fr_bytes_of("payload")));
    fr_near_hit_release(&hit);
    assert_int_equal(put("next", 1, "payload"), FR_NEAR_INSERTED);
}

struct tally {
    unsigned visits;
    uint64_t versions;
};

static void count_visit(void *context, struct fr_bytes key, const struct fr_near_hit *hit)
{
    struct tally *tally = context;
    assert_true(fr_bytes_equal(key, hit->payload));
    tally->visits++;
    tally->versions += hit->version;
}

static void a_visit_meets_every_entry_once_and_counts_as_no_lookup(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 200; i++) {
        char key[24];
        snprintf(key, sizeof key, "k%u", i);
        assert_int_equal(put(key, i, key), FR_NEAR_INSERTED);
    }
    struct tally tally = {0};
    fr_near_cache_visit(cache, NOW, count_visit, &tally);
    assert_int_equal(tally.visits, 200);
    assert_int_equal(tally.versions, 200 * 201 / 2);
    assert_int_equal(statistics().hits, 0);
    fr_near_cache_drop(cache);
    fr_near_cache_visit(cache, NOW, count_visit, &tally);
    assert_int_equal(tally.visits, 200);
}

static void hits_misses_and_inserts_are_counted(void **state)
{
    (void)state;
    assert_int_equal(put("a", 1, "x"), FR_NEAR_INSERTED);
    for (unsigned i = 0; i < 10; i++) {
        (void)version_of("a", NOW);
        (void)version_of("b", NOW);
    }
    (void)version_of("b", NOW);
    struct fr_near_statistics found = statistics();
    assert_int_equal(found.hits, 10);
    assert_int_equal(found.misses, 11);
    assert_int_equal(found.inserts, 1);
    assert_int_equal(found.entries, 1);
}

static void sum_up(void *context, const struct fr_metric_sample *sample)
{
    struct fr_near_statistics *found = context;
    if (strcmp(sample->metric->name, "freshet_near_cache_hits_total") == 0) {
        found->hits = (uint64_t)sample->value;
    } else if (strcmp(sample->metric->name, "freshet_near_cache_entries") == 0) {
        found->entries = (uint64_t)sample->value;
    } else if (strcmp(sample->metric->name, "freshet_near_cache_capacity_bytes") == 0) {
        found->capacity_bytes = (uint64_t)sample->value;
    }
}

static void the_registry_shows_the_statistics(void **state)
{
    (void)state;
    struct fr_metrics *metrics = NULL;
    assert_int_equal(fr_metrics_new(&metrics, NULL), FR_OK);
    assert_int_equal(fr_near_metrics_add(metrics, cache, NULL), FR_OK);
    assert_int_equal(fr_near_metrics_add(metrics, cache, NULL), FR_ALREADY_EXISTS);
    assert_int_equal(put("a", 1, "x"), FR_NEAR_INSERTED);
    assert_int_equal(version_of("a", NOW), 1);
    struct fr_near_statistics found = {0};
    fr_metrics_visit(metrics, sum_up, &found);
    assert_int_equal(found.hits, 1);
    assert_int_equal(found.entries, 1);
    assert_int_equal(found.capacity_bytes, FR_NEAR_CACHE_MIN_BYTES);
    fr_metrics_remove_source(metrics, cache);
    fr_metrics_free(metrics);
}

static void sizes_that_cannot_work_are_refused(void **state)
{
    (void)state;
    static const struct fr_near_cache_options wrong[] = {
        {.bytes = FR_NEAR_CACHE_MIN_BYTES - 1},
        {.bytes = FR_NEAR_CACHE_MIN_BYTES, .shards = 3},
        {.bytes = FR_NEAR_CACHE_MIN_BYTES, .shards = 8},
        {.bytes = (size_t)1 << 40, .shards = 512},
        {.bytes = (size_t)1 << 45},
    };
    struct fr_near_cache *none = NULL;
    struct fr_error error;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(fr_near_cache_new(&wrong[i], &none, &error), FR_INVALID_ARGUMENT);
        assert_null(none);
    }
    fr_near_cache_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_hit_has_everything_that_was_inserted),
        TEST(a_missing_value_is_remembered_too),
        TEST(an_entry_is_served_up_to_its_hard_expiry),
        TEST(no_entry_outlives_the_longest_time_that_is_kept),
        TEST(an_insert_is_refused_after_an_invalidation_since_its_mark),
        TEST(an_insert_is_refused_after_a_drop_since_its_mark),
        TEST(an_invalidation_removes_older_versions_only),
        TEST(an_invalidation_of_what_is_newer_moves_the_counter_all_the_same),
        TEST(an_older_version_does_not_replace_a_newer_one),
        TEST(a_drop_empties_the_cache_and_its_memory_is_used_again),
        TEST(what_takes_more_than_an_eighth_of_a_shard_is_refused),
        TEST(entries_that_are_not_found_take_at_most_an_eighth),
        TEST(the_bound_in_bytes_holds_whatever_is_inserted),
        TEST(a_kept_value_outlives_its_entry_and_counts_until_it_is_given_back),
        TEST(a_reference_taken_while_linked_does_not_keep_an_entry_from_its_eviction),
        TEST(a_held_hit_stops_reclaiming_but_never_breaks_the_bound),
        TEST(a_visit_meets_every_entry_once_and_counts_as_no_lookup),
        TEST(hits_misses_and_inserts_are_counted),
        TEST(the_registry_shows_the_statistics),
        TEST(sizes_that_cannot_work_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
