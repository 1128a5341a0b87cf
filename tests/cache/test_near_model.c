/* SPDX-License-Identifier: MIT */
/*
 * test_near_model.c - the near cache against a model: the same content after every operation, whom SIEVE evicts
 * included; and its hit ratio against SIEVE's and LRU's.
 *
 * How many entries an insert evicts depends on the holes in the memory, so the model takes that number from the
 * statistics. Whom it evicts, in which order, is the model's.
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
#include "mutex_lru.h"
#include "sieve_model.h"
#include "zipf.h"

enum { KEYS = 900, STEPS = 60000, LONGEST = 2500 };

struct model {
    struct fr_near_cache *cache;
    struct fr_sieve *values, *missing; /* of what is found, and what is not */
    uint64_t marks[KEYS];
    bool valid[KEYS]; /* whether the mark may still insert: the cache may refuse it also for another key's sake */
    uint64_t now_us, version;
    uint64_t inserted, moved;
};

static struct fr_bytes key_of(uint32_t number, char text[16])
{
    return (struct fr_bytes){.data = (uint8_t *)text, .size = (size_t)snprintf(text, 16, "key:%u", number)};
}

static struct fr_near_statistics statistics_of(struct fr_near_cache *cache)
{
    struct fr_near_statistics statistics;
    fr_near_cache_statistics(cache, &statistics);
    assert_true(statistics.bytes <= statistics.capacity_bytes);
    return statistics;
}

static uint64_t removed_for_room(struct fr_near_cache *cache)
{
    struct fr_near_statistics statistics = statistics_of(cache);
    return statistics.evictions + statistics.expirations;
}

static struct fr_sieve *place_of(struct model *model, uint32_t number)
{
    if (model->values->nodes[number].present) {
        return model->values;
    }
    return model->missing->nodes[number].present ? model->missing : NULL;
}

static struct fr_sieve_node *node_of(struct model *model, uint32_t number)
{
    struct fr_sieve *place = place_of(model, number);
    return place != NULL ? &place->nodes[number] : NULL;
}

/* Each version's payload can be told from any other's. */
static size_t payload_of(uint64_t version, uint8_t *payload)
{
    size_t size = version * 2654435761u % LONGEST;
    memset(payload, (int)(version % 251), size);
    return size;
}

static void evict_one(struct model *model)
{
    struct fr_sieve *missing = model->missing;
    if (missing->count > 0 && missing->nodes[missing->oldest - 1].hard_expiry_us <= model->now_us) {
        fr_sieve_remove(missing, missing->oldest - 1);
    } else if (model->values->count > 0) {
        (void)fr_sieve_evict(model->values, model->now_us);
    } else {
        (void)fr_sieve_evict(missing, model->now_us);
    }
}

static void step_mark(struct model *model, uint32_t number)
{
    char text[16];
    model->marks[number] = fr_near_cache_mark(model->cache, key_of(number, text));
    model->valid[number] = true;
}

static void step_insert(struct model *model, uint32_t number)
{
    uint8_t payload[LONGEST];
    char text[16];
    struct fr_sieve_node *old = node_of(model, number);
    bool older = old != NULL && old->hard_expiry_us > model->now_us && fr_random_below(4) == 0;
    uint64_t version = older ? old->version - 1 : ++model->version;
    bool found = fr_random_below(20) != 0;
    struct fr_near_entry entry = {
        .found = found,
        .version = version,
        .filled_us = model->now_us,
        .soft_expiry_us = model->now_us + 1000,
        .hard_expiry_us = model->now_us + 1 + fr_random_below(4000000),
        .payload = {.data = payload, .size = found ? payload_of(version, payload) : 0},
    };
    uint64_t before = removed_for_room(model->cache);
    enum fr_near_insert result =
        fr_near_cache_insert(model->cache, key_of(number, text), model->marks[number], &entry, model->now_us);
    if (result == FR_NEAR_MOVED) {
        assert_int_equal(removed_for_room(model->cache), before);
        model->moved++;
        return;
    }
    assert_true(model->valid[number]);
    if (older) {
        assert_int_equal(result, FR_NEAR_OLDER);
        return;
    }
    assert_int_equal(result, FR_NEAR_INSERTED);
    for (uint64_t i = removed_for_room(model->cache) - before; i > 0; i--) {
        evict_one(model);
    }
    struct fr_sieve *place = place_of(model, number);
    bool visited = place != NULL && place->nodes[number].visited;
    if (place != NULL) {
        fr_sieve_remove(place, number);
    }
    place = found ? model->values : model->missing;
    fr_sieve_insert(place, number, visited);
    place->nodes[number].version = version;
    place->nodes[number].hard_expiry_us = entry.hard_expiry_us;
    model->inserted++;
}

