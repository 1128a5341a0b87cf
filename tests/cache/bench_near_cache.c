/* SPDX-License-Identifier: MIT */
/*
 * bench_near_cache.c - figures of the near cache beside a hash map with one mutex and an LRU list.
 *
 * usage: bench_near_cache [ENTRIES [LOOKUPS [VALUE_BYTES]]]
 *   Hits on ENTRIES (100000) entries by LOOKUPS (2000000) per thread with 1 and 2 threads, uniform and Zipf (1.0) keys;
 *   the bytes an entry takes beyond its key and value; hit ratios when a tenth of the keys fits. Of 5 rounds, the one
 *   with the middle throughput. Every 64th lookup is timed by itself, less what reading the clock takes.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/random.h"
#include "cache/near_cache.h"
#include "mutex_lru.h"
#include "zipf.h"

#define ROUNDS      5
#define FAR_US      UINT64_C(3600000000)
#define MAX_THREADS 2
#define BATCH       64 /* of which one is timed by itself */

struct bench {
    uint64_t clock_ns; /* between two readings of the clock, at least */
    size_t entries, lookups, value_bytes;
    uint8_t *value;
    struct fr_near_cache *near;
    struct fr_mutex_lru *lru;
};

struct reader {
    const struct bench *bench;
    const uint32_t *trace;
    bool use_near;
    pthread_barrier_t *start;
    pthread_t thread;
    uint64_t ns, median_ns, p99_ns, found, check;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t clock_cost_ns(void)
{
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t before = now_ns(), took = now_ns() - before;
        least = took < least ? took : least;
    }
    return least;
}

static void *must(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "bench_near_cache: no memory\n");
        exit(1);
    }
    return memory;
}

/* 16 bytes: "user:" and the number. */
static struct fr_bytes key_of(uint32_t number, char text[17])
{
    memcpy(text, "user:00000000000", 17);
    for (char *at = text + 15; number > 0; number /= 10) {
        *at-- = (char)('0' + number % 10);
    }
    return (struct fr_bytes){.data = (const uint8_t *)text, .size = 16};
}

/* Both read the first and the last byte of the value, where it lies. */
static bool look_up(const struct bench *bench, bool use_near, struct fr_bytes key, uint64_t *check)
{
    if (use_near) {
        struct fr_near_hit hit;
        if (!fr_near_cache_get(bench->near, key, 1, &hit)) {
            return false;
        }
        *check += hit.payload.data[0] + hit.payload.data[hit.payload.size - 1];
        fr_near_hit_release(&hit);
        return true;
    }
    return fr_mutex_lru_get(bench->lru, key, check);
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static void *run_reader(void *argument)
{
    struct reader *self = argument;
    size_t batches = self->bench->lookups / BATCH;
    uint64_t *times = must(calloc(batches, sizeof *times));
    char text[17];
    uint64_t found = 0, check = 0; /* not in *self, which shares its line with the other thread's */
    pthread_barrier_wait(self->start);
    uint64_t began = now_ns();
    for (size_t batch = 0; batch < batches; batch++) {
        const uint32_t *numbers = self->trace + batch * BATCH;
        for (size_t i = 0; i < BATCH - 1; i++) {
            found += look_up(self->bench, self->use_near, key_of(numbers[i], text), &check);
        }
        struct fr_bytes key = key_of(numbers[BATCH - 1], text);
        uint64_t before = now_ns();
        found += look_up(self->bench, self->use_near, key, &check);
        times[batch] = now_ns() - before;
    }
    self->ns = now_ns() - began;
    self->found = found;
    self->check = check;
    qsort(times, batches, sizeof *times, compare);
    self->median_ns = times[batches / 2] - self->bench->clock_ns;
    self->p99_ns = times[batches * 99 / 100] - self->bench->clock_ns;
    free(times);
    return NULL;
}

struct result {
    double million_per_s, mean_ns, median_ns, p99_ns;
};

static struct result run_round(const struct bench *bench, bool use_near, unsigned threads, uint32_t *const *traces)
{
    struct reader readers[MAX_THREADS];
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, threads);
    for (unsigned i = 0; i < threads; i++) {
        readers[i] = (struct reader){.bench = bench, .trace = traces[i], .use_near = use_near, .start = &start};
        if (pthread_create(&readers[i].thread, NULL, run_reader, &readers[i]) != 0) {
            must(NULL);
        }
    }
    struct result result = {0};
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(readers[i].thread, NULL);
        result.million_per_s += (double)bench->lookups * 1e3 / (double)readers[i].ns;
        result.mean_ns += (double)readers[i].ns / (double)bench->lookups / threads;
        result.median_ns += (double)readers[i].median_ns / threads;
        result.p99_ns += (double)readers[i].p99_ns / threads;
        if (readers[i].found != bench->lookups / BATCH * BATCH) {
            printf("  (only %llu of %zu lookups were hits)\n", (unsigned long long)readers[i].found, bench->lookups);
        }
    }
    pthread_barrier_destroy(&start);
    return result;
}

