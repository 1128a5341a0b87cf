/* SPDX-License-Identifier: MIT */
/*
 * words.c - who does better, in words: JSON as fast as this project can make it against protobuf.
 */
#include "variants/findings.h"

static const struct {
    enum metric metric;
    const char *name, *better; /* better: what the winner is, by how many times */
} axes[] = {
    {METRIC_CALLS, "calls/s", "as many"},
    {METRIC_P50, "p50", "as fast"},
    {METRIC_P99, "p99", "as fast"},
    {METRIC_CPU, "processor time", "as little"},
    {METRIC_RECEIVED, "bytes received", "as few"},
};

#define AXES (sizeof axes / sizeof axes[0])

static double times_better(double left, double right)
{
    return left > right ? left / right : right / left;
}

static void append_line(struct fr_buffer *out, const struct shape_findings *shape, enum level level, unsigned axis,
                        enum winner winner)
{
    double protobuf = spread_of(&shape->variants[PACK_PROTOBUF].levels[level].metrics[axes[axis].metric]).median;
    double json = spread_of(&shape->variants[PACK_JSON].levels[level].metrics[axes[axis].metric]).median;
    fr_buffer_append_format(out, "  %s of %s from %s: ", axes[axis].name, shape->dataset->name, level_names[level]);
    if (winner == WINNER_TIE) {
        fr_buffer_append_text(out, "a tie");
    } else {
        fr_buffer_append_format(out, "%s, %.2f times %s", winner == WINNER_JSON ? "JSON wins" : "protobuf wins",
                                times_better(protobuf, json), axes[axis].better);
    }
    fr_buffer_append_format(out, protobuf < 100 ? ": protobuf %.1f, json %.1f\n" : ": protobuf %.0f, json %.0f\n",
                            protobuf, json);
}

/* Lines of those that protobuf wins, or of those that it does not. Returns how many. */
static size_t append_lines(struct fr_buffer *out, const struct findings *findings, bool protobuf_wins)
{
    size_t count = 0;
    for (size_t i = 0; i < findings->shape_count; i++) {
        for (enum level level = 0; level < LEVELS; level++) {
            for (unsigned axis = 0; axis < AXES; axis++) {
                enum winner winner = winner_of(&findings->shapes[i], level, axes[axis].metric);
                if (winner != WINNER_NOBODY && (winner == WINNER_PROTOBUF) == protobuf_wins) {
                    append_line(out, &findings->shapes[i], level, axis, winner);
                    count++;
                }
            }
        }
    }
    return count;
}

void findings_append_words(struct fr_buffer *out, const struct findings *findings)
{
    struct fr_buffer won = {0};
    size_t lost = append_lines(&won, findings, true);
    fr_buffer_append_text(out, "\nWhere JSON ties or wins, as fast as it is written and read here (json):\n");
    size_t found = append_lines(out, findings, false);
    if (found == 0) {
        fr_buffer_append_text(out, lost == 0 ? "  there was nothing to compare\n" : "  nowhere in these runs\n");
    }
    if (lost > 0) {
        fr_buffer_append_text(out, "Where protobuf wins:\n");
        fr_buffer_append(out, won.data, won.size);
    }
    fr_buffer_fini(&won);
}
