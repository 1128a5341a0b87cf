/* SPDX-License-Identifier: MIT */
/*
 * words.c - who does better, in words: JSON as fast as this project can make it against protobuf.
 */
#include "variants/findings.h"

#include <math.h>

static const struct {
    enum metric metric;
    const char *name;
} axes[] = {
    {METRIC_CALLS, "calls/s"},   {METRIC_P50, "p50"},
    {METRIC_P99, "p99"},         {METRIC_CPU, "processor time"},
    {METRIC_SENT, "bytes sent"}, {METRIC_RECEIVED, "bytes received"},
};

#define AXES (sizeof axes / sizeof axes[0])

static double times_better(const struct shape_findings *shape, enum level level, enum metric metric)
{
    double protobuf = spread_of(&shape->variants[PACK_PROTOBUF].levels[level].metrics[metric]).median;
    double json = spread_of(&shape->variants[PACK_JSON].levels[level].metrics[metric]).median;
    return fmax(protobuf, json) / fmin(protobuf, json);
}

/* A line of what of a level is wanted; returns how many that is. */
static size_t append_level(struct fr_buffer *out, const struct shape_findings *shape, enum level level,
                           bool protobuf_wins)
{
    size_t count = 0;
    for (unsigned i = 0; i < AXES; i++) {
        enum winner winner = winner_of(shape, level, axes[i].metric);
        if (winner == WINNER_NOBODY || (winner == WINNER_PROTOBUF) != protobuf_wins) {
            continue;
        }
        if (count++ == 0) {
            fr_buffer_append_format(out, "  %s from %s: ", shape->dataset->name, level_names[level]);
        } else {
            fr_buffer_append_text(out, ", ");
        }
        fr_buffer_append_text(out, axes[i].name);
        if (winner == WINNER_TIE) {
            fr_buffer_append_text(out, " tie");
        } else {
            fr_buffer_append_format(out, " %.2f times", times_better(shape, level, axes[i].metric));
        }
    }
    fr_buffer_append_text(out, count > 0 ? "\n" : "");
    return count;
}

static size_t append_levels(struct fr_buffer *out, const struct findings *findings, bool protobuf_wins)
{
    size_t count = 0;
    for (size_t i = 0; i < findings->shape_count; i++) {
        for (enum level level = 0; level < LEVELS; level++) {
            count += append_level(out, &findings->shapes[i], level, protobuf_wins);
        }
    }
    return count;
}

void findings_append_words(struct fr_buffer *out, const struct findings *findings)
{
    fr_buffer_append_text(out, "\nWhere JSON, straight by the schema, ties or does better:\n");
    if (append_levels(out, findings, false) == 0) {
        fr_buffer_append_text(out, "  nowhere in these runs\n");
    }
    fr_buffer_append_text(out, "Where protobuf does better:\n");
    if (append_levels(out, findings, true) == 0) {
        fr_buffer_append_text(out, "  nowhere in these runs\n");
    }
    if (findings->rounds < ROUNDS_TO_JUDGE) {
        fr_buffer_append_format(out, "Times are not judged: that takes %d rounds.\n", ROUNDS_TO_JUDGE);
    }
}