static int compare_results(const void *left, const void *right)
{
    double a = ((const struct result *)left)->million_per_s, b = ((const struct result *)right)->million_per_s;
    return a < b ? -1 : a > b;
}

static void measure(const struct bench *bench, const char *what, uint32_t *const *traces)
{
    double one[2] = {0};
    for (unsigned threads = 1; threads <= MAX_THREADS; threads++) {
        struct result results[2][ROUNDS];
        for (unsigned round = 0; round < ROUNDS; round++) {
            results[0][round] = run_round(bench, true, threads, traces);
            results[1][round] = run_round(bench, false, threads, traces);
        }
        for (unsigned i = 0; i < 2; i++) {
            qsort(results[i], ROUNDS, sizeof results[i][0], compare_results);
            struct result result = results[i][ROUNDS / 2];
            one[i] = threads == 1 ? result.million_per_s : one[i];
            printf("%-7s  %-10s  %u thread%s median %3.0f ns, p99 %4.0f ns, mean %5.1f ns, %6.2f million/s, %.2f x\n",
                   what, i == 0 ? "near cache" : "mutex LRU", threads, threads == 1 ? ": " : "s:", result.median_ns,
                   result.p99_ns, result.mean_ns, result.million_per_s, result.million_per_s / one[i]);
        }
    }
}

static void insert_near(struct fr_near_cache *cache, struct fr_bytes key, struct fr_bytes value)
{
    struct fr_near_entry entry = {.found = true, .version = 1, .soft_expiry_us = FAR_US, .hard_expiry_us = FAR_US,
                                  .payload = value};
    if (fr_near_cache_insert(cache, key, fr_near_cache_mark(cache, key), &entry, 1) != FR_NEAR_INSERTED) {
        fprintf(stderr, "bench_near_cache: an insert was refused\n");
        exit(1);
    }
}

static struct fr_near_cache *new_near(size_t bytes, unsigned shards)
{
    struct fr_near_cache *cache = NULL;
    struct fr_error error;
    if (fr_near_cache_new(&(struct fr_near_cache_options){.bytes = bytes, .shards = shards}, &cache, &error) != FR_OK) {
        fprintf(stderr, "bench_near_cache: %s\n", error.message);
        exit(1);
    }
    return cache;
}

