/* SPDX-License-Identifier: MIT */
/*
 * near_metrics.c - the near cache's statistics in the registry of the program.
 */
#include "cache/near_metrics.h"

#define COUNTER(name, help) {"freshet_near_cache_" name "_total", NULL, FR_METRIC_COUNTER, "", help}
#define GAUGE(name, unit, help) {"freshet_near_cache_" name, NULL, FR_METRIC_GAUGE, unit, help}

/* In the order of read_statistics. */
static const struct fr_metric table[] = {
    COUNTER("hits", "Lookups answered by the near cache"),
    COUNTER("misses", "Lookups that the near cache had nothing for"),
    COUNTER("inserts", "Entries stored"),
    COUNTER("refused_inserts", "Entries not stored: invalidated meanwhile, older, too large or without room"),
    COUNTER("evictions", "Entries removed for room before their expiry"),
    COUNTER("expirations", "Entries removed after their hard expiry"),
    COUNTER("removals", "Entries removed by an invalidation"),
    COUNTER("drops", "Times that the whole cache was emptied"),
    GAUGE("entries", "", "Entries stored now"),
    GAUGE("not_found_entries", "", "Entries that say that there is no value"),
    GAUGE("bytes", "bytes", "Memory in use"),
    GAUGE("capacity_bytes", "bytes", "Memory that is never exceeded"),
};

static void read_statistics(void *context, int64_t *values)
{
    struct fr_near_statistics now;
    fr_near_cache_statistics(context, &now);
    const uint64_t all[] = {
        now.hits,     now.misses, now.inserts, now.refused,           now.evictions, now.expirations,
        now.removals, now.drops,  now.entries, now.not_found_entries, now.bytes,     now.capacity_bytes,
    };
    _Static_assert(sizeof all / sizeof all[0] == sizeof table / sizeof table[0], "a value for each metric");
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        values[i] = (int64_t)all[i];
    }
}

enum fr_code fr_near_metrics_add(struct fr_metrics *metrics, struct fr_near_cache *cache, struct fr_error *reterr)
{
    return fr_metrics_add_source(metrics, table, sizeof table / sizeof table[0], read_statistics, cache, reterr);
}
