/* SPDX-License-Identifier: MIT */
/*
 * findings.c - samples of rounds to figures, and who does better.
 */
#include "variants/findings.h"

#include <stdlib.h>
#include <string.h>

#define TIE 1.05

const char *const metric_names[METRICS] = {
    "calls_per_s",  "p50_us",        "p90_us",        "p99_us",       "p999_us", "sent_bytes", "received_bytes",
    "client_cpu_us", "server_cpu_us", "redis_cpu_us", "cpu_us",
};

static int compare(const void *left, const void *right)
{
    double difference = *(const double *)left - *(const double *)right;
    return (difference > 0) - (difference < 0);
}

/* Between the two nearest ones. */
static double quantile(const double *sorted, unsigned count, double fraction)
{
    double place = fraction * (count - 1);
    unsigned below = (unsigned)place;
    unsigned above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}

struct spread spread_of(const struct samples *samples)
{
    double sorted[ROUNDS_MOST];
    struct spread spread = {0};
    if (samples->count == 0) {
        return spread;
    }
    memcpy(sorted, samples->values, samples->count * sizeof sorted[0]);
    qsort(sorted, samples->count, sizeof sorted[0], compare);
    spread.median = quantile(sorted, samples->count, 0.5);
    spread.low = quantile(sorted, samples->count, 0.25);
    spread.high = quantile(sorted, samples->count, 0.75);
    spread.percent = spread.median > 0 ? (spread.high - spread.low) / 2 / spread.median * 100 : 0;
    return spread;
}

static void add(struct samples *self, double value)
{
    if (self->count < ROUNDS_MOST) {
        self->values[self->count++] = value;
    }
}

void point_add(struct point *self, const struct client_outcome *outcome, const uint64_t cpu_ns[3])
{
    static const double fractions[] = {0.5, 0.9, 0.99, 0.999};
    double calls = (double)outcome->calls;
    if (outcome->calls == 0 || outcome->time_us == 0) {
        return;
    }
    add(&self->metrics[METRIC_CALLS], calls / (double)outcome->time_us * 1e6);
    for (unsigned i = 0; i < 4; i++) {
        add(&self->metrics[METRIC_P50 + i], (double)fr_histogram_quantile(&outcome->latency_us, fractions[i]));
    }
    add(&self->metrics[METRIC_SENT], (double)outcome->sent_bytes / calls);
    add(&self->metrics[METRIC_RECEIVED], (double)outcome->received_bytes / calls);
    for (unsigned i = 0; i < 3; i++) {
        add(&self->metrics[METRIC_CLIENT + i], (double)cpu_ns[i] / 1e3 / calls);
    }
    add(&self->metrics[METRIC_CPU], (double)(cpu_ns[0] + cpu_ns[1] + cpu_ns[2]) / 1e3 / calls);
    self->calls += outcome->calls;
    self->sent_bytes += outcome->sent_bytes;
    self->received_bytes += outcome->received_bytes;
    self->request_bytes += outcome->request_bytes;
    self->value_bytes += outcome->value_bytes;
}

enum winner winner_of(const struct shape_findings *shape, enum level level, enum metric metric)
{
    const struct samples *protobuf_samples = &shape->variants[PACK_PROTOBUF].levels[level].metrics[metric];
    const struct samples *json_samples = &shape->variants[PACK_JSON].levels[level].metrics[metric];
    struct spread protobuf = spread_of(protobuf_samples), json = spread_of(json_samples);
    bool timed = metric != METRIC_SENT && metric != METRIC_RECEIVED;
    if (protobuf.median <= 0 || json.median <= 0 ||
        (timed && (protobuf_samples->count < ROUNDS_TO_JUDGE || json_samples->count < ROUNDS_TO_JUDGE))) {
        return WINNER_NOBODY;
    }
    double ratio = metric == METRIC_CALLS ? protobuf.median / json.median : json.median / protobuf.median;
    if ((ratio <= TIE && ratio >= 1 / TIE) ||
        (timed && json.low <= protobuf.high && protobuf.low <= json.high)) {
        return WINNER_TIE;
    }
    return ratio > 1 ? WINNER_PROTOBUF : WINNER_JSON;
}
