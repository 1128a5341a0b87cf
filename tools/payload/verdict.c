/* SPDX-License-Identifier: MIT */
/*
 * verdict.c - who wins, in words.
 *
 * Times tie when they differ by no more than a tenth, or when the ranges between their quartiles overlap; sizes tie
 * when they differ by no more than a fiftieth.
 */
#include "payload/verdict.h"

#include <math.h>

#define TIME_TIE      1.10
#define SIZE_TIE      1.02
#define RUNS_TO_JUDGE 3 /* of times; sizes are what they are */

const char *const verdict_axis_names[VERDICT_AXES] = {"encode", "decode", "bytes", "gzip bytes",
                                                      "zstd bytes"};

const char *verdict_winner_name(enum verdict_winner winner)
{
    static const char *const names[] = {"", "protobuf", "tie", "json"};
    return names[winner];
}

static const struct figures *figures_on(const struct row *row, enum verdict_axis axis)
{
    return axis == VERDICT_ENCODE ? &row->encode : axis == VERDICT_DECODE ? &row->decode : NULL;
}

/* 0: the row has no figure. Sizes count for codecs that write. */
static double value_of(const struct row *row, enum verdict_axis axis)
{
    if (row->codec->missing != NULL) {
        return 0;
    }
    const struct figures *figures = figures_on(row, axis);
    if (figures != NULL) {
        return figures->runs > 0 ? figures->median_ns : 0;
    }
    if (row->codec->encode == NULL || row->encode_wrong[0] != '\0') {
        return 0;
    }
    return (double)(axis == VERDICT_BYTES  ? row->encoded_bytes
                    : axis == VERDICT_GZIP ? row->gzip_bytes
                                           : row->zstd_bytes);
}

static bool overlaps(const struct figures *left, const struct figures *right)
{
    return left->low_ns <= right->high_ns && right->low_ns <= left->high_ns;
}

/* NULL: of sizes. */
static bool can_judge(const struct figures *figures)
{
    return figures == NULL || figures->runs >= RUNS_TO_JUDGE;
}

static enum verdict_winner winner_of(const struct verdict *verdict, enum verdict_axis axis)
{
    double ratio = verdict->json_value / verdict->protobuf_value;
    bool timed = figures_on(verdict->json, axis) != NULL;
    double tie = timed ? TIME_TIE : SIZE_TIE;
    if ((ratio <= tie && ratio >= 1 / tie) ||
        (timed && overlaps(figures_on(verdict->json, axis), figures_on(verdict->protobuf, axis)))) {
        return VERDICT_TIE;
    }
    return ratio > 1 ? VERDICT_PROTOBUF : VERDICT_JSON;
}

struct verdict verdict_of(const struct shape_result *shape, size_t row_count, enum verdict_axis axis)
{
    struct verdict verdict = {0};
    for (size_t i = 0; i < row_count; i++) {
        const struct row *row = &shape->rows[i];
        double value = value_of(row, axis);
        bool is_json = row->codec->format == CODEC_JSON;
        double best = is_json ? verdict.json_value : verdict.protobuf_value;
        if (value <= 0 || (best > 0 && value >= best)) {
            continue;
        }
        *(is_json ? &verdict.json : &verdict.protobuf) = row;
        *(is_json ? &verdict.json_value : &verdict.protobuf_value) = value;
    }
    if (verdict.json != NULL && verdict.protobuf != NULL && can_judge(figures_on(verdict.json, axis)) &&
        can_judge(figures_on(verdict.protobuf, axis))) {
        verdict.winner = winner_of(&verdict, axis);
    }
    return verdict;
}

/* "2.3 times as fast", "41% fewer bytes"; of the winner. */
static void append_margin(struct fr_buffer *out, const struct verdict *verdict, enum verdict_axis axis)
{
    double better = fmin(verdict->json_value, verdict->protobuf_value);
    double worse = fmax(verdict->json_value, verdict->protobuf_value);
    if (axis == VERDICT_ENCODE || axis == VERDICT_DECODE) {
        fr_buffer_append_format(out, worse / better < 10 ? "%.1f times as fast" : "%.0f times as fast",
                                worse / better);
    } else {
        fr_buffer_append_format(out, "%.0f%% smaller", (1 - better / worse) * 100);
    }
}