static void step_get(struct model *model, uint32_t number)
{
    uint8_t payload[LONGEST];
    char text[16];
    struct fr_near_hit hit;
    struct fr_sieve *place = place_of(model, number);
    bool there = fr_near_cache_get(model->cache, key_of(number, text), model->now_us, &hit);
    if (place != NULL && place->nodes[number].hard_expiry_us <= model->now_us) {
        fr_sieve_remove(place, number);
        place = NULL;
    }
    assert_int_equal(there, place != NULL);
    if (there) {
        place->nodes[number].visited = true;
        assert_int_equal(hit.found, place == model->values);
        assert_int_equal(hit.version, place->nodes[number].version);
        size_t size = hit.found ? payload_of(hit.version, payload) : 0;
        assert_int_equal(hit.payload.size, size);
        assert_memory_equal(hit.payload.data, payload, size);
        fr_near_hit_release(&hit);
    }
}

static void step_invalidate(struct model *model, uint32_t number)
{
    char text[16];
    struct fr_sieve_node *node = node_of(model, number);
    uint64_t version = node != NULL ? node->version + fr_random_below(2) : 1;
    bool removed = fr_near_cache_invalidate(model->cache, key_of(number, text), version);
    assert_int_equal(removed, node != NULL && node->version < version);
    if (removed) {
        fr_sieve_remove(place_of(model, number), number);
    }
    model->valid[number] = false;
}

static void step_drop(struct model *model)
{
    fr_near_cache_drop(model->cache);
    for (uint32_t number = 0; number < KEYS; number++) {
        if (place_of(model, number) != NULL) {
            fr_sieve_remove(place_of(model, number), number);
        }
        model->valid[number] = false;
    }
}

static void check_entry(void *context, struct fr_bytes key, const struct fr_near_hit *hit)
{
    struct model *model = context;
    char text[16];
    memcpy(text, key.data, key.size);
    text[key.size] = '\0';
    struct fr_sieve_node *node = node_of(model, (uint32_t)strtoul(text + 4, NULL, 10));
    assert_non_null(node);
    assert_int_equal(node->version, hit->version);
}

static void check_all(struct model *model)
{
    fr_near_cache_visit(model->cache, model->now_us, check_entry, model);
    struct fr_near_statistics statistics = statistics_of(model->cache);
    assert_int_equal(statistics.entries, model->values->count + model->missing->count);
    assert_int_equal(statistics.not_found_entries, model->missing->count);
}

static void random_operations_leave_what_the_model_has(void **state)
{
    (void)state;
    struct model model = {.now_us = 1000000, .values = fr_sieve_new(KEYS), .missing = fr_sieve_new(KEYS)};
    struct fr_near_cache_options options = {.bytes = FR_NEAR_CACHE_MIN_BYTES, .shards = 1};
    assert_int_equal(fr_near_cache_new(&options, &model.cache, NULL), FR_OK);
    memset(model.valid, true, sizeof model.valid); /* as no counter has moved, 0 is a mark of every key */
    for (unsigned step = 0; step < STEPS; step++) {
        /* Two draws, the smaller of which counts: some keys are hotter. */
        uint64_t one = fr_random_below(KEYS), two = fr_random_below(KEYS), kind = fr_random_below(2001);
        uint32_t number = (uint32_t)(one < two ? one : two);
        if (kind < 200) {
            step_insert(&model, number); /* with whatever mark there is */
        } else if (kind < 800) {
            step_mark(&model, number);
            step_insert(&model, number);
        } else if (kind < 900) {
            step_mark(&model, number);
        } else if (kind < 1900) {
            step_get(&model, number);
        } else if (kind < 2000) {
            step_invalidate(&model, number);
        } else {
            step_drop(&model);
        }
        model.now_us += fr_random_below(2000);
        if (step % 100 == 0) {
            check_all(&model);
        }
    }
    check_all(&model);
    struct fr_near_statistics statistics = statistics_of(model.cache);
    assert_true(statistics.evictions > 100 && statistics.expirations > 100);
    assert_true(model.inserted > STEPS / 20 && model.moved > STEPS / 100);
    fr_near_cache_free(model.cache);
    free(model.values);
    free(model.missing);
}