static void measure_lookups(struct bench *bench)
{
    bench->near = new_near(bench->entries * (bench->value_bytes + 120) + FR_NEAR_CACHE_MIN_BYTES * 4, 0);
    bench->lru = must(fr_mutex_lru_new(bench->entries));
    struct fr_bytes value = {bench->value, bench->value_bytes};
    char text[17];
    for (size_t i = 0; i < bench->entries; i++) {
        insert_near(bench->near, key_of((uint32_t)i, text), value);
        fr_mutex_lru_put(bench->lru, key_of((uint32_t)i, text), value);
    }
    struct fr_near_statistics statistics;
    fr_near_cache_statistics(bench->near, &statistics);
    printf("memory: %.1f bytes an entry beyond key and value (%llu entries, %llu bytes in use)\n",
           (double)statistics.bytes / (double)statistics.entries - 16 - (double)bench->value_bytes,
           (unsigned long long)statistics.entries, (unsigned long long)statistics.bytes);
    uint32_t *traces[MAX_THREADS];
    struct fr_zipf *zipf = must(fr_zipf_new(bench->entries, 1.0));
    for (unsigned i = 0; i < MAX_THREADS; i++) {
        traces[i] = must(malloc(bench->lookups * sizeof *traces[i]));
        for (size_t k = 0; k < bench->lookups; k++) {
            traces[i][k] = (uint32_t)fr_random_below(bench->entries);
        }
    }
    measure(bench, "uniform", traces);
    for (unsigned i = 0; i < MAX_THREADS; i++) {
        for (size_t k = 0; k < bench->lookups; k++) {
            traces[i][k] = (uint32_t)fr_zipf_next(zipf);
        }
    }
    measure(bench, "Zipf", traces);
    for (unsigned i = 0; i < MAX_THREADS; i++) {
        free(traces[i]);
    }
    fr_zipf_free(zipf);
    fr_mutex_lru_free(bench->lru);
    fr_near_cache_free(bench->near);
}

/* A tenth of the keys fits; a miss inserts. */
static void measure_hit_ratio(struct bench *bench)
{
    size_t fits = bench->entries / 10;
    bench->near = new_near(fits * (bench->value_bytes + 80) + FR_NEAR_CACHE_MIN_BYTES, 0);
    struct fr_bytes value = {bench->value, bench->value_bytes};
    char text[17];
    for (size_t i = 0; i < bench->entries; i++) {
        insert_near(bench->near, key_of((uint32_t)i, text), value);
    }
    struct fr_near_statistics statistics;
    fr_near_cache_statistics(bench->near, &statistics);
    bench->lru = must(fr_mutex_lru_new(statistics.entries));
    struct fr_zipf *zipf = must(fr_zipf_new(bench->entries, 1.0));
    uint64_t hits[2] = {0}, check = 0;
    for (size_t i = 0; i < bench->lookups; i++) {
        struct fr_bytes key = key_of((uint32_t)fr_zipf_next(zipf), text);
        bool near = look_up(bench, true, key, &check);
        bool lru = look_up(bench, false, key, &check);
        hits[0] += near;
        hits[1] += lru;
        if (!near) {
            insert_near(bench->near, key, value);
        }
        if (!lru) {
            fr_mutex_lru_put(bench->lru, key, value);
        }
    }
    printf("hit ratio: near cache %.2f %%, LRU %.2f %% (Zipf, room for %llu of %zu keys)\n",
           100.0 * (double)hits[0] / (double)bench->lookups, 100.0 * (double)hits[1] / (double)bench->lookups,
           (unsigned long long)statistics.entries, bench->entries);
    fr_zipf_free(zipf);
    fr_mutex_lru_free(bench->lru);
    fr_near_cache_free(bench->near);
}

static size_t number(int argc, char **argv, int index, size_t otherwise)
{
    size_t value = index < argc ? strtoull(argv[index], NULL, 10) : otherwise;
    if (value == 0 || value > UINT32_MAX) {
        fprintf(stderr, "usage: bench_near_cache [ENTRIES [LOOKUPS [VALUE_BYTES]]]\n");
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    struct bench bench = {
        .clock_ns = clock_cost_ns(),
        .entries = number(argc, argv, 1, 100000),
        .lookups = number(argc, argv, 2, 2000000),
        .value_bytes = number(argc, argv, 3, 64),
    };
    bench.value = must(calloc(1, bench.value_bytes));
    printf("%zu entries, keys of 16 bytes, values of %zu, %zu lookups per thread\n", bench.entries, bench.value_bytes,
           bench.lookups);
    measure_lookups(&bench);
    measure_hit_ratio(&bench);
    free(bench.value);
    return 0;
}
