/* SPDX-License-Identifier: MIT */
/*
 * test_near_threads.c - threads look up, insert, invalidate, drop and keep at once; nothing is stale, nothing torn.
 *
 * The source of truth is a version per key. A writer raises it, then invalidates the key, then notes how far it is: the
 * safe version. Loaders take a mark, read the truth, and insert. A reader notes the safe version, looks up, and must
 * not get anything older.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "cache/near_cache.h"

enum { KEYS = 1000, WORDS = 120, LOADERS = 2, STEPS = 30000 };

struct truth {
    _Atomic uint64_t version;
    _Atomic uint64_t safe;
};

static struct truth truths[KEYS];
static struct fr_near_cache *cache;
static atomic_uint stale, torn, hits, lookups;
static atomic_uint loaders_done; /* readers go on until then, however the threads are scheduled */

static struct fr_bytes key_of(unsigned number, char text[16])
{
    return (struct fr_bytes){.data = (uint8_t *)text, .size = (size_t)snprintf(text, 16, "key:%u", number)};
}

/* A payload whose words all say the same. */
static struct fr_bytes payload_of(uint64_t words[WORDS], unsigned number, uint64_t version)
{
    size_t count = 1 + version % WORDS;
    for (size_t i = 0; i < count; i++) {
        words[i] = version << 16 | number;
    }
    return (struct fr_bytes){.data = (uint8_t *)words, .size = count * sizeof words[0]};
}

static void check_payload(struct fr_bytes payload, unsigned number, uint64_t version)
{
    bool right = payload.size == (1 + version % WORDS) * sizeof(uint64_t);
    for (size_t i = 0; right && i < payload.size; i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, payload.data + i, sizeof word);
        right = word == (version << 16 | number);
    }
    if (!right) {
        atomic_fetch_add(&torn, 1);
    }
}

static void *run_reader(void *argument)
{
    (void)argument;
    enum { KEPT = 8 };
    struct {
        struct fr_near_value *value;
        unsigned number;
        uint64_t version;
    } kept[KEPT] = {0};
    char text[16];
    for (unsigned step = 0; atomic_load(&loaders_done) < LOADERS; step++) {
        unsigned number = (unsigned)fr_random_below(KEYS);
        uint64_t safe = atomic_load(&truths[number].safe);
        struct fr_near_hit hit;
        atomic_fetch_add(&lookups, 1);
        if (!fr_near_cache_get(cache, key_of(number, text), 1, &hit)) {
            continue;
        }
        atomic_fetch_add(&hits, 1);
        if (hit.version < safe) {
            atomic_fetch_add(&stale, 1);
        }
        check_payload(hit.payload, number, hit.version);
        if (step % 16 == 0) {
            unsigned i = (unsigned)fr_random_below(KEPT);
            if (kept[i].value != NULL) {
                check_payload(fr_near_value_payload(kept[i].value), kept[i].number, kept[i].version);
                fr_near_value_unref(cache, kept[i].value);
            }
            kept[i].value = fr_near_hit_keep(&hit);
            kept[i].number = number;
            kept[i].version = hit.version;
        }
        fr_near_hit_release(&hit);
    }
    for (unsigned i = 0; i < KEPT; i++) {
        if (kept[i].value != NULL) {
            check_payload(fr_near_value_payload(kept[i].value), kept[i].number, kept[i].version);
            fr_near_value_unref(cache, kept[i].value);
        }
    }
    return NULL;
}

static void load(unsigned number)
{
    uint64_t words[WORDS];
    char text[16];
    struct fr_bytes key = key_of(number, text);
    uint64_t mark = fr_near_cache_mark(cache, key);
    uint64_t version = atomic_load(&truths[number].version);
    struct fr_near_entry entry = {.found = true, .version = version, .hard_expiry_us = 1000,
                                  .payload = payload_of(words, number, version)};
    (void)fr_near_cache_insert(cache, key, mark, &entry, 1);
}

static void *run_loader(void *argument)
{
    (void)argument;
    for (unsigned step = 0; step < STEPS; step++) {
        load((unsigned)fr_random_below(KEYS));
    }
    atomic_fetch_add(&loaders_done, 1);
    return NULL;
}

static void raise_safe(struct truth *truth, uint64_t version)
{
    uint64_t safe = atomic_load(&truth->safe);
    while (safe < version && !atomic_compare_exchange_weak(&truth->safe, &safe, version)) {
    }
}

static void *run_writer(void *argument)
{
    (void)argument;
    char text[16];
    for (unsigned step = 0; step < STEPS / 2; step++) {
        unsigned number = (unsigned)fr_random_below(KEYS);
        struct truth *truth = &truths[number];
        uint64_t version = atomic_fetch_add(&truth->version, 1) + 1;
        (void)fr_near_cache_invalidate(cache, key_of(number, text), version);
        raise_safe(truth, version);
    }
    return NULL;
}

/* Writes every key without a word about it, then drops the cache: all of it is safe once the drop returned. */
static void *run_dropper(void *argument)
{
    (void)argument;
    static uint64_t versions[KEYS];
    for (unsigned step = 0; step < 60; step++) {
        for (unsigned i = 0; i < KEYS; i++) {
            versions[i] = atomic_fetch_add(&truths[i].version, 1) + 1;
        }
        fr_near_cache_drop(cache);
        for (unsigned i = 0; i < KEYS; i++) {
            raise_safe(&truths[i], versions[i]);
        }
        struct fr_near_statistics statistics;
        fr_near_cache_statistics(cache, &statistics);
        if (statistics.bytes > statistics.capacity_bytes) {
            atomic_fetch_add(&torn, 1);
        }
    }
    return NULL;
}

static void no_reader_gets_what_is_stale_or_torn(void **state)
{
    (void)state;
    void *(*const runs[])(void *) = {run_reader, run_reader, run_loader, run_loader, run_writer, run_dropper};
    enum { THREADS = sizeof runs / sizeof runs[0] };
    /* Room for about half of the keys. */
    struct fr_near_cache_options options = {.bytes = FR_NEAR_CACHE_MIN_BYTES, .shards = 2};
    assert_int_equal(fr_near_cache_new(&options, &cache, NULL), FR_OK);
    /* Full from the start, or a dropper that is always a step ahead would leave nothing to evict. */
    for (unsigned number = 0; number < KEYS; number++) {
        atomic_store(&truths[number].version, WORDS - 1); /* the largest payload */
        load(number);
    }
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, runs[i], NULL), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    struct fr_near_statistics statistics;
    fr_near_cache_statistics(cache, &statistics);
    assert_int_equal(atomic_load(&stale), 0);
    assert_int_equal(atomic_load(&torn), 0);
    assert_int_equal(statistics.hits, atomic_load(&hits));
    assert_int_equal(statistics.hits + statistics.misses, atomic_load(&lookups));
    assert_int_equal(statistics.inserts + statistics.refused, LOADERS * STEPS + KEYS);
    assert_true(statistics.hits > 0);
    assert_true(statistics.evictions > 0);
    fr_near_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_reader_gets_what_is_stale_or_torn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