/* The cache's shards each run their own SIEVE over a part of the keys. */
static void the_hit_ratio_is_that_of_sieve_and_above_that_of_lru(void **state)
{
    (void)state;
    enum { UNIVERSE = 50000, LOOKUPS = 400000, VALUE = 400 };
    struct fr_near_cache *cache = NULL;
    struct fr_near_cache_options options = {.bytes = 2400 * 1024, .shards = 8};
    assert_int_equal(fr_near_cache_new(&options, &cache, NULL), FR_OK);
    uint8_t payload[VALUE] = {0};
    struct fr_near_entry entry = {.found = true, .version = 1, .hard_expiry_us = 1000, .payload = {payload, VALUE}};
    char text[16];
    for (uint32_t i = 0; i < UNIVERSE; i++) {
        struct fr_bytes key = key_of(i, text);
        assert_int_equal(fr_near_cache_insert(cache, key, fr_near_cache_mark(cache, key), &entry, 1), FR_NEAR_INSERTED);
    }
    size_t fits = statistics_of(cache).entries;
    fr_near_cache_drop(cache);
    struct fr_sieve *sieve = fr_sieve_new(UNIVERSE);
    struct fr_mutex_lru *lru = fr_mutex_lru_new(fits);
    struct fr_zipf *zipf = fr_zipf_new(UNIVERSE, 1.0);
    uint64_t hits[3] = {0}, sum = 0;
    for (unsigned i = 0; i < LOOKUPS; i++) {
        uint32_t number = (uint32_t)fr_zipf_next(zipf);
        struct fr_bytes key = key_of(number, text);
        struct fr_near_hit hit;
        if (fr_near_cache_get(cache, key, 1, &hit)) {
            hits[0]++;
            fr_near_hit_release(&hit);
        } else {
            assert_int_equal(fr_near_cache_insert(cache, key, fr_near_cache_mark(cache, key), &entry, 1),
                             FR_NEAR_INSERTED);
        }
        if (sieve->nodes[number].present) {
            hits[1]++;
            sieve->nodes[number].visited = true;
        } else {
            if (sieve->count == fits) {
                (void)fr_sieve_evict(sieve, 0);
            }
            fr_sieve_insert(sieve, number, false);
            sieve->nodes[number].hard_expiry_us = 1000;
        }
        if (fr_mutex_lru_get(lru, key, &sum)) {
            hits[2]++;
        } else {
            fr_mutex_lru_put(lru, key, entry.payload);
        }
    }
    print_message("hits of %d: near cache %llu, SIEVE %llu, LRU %llu\n", LOOKUPS, (unsigned long long)hits[0],
                  (unsigned long long)hits[1], (unsigned long long)hits[2]);
    uint64_t difference = hits[0] > hits[1] ? hits[0] - hits[1] : hits[1] - hits[0];
    assert_true(difference < LOOKUPS / 100);
    assert_true(hits[0] > hits[2] + LOOKUPS / 100);
    fr_zipf_free(zipf);
    fr_mutex_lru_free(lru);
    free(sieve);
    fr_near_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations_leave_what_the_model_has),
        cmocka_unit_test(the_hit_ratio_is_that_of_sieve_and_above_that_of_lru),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
