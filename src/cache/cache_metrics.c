/* SPDX-License-Identifier: MIT */
/*
 * cache_metrics.c - a cache's statistics, as a struct and in the registry of the program.
 */
#include "cache/cache_metrics.h"

#include "base/clock.h"
#include "cache/cache_state.h"
#include "cache/near_metrics.h"

#define COUNTER(name, labels, help) {"freshet_cache_" name "_total", labels, FR_METRIC_COUNTER, "", help}
#define GAUGE(name, help) {"freshet_cache_" name, NULL, FR_METRIC_GAUGE, "", help}
#define REDIS(name, kind, unit, help) {"freshet_redis_" name, NULL, kind, unit, help}
#define DROPS(cause) COUNTER("drops", "cause=\"" cause "\"", "Times that the whole near cache was emptied")

/* In the order of read_statistics. */
static const struct fr_metric table[] = {
    COUNTER("hits", "level=\"near\"", "Reads answered by the near cache"),
    COUNTER("hits", "level=\"redis\"", "Reads answered by Redis"),
    COUNTER("origin_answers", NULL, "Reads answered with what was loaded"),
    COUNTER("stale_answers", NULL,
            "Reads answered with an expired value, as the origin could not be reached"),
    COUNTER("misses", NULL, "Reads that Redis had no fresh value for; those that share a read count once"),
    COUNTER("coalesced_reads", NULL, "Reads that joined another read of their key"),
    COUNTER("loads", NULL, "Loads begun"),
    COUNTER("load_failures", NULL, "Loads that ended with an error"),
    COUNTER("load_timeouts", NULL, "Loads that were given up"),
    COUNTER("loads_refused", NULL, "Loads not begun as too many were waiting"),
    COUNTER("fills", NULL, "Values stored in Redis"),
    COUNTER("refused_fills", NULL,
            "Values that Redis did not take: invalidated meanwhile, lease lost, or no answer"),
    COUNTER("leases", "outcome=\"granted\"", "Leases that Redis granted"),
    COUNTER("leases", "outcome=\"waited\"", "Times that a lease of somebody else was waited for"),
    COUNTER("leases", "outcome=\"taken_over\"", "Leases granted after somebody else's ended without a value"),
    COUNTER("refreshes", NULL, "Loads begun in the background before the expiry"),
    COUNTER("redis_failures", NULL, "Reads that Redis did not answer"),
    COUNTER("invalidations_received", NULL, "Invalidations heard"),
    COUNTER("invalidations_applied", NULL, "Invalidations that removed an entry of the near cache"),
    COUNTER("invalidations_sent", NULL, "Invalidations that Redis took from this process and published"),
    DROPS("gap"),
    DROPS("silent"),
    DROPS("unanswered"),
    DROPS("incarnation"),
    DROPS("connection"),
    DROPS("base_line"),
    GAUGE("loading", "Loads under way"),
    GAUGE("waiting_loads", "Loads that wait for others to end"),
    GAUGE("flights", "Keys that are being read"),
    GAUGE("near_serves", "1 while the subscription is proved whole, so that the near cache may serve"),
    REDIS("connected", FR_METRIC_GAUGE, "",
          "1 while commands can be sent, 0 while the breaker is open: reads go past it"),
    REDIS("round_trip_us", FR_METRIC_GAUGE, "us", "Of the last sample, one every 5 s, as are the next"),
    REDIS("memory_bytes", FR_METRIC_GAUGE, "bytes", "Memory in use"),
    REDIS("memory_limit_bytes", FR_METRIC_GAUGE, "bytes", "Memory that it may use; 0: all"),
    REDIS("clients", FR_METRIC_GAUGE, "", "Connected clients"),
    REDIS("evicted_keys_total", FR_METRIC_COUNTER, "", "Keys that it removed for room"),
    REDIS("expired_keys_total", FR_METRIC_COUNTER, "", "Keys that it removed after their time"),
};

static const struct fr_metric invalidation_delays = {
    "freshet_cache_invalidation_delay_us", NULL, FR_METRIC_HISTOGRAM, "us",
    "From the commit of a write to its invalidation being applied here, on the clocks of both machines"};

static const struct fr_metric load_times = {"freshet_cache_load_us", NULL, FR_METRIC_HISTOGRAM, "us",
                                            "How long loads take"};

