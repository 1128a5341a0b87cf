/* SPDX-License-Identifier: MIT */
/*
 * example_cache.c - get or load in a whole program: example_cache redis://127.0.0.1:6379/0
 */
#include <semaphore.h>
#include <stdio.h>

#include "base/clock.h"
#include "cache/cache.h"

static const char *name = "Ada"; /* the database */
static uint64_t version = 1;
static sem_t ended;

static void load_users(void *context, struct fr_load *first)
{
    (void)context;
    for (struct fr_load *load = first, *next; load != NULL; load = next) {
        next = load->next; /* the load is gone once it has ended */
        fr_load_end(load, &(struct fr_read_result){.version = version, .payload = fr_bytes_of(name)});
    }
}

static void on_user(void *argument, const struct fr_read_result *result)
{
    (void)argument;
    printf("%s %.*s, version %d, from %s\n", fr_code_name(result->code), (int)result->payload.size,
           (const char *)result->payload.data, (int)result->version, fr_source_name(result->source));
    sem_post(&ended);
}

static void on_invalidated(void *argument, enum fr_code code)
{
    printf("%s %s\n", fr_code_name(code), (const char *)argument);
    sem_post(&ended);
}

int main(int argc, char **argv)
{
    struct fr_cache *cache;
    struct fr_cache_kind *users;
    struct fr_error error;
    struct fr_key key;
    struct fr_cache_options options = {.url = argc > 1 ? argv[1] : "", .near_bytes = 1 << 20, .subscribe = true};
    struct fr_cache_kind_options kind = {.name = "user", .ttl_us = 60 * FR_SECOND_US, .load = load_users};
    const struct fr_bytes id = fr_bytes_of("7");
    if (fr_cache_new(&options, &cache, &error) != FR_OK || fr_cache_kind_new(cache, &kind, &users, &error) != FR_OK ||
        fr_key_make(&key, "user", &id, 1, &error) != FR_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    sem_init(&ended, 0, 0);
    const struct fr_cache_read read = {.kind = users, .key = &key, .done = on_user};
    for (int round = 0; round < 4; round++) {
        fr_cache_get(cache, &read); /* a miss, a hit; after the write a miss, a hit */
        sem_wait(&ended);
        if (round == 1) {
            name = "Grace", version = 2;
            fr_cache_invalidate(cache, &key, version, on_invalidated, "invalidated");
            sem_wait(&ended);
        }
    }
    fr_cache_free(cache);
}
