/* SPDX-License-Identifier: MIT */
/*
 * example_cache.c - get or load in a whole program: example_cache redis://127.0.0.1:6379/0
 */
#include <stdio.h>

#include "base/clock.h"
#include "cache/cache.h"

struct database {
    const char *name;
    uint64_t version; /* rises with every write */
};

static void load_users(void *context, struct fr_load *first)
{
    const struct database *database = context;
    for (struct fr_load *load = first, *next; load != NULL; load = next) {
        next = load->next; /* the load is gone once it has ended */
        fr_load_end(load, &(struct fr_read_result){.version = database->version, .payload = fr_bytes_of(database->name)});
    }
}

static void on_user(void *out, const struct fr_read_result *result)
{
    fprintf(out, "%s %.*s, version %d, from %s\n", fr_code_name(result->code), (int)result->payload.size,
            (const char *)result->payload.data, (int)result->version, fr_source_name(result->source));
}

static void on_invalidation(void *out, struct fr_bytes key, uint64_t version, uint64_t number)
{
    fprintf(out, "event %d: %.*s has version %d\n", (int)number, (int)key.size, (const char *)key.data, (int)version);
}

int main(int argc, char **argv)
{
    struct database database = {"Ada", 1};
    struct fr_cache *cache;
    struct fr_cache_kind *users;
    struct fr_key key;
    struct fr_error error;
    const struct fr_cache_options options = {
        .url = argv[argc - 1], .near_bytes = 1 << 20, .on_invalidation = on_invalidation, .argument = stderr};
    const struct fr_cache_kind_options kind = {
        .name = "user", .ttl_us = 60 * FR_SECOND_US, .load = load_users, .context = &database};
    if (fr_cache_new(&options, &cache, &error) != FR_OK || fr_cache_kind_new(cache, &kind, &users, &error) != FR_OK ||
        fr_key_make(&key, "user", (struct fr_bytes[]){fr_bytes_of("7")}, 1, &error) != FR_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    const struct fr_cache_read read = {.kind = users, .key = &key, .done = on_user, .argument = stdout, .wait = true};
    fr_cache_get(cache, &read); /* a miss */
    fr_cache_get(cache, &read); /* a hit */
    database = (struct database){"Grace", 2};
    fr_cache_invalidate(cache, &key, database.version, NULL, NULL);
    fr_cache_get(cache, &read); /* a miss */
    fr_cache_get(cache, &read); /* a hit */
    fr_cache_free(cache);
}