void fr_cache_statistics(struct fr_cache *self, struct fr_cache_statistics *ret_statistics)
{
    struct fr_near_statistics near = {0};
    if (self->near != NULL) {
        fr_near_cache_statistics(self->near, &near);
    }
    uint64_t passed_over = fr_counted(self, FR_COUNT_NEAR_PASSED_OVER);
    *ret_statistics = (struct fr_cache_statistics){
        .near_hits = near.hits > passed_over ? near.hits - passed_over : 0,
        .redis_hits = fr_counted(self, FR_COUNT_REDIS_HITS),
        .origin_answers = fr_counted(self, FR_COUNT_ORIGIN),
        .stale_answers = fr_counted(self, FR_COUNT_STALE),
        .misses = fr_counted(self, FR_COUNT_MISSES),
        .coalesced = fr_counted(self, FR_COUNT_COALESCED),
        .loads = fr_counted(self, FR_COUNT_LOADS),
        .load_failures = fr_counted(self, FR_COUNT_LOAD_FAILURES),
        .load_timeouts = fr_counted(self, FR_COUNT_LOAD_TIMEOUTS),
        .loads_refused = fr_counted(self, FR_COUNT_LOADS_REFUSED),
        .fills = fr_counted(self, FR_COUNT_FILLS),
        .refused_fills = fr_counted(self, FR_COUNT_REFUSED_FILLS),
        .leases_granted = fr_counted(self, FR_COUNT_LEASES_GRANTED),
        .leases_waited = fr_counted(self, FR_COUNT_LEASES_WAITED),
        .leases_taken_over = fr_counted(self, FR_COUNT_LEASES_TAKEN_OVER),
        .refreshes = fr_counted(self, FR_COUNT_REFRESHES),
        .redis_failures = fr_counted(self, FR_COUNT_REDIS_FAILURES),
        .invalidations_received = fr_counted(self, FR_COUNT_INVALIDATIONS_RECEIVED),
        .invalidations_applied = fr_counted(self, FR_COUNT_INVALIDATIONS_APPLIED),
        .invalidations_sent = fr_shared_cache_invalidations_sent(self->shared),
        .loading = fr_counted(self, FR_COUNT_LOADING),
        .waiting_loads = fr_counted(self, FR_COUNT_WAITING_LOADS),
        .flights = fr_counted(self, FR_COUNT_FLIGHTS),
        .redis_connected = fr_shared_cache_connected(self->shared),
        .near_serves = self->near != NULL && fr_clock_now_us() < fr_shared_cache_serves_until(self->shared),
    };
    for (unsigned cause = 0; cause < FR_DROP_CAUSES; cause++) {
        ret_statistics->drops[cause] = fr_counted(self, (enum fr_cache_count)(FR_COUNT_DROPS + cause));
    }
    if (!fr_shared_cache_redis_info(self->shared, &ret_statistics->redis)) {
        ret_statistics->redis = (struct fr_redis_info){0};
    }
}

static void read_statistics(void *context, int64_t *values)
{
    struct fr_cache *self = context;
    struct fr_cache_statistics now;
    fr_cache_statistics(self, &now);
    const uint64_t all[] = {
        now.near_hits,
        now.redis_hits,
        now.origin_answers,
        now.stale_answers,
        now.misses,
        now.coalesced,
        now.loads,
        now.load_failures,
        now.load_timeouts,
        now.loads_refused,
        now.fills,
        now.refused_fills,
        now.leases_granted,
        now.leases_waited,
        now.leases_taken_over,
        now.refreshes,
        now.redis_failures,
        now.invalidations_received,
        now.invalidations_applied,
        now.invalidations_sent,
        now.drops[FR_DROP_GAP],
        now.drops[FR_DROP_SILENT],
        now.drops[FR_DROP_UNANSWERED],
        now.drops[FR_DROP_INCARNATION],
        now.drops[FR_DROP_CONNECTION],
        now.drops[FR_DROP_BASE_LINE],
        now.loading,
        now.waiting_loads,
        now.flights,
        now.near_serves,
        now.redis_connected,
        now.redis.round_trip_us,
        now.redis.memory_bytes,
        now.redis.memory_limit_bytes,
        now.redis.clients,
        now.redis.evicted_keys,
        now.redis.expired_keys,
    };
    _Static_assert(sizeof all / sizeof all[0] == sizeof table / sizeof table[0], "a value for each metric");
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        values[i] = (int64_t)all[i];
    }
}

enum fr_code fr_cache_metrics_add(struct fr_metrics *metrics, struct fr_cache *self, struct fr_error *reterr)
{
    enum fr_code code =
        fr_metrics_add_source(metrics, table, sizeof table / sizeof table[0], read_statistics, self, reterr);
    if (code == FR_OK && self->near != NULL) {
        code = fr_near_metrics_add(metrics, self->near, reterr);
    }
    if (code == FR_OK) {
        code = fr_metrics_histogram(metrics, &load_times, &self->load_times, reterr);
    }
    if (code == FR_OK && self->options.subscribe) {
        code = fr_metrics_histogram(metrics, &invalidation_delays, &self->invalidation_delays, reterr);
    }
    return code;
}

void fr_cache_metrics_remove(struct fr_metrics *metrics, struct fr_cache *self)
{
    fr_metrics_remove_source(metrics, self);
    if (self->near != NULL) {
        fr_metrics_remove_source(metrics, self->near);
    }
}