static void append_values(struct fr_buffer *out, const struct verdict *verdict, enum verdict_axis axis)
{
    if (axis == VERDICT_ENCODE || axis == VERDICT_DECODE) {
        char protobuf[RESULT_TIME_BYTES], json[RESULT_TIME_BYTES];
        result_format_time(protobuf, verdict->protobuf_value);
        result_format_time(json, verdict->json_value);
        fr_buffer_append_format(out, "%s %s, %s %s", verdict->protobuf->codec->name, protobuf,
                                verdict->json->codec->name, json);
    } else {
        fr_buffer_append_format(out, "protobuf %.0f, JSON %.0f", verdict->protobuf_value,
                                verdict->json_value);
    }
}

static void append_line(struct fr_buffer *out, const struct verdict *verdict, enum verdict_axis axis)
{
    if (verdict->winner == VERDICT_TIE) {
        fr_buffer_append_text(out, "a tie");
    } else {
        fr_buffer_append_text(out, verdict->winner == VERDICT_JSON ? "JSON wins, " : "protobuf wins, ");
        append_margin(out, verdict, axis);
    }
    fr_buffer_append_text(out, ": ");
    append_values(out, verdict, axis);
    fr_buffer_append_text(out, "\n");
}

void verdict_append_shape(struct fr_buffer *out, const struct shape_result *shape, size_t row_count)
{
    for (enum verdict_axis axis = 0; axis < VERDICT_AXES; axis++) {
        struct verdict verdict = verdict_of(shape, row_count, axis);
        if (verdict.winner != VERDICT_NOBODY) {
            fr_buffer_append_format(out, "  %-11s ", verdict_axis_names[axis]);
            append_line(out, &verdict, axis);
        }
    }
}

/* Where even the default way of protobuf-c is no faster than the best JSON. */
static void append_plain(struct fr_buffer *out, const struct result *result)
{
    bool first = true;
    for (size_t i = 0; i < result->shape_count; i++) {
        const struct shape_result *shape = &result->shapes[i];
        for (enum verdict_axis axis = VERDICT_ENCODE; axis <= VERDICT_DECODE; axis++) {
            struct verdict best = verdict_of(shape, result->codec_count, axis);
            for (size_t j = 0; j < result->codec_count && best.winner == VERDICT_PROTOBUF; j++) {
                double value = value_of(&shape->rows[j], axis);
                if (shape->rows[j].codec == &codec_protobuf_c && value * TIME_TIE >= best.json_value) {
                    fr_buffer_append_format(
                        out, "%s  %s of %s\n",
                        first ? "Where protobuf wins, but plain protobuf-c (malloc) would not:\n" : "",
                        verdict_axis_names[axis], shape->name);
                    first = false;
                }
            }
        }
    }
}

/* A format can only be as good as the codecs that were there. */
static void append_missing(struct fr_buffer *out, const struct result *result)
{
    bool first = true;
    for (size_t i = 0; i < result->codec_count && result->shape_count > 0; i++) {
        const struct codec *codec = result->shapes[0].rows[i].codec;
        if (codec->missing != NULL) {
            fr_buffer_append_text(out, first ? "JSON might do better with what is not built here:\n" : "");
            fr_buffer_append_format(out, "  %s: install %s\n", codec->name, codec->missing);
            first = false;
        }
    }
}

void verdict_append_summary(struct fr_buffer *out, const struct result *result)
{
    size_t compared = 0, found = 0;
    fr_buffer_append_text(out, "Where JSON ties or wins, the best codec of each format compared:\n");
    for (size_t i = 0; i < result->shape_count; i++) {
        for (enum verdict_axis axis = 0; axis < VERDICT_AXES; axis++) {
            struct verdict verdict = verdict_of(&result->shapes[i], result->codec_count, axis);
            compared += verdict.winner != VERDICT_NOBODY;
            if (verdict.winner == VERDICT_JSON || verdict.winner == VERDICT_TIE) {
                fr_buffer_append_format(out, "  %s of %s: ", verdict_axis_names[axis],
                                        result->shapes[i].name);
                append_line(out, &verdict, axis);
                found++;
            }
        }
    }
    if (compared == 0) {
        fr_buffer_append_text(out, "  there was nothing to compare: figures of one format only\n");
    } else if (found == 0) {
        fr_buffer_append_text(out, "  nowhere in these runs\n");
    }
    if (result->runs < RUNS_TO_JUDGE) {
        fr_buffer_append_format(out, "Times are not judged: that takes %d runs.\n", RUNS_TO_JUDGE);
    }
    append_plain(out, result);
    append_missing(out, result);
}
