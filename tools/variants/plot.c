/* SPDX-License-Identifier: MIT */
/*
 * plot.c - the findings as an SVG: for each data set and level the bars of the variants, with their numbers.
 *
 * Labels say the same as the colours. Each panel has a linear scale of its own that begins at 0.
 */
#include <stdio.h>

#include "base/clock.h"
#include "plot/svg.h"
#include "variants/findings.h"

#define WIDTH      1240
#define LABELS     120 /* right edge of the names */
#define BAR_HEIGHT 13
#define STEP       18
#define TOP        122
#define HEAD       44 /* of a data set */
#define GROUP_HEAD 20 /* of a level */
#define TEXT_BYTES 64

enum panel_kind { PANEL_CALLS, PANEL_LATENCY, PANEL_CPU, PANEL_BYTES, PANELS };

static const struct panel {
    const char *title;
    double x, width; /* of the longest bar */
} panels[PANELS] = {
    [PANEL_CALLS] = {"calls a second (more is better)", LABELS + 10, 190},
    [PANEL_LATENCY] = {"time of a call, p50; line to p99 (less is better)", LABELS + 295, 175},
    [PANEL_CPU] = {"processor time of a call: client, server, Redis", LABELS + 610, 190},
    [PANEL_BYTES] = {"bytes of an answer on the wire", LABELS + 890, 140},
};

/* Of svg_colours, as in the picture of the payloads. */
static const size_t colours[PACK_CODECS] = {[PACK_PROTOBUF] = 0, [PACK_JSON] = 1, [PACK_JANSSON] = 3};
/* The parts of a bar of processor time, by how much of the colour they have. */
static const double shades[3] = {1, 0.6, 0.3};

static const char *const titles[LEVELS] = {"from the near cache", "from Redis", "from the database"};

static double median(const struct point *point, enum metric metric)
{
    return spread_of(&point->metrics[metric]).median;
}

/* How far the panel's longest bar goes. */
static double reach(const struct point *point, enum panel_kind kind)
{
    switch (kind) {
    case PANEL_CALLS:
        return spread_of(&point->metrics[METRIC_CALLS]).high;
    case PANEL_LATENCY:
        return median(point, METRIC_P99);
    case PANEL_CPU:
        return median(point, METRIC_CLIENT) + median(point, METRIC_SERVER) + median(point, METRIC_REDIS);
    default:
        return median(point, METRIC_RECEIVED);
    }
}

static double scale_of(const struct shape_findings *shape, enum panel_kind kind)
{
    double most = 0;
    for (int i = 0; i < PACK_CODECS * LEVELS; i++) {
        double value = reach(&shape->variants[i / LEVELS].levels[i % LEVELS], kind);
        most = value > most ? value : most;
    }
    return most > 0 ? panels[kind].width / most : 1;
}

/* With a bar at each end when it says what lies between quartiles. */
static void append_whisker(struct fr_buffer *out, double low, double high, double y, bool ends)
{
    double middle = y + BAR_HEIGHT / 2.0;
    svg_line(out, low, middle, high, middle, SVG_INK);
    if (ends) {
        svg_line(out, low, middle - 3, low, middle + 3, SVG_INK);
    }
    svg_line(out, high, middle - 3, high, middle + 3, SVG_INK);
}

static void append_calls(struct fr_buffer *out, const struct point *point, const char *colour, double scale, double y)
{
    const double x = panels[PANEL_CALLS].x;
    struct spread spread = spread_of(&point->metrics[METRIC_CALLS]);
    char text[TEXT_BYTES];
    svg_bar(out, x, y, spread.median * scale, BAR_HEIGHT, colour);
    append_whisker(out, x + spread.low * scale, x + spread.high * scale, y, true);
    snprintf(text, sizeof text, spread.median < 10000 ? "%.1fk" : "%.0fk", spread.median / 1e3);
    svg_text(out, x + spread.high * scale + 6, y + 11, 11, "", text);
}

static void append_latency(struct fr_buffer *out, const struct point *point, const char *colour, double scale,
                           double y)
{
    const double x = panels[PANEL_LATENCY].x;
    double p50 = median(point, METRIC_P50), p99 = median(point, METRIC_P99);
    char text[TEXT_BYTES];
    svg_bar(out, x, y, p50 * scale, BAR_HEIGHT, colour);
    append_whisker(out, x + p50 * scale, x + p99 * scale, y, false);
    if (p99 < 10 * (double)FR_MILLISECOND_US) {
        snprintf(text, sizeof text, "%.0f µs, p99 %.0f µs", p50, p99);
    } else {
        snprintf(text, sizeof text, "%.1f ms, p99 %.1f ms", p50 / 1e3, p99 / 1e3);
    }
    svg_text(out, x + p99 * scale + 6, y + 11, 11, "", text);
}

static void append_cpu(struct fr_buffer *out, const struct point *point, const char *colour, double scale, double y)
{
    double x = panels[PANEL_CPU].x;
    char text[TEXT_BYTES];
    for (unsigned i = 0; i < 3; i++) {
        double part = median(point, METRIC_CLIENT + i);
        fr_buffer_append_format(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"%s\" "
                                     "fill-opacity=\"%.1f\"/>\n",
                                x, y, part * scale, BAR_HEIGHT, colour, shades[i]);
        x += part * scale;
    }
    snprintf(text, sizeof text, "%.1f µs", median(point, METRIC_CPU));
    svg_text(out, x + 6, y + 11, 11, "", text);
}

static void append_bytes(struct fr_buffer *out, const struct point *point, const char *colour, double scale, double y)
{
    const double x = panels[PANEL_BYTES].x;
    double bytes = median(point, METRIC_RECEIVED);
    char text[TEXT_BYTES];
    svg_bar(out, x, y, bytes * scale, BAR_HEIGHT, colour);
    snprintf(text, sizeof text, "%.0f", bytes);
    svg_text(out, x + bytes * scale + 6, y + 11, 11, "", text);
}

static double append_level(struct fr_buffer *out, const struct shape_findings *shape, enum level level, double y)
{
    static void (*const draw[PANELS])(struct fr_buffer *, const struct point *, const char *, double, double) = {
        [PANEL_CALLS] = append_calls,
        [PANEL_LATENCY] = append_latency,
        [PANEL_CPU] = append_cpu,
        [PANEL_BYTES] = append_bytes,
    };
    svg_text(out, 10, y + 13, 12, " font-weight=\"bold\"", titles[level]);
    y += GROUP_HEAD;
    for (enum pack_codec_index codec = 0; codec < PACK_CODECS; codec++) {
        const struct point *point = &shape->variants[codec].levels[level];
        svg_text(out, LABELS, y + 11, 11, " text-anchor=\"end\"", pack_codec_at(codec).name);
        for (enum panel_kind kind = 0; kind < PANELS && point->calls > 0; kind++) {
            draw[kind](out, point, svg_colours[colours[codec]], scale_of(shape, kind), y);
        }
        y += STEP;
    }
    return y;
}

static double append_shape(struct fr_buffer *out, const struct shape_findings *shape, double y)
{
    struct fr_buffer title = {0};
    fr_buffer_append_format(&title, "%s: %s.", shape->dataset->name, shape->dataset->about);
    fr_buffer_append_format(&title, " A key in Redis takes %.0f bytes with protobuf, %.0f with JSON",
                            shape->variants[PACK_PROTOBUF].redis_bytes, shape->variants[PACK_JSON].redis_bytes);
    svg_line(out, 10, y, WIDTH - 10, y, SVG_LINE);
    const char *text = fr_buffer_text(&title);
    svg_text(out, 10, y + 20, 14, " font-weight=\"bold\"", text == NULL ? "" : text);
    fr_buffer_fini(&title);
    for (int i = 0; i < PANELS; i++) {
        svg_text(out, panels[i].x, y + 38, 11, " fill=\"" SVG_GREY "\"", panels[i].title);
    }
    y += HEAD;
    for (enum level level = 0; level < LEVELS; level++) {
        y = append_level(out, shape, level, y);
    }
    return y + 14;
}

static void append_legend(struct fr_buffer *out, double y)
{
    static const char *const names[PACK_CODECS] = {
        [PACK_PROTOBUF] = "protobuf", [PACK_JSON] = "JSON, straight by the schema", [PACK_JANSSON] = "JSON through jansson"};
    static const char *const parts[] = {"client", "server", "Redis"};
    double x = 10;
    for (int i = 0; i < PACK_CODECS; i++, x += 220) {
        svg_bar(out, x, y, 14, BAR_HEIGHT, svg_colours[colours[i]]);
        svg_text(out, x + 20, y + 11, 12, "", names[i]);
    }
    for (int i = 0; i < 3; i++, x += 80) {
        fr_buffer_append_format(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"14\" height=\"%d\" fill=\"" SVG_INK "\" "
                                     "fill-opacity=\"%.1f\"/>\n",
                                x, y, BAR_HEIGHT, shades[i]);
        svg_text(out, x + 20, y + 11, 12, "", parts[i]);
    }
}

static void append_head(struct fr_buffer *out, const struct findings *findings)
{
    const struct machine *machine = &findings->machine;
    char text[512];
    svg_text(out, 10, 28, 18, " font-weight=\"bold\"", "JSON against protobuf, end to end: the same service in three variants");
    snprintf(text, sizeof text, "%s, processors: %ld, shared by client, server and Redis %s; %s, %s", machine->cpu,
             machine->processors, findings->redis_version, machine->compiler, machine->flags);
    svg_text(out, 10, 48, 11, " fill=\"" SVG_GREY "\"", text);
    snprintf(text, sizeof text,
             "Medians of %u rounds by turns, %.4g s each; %u calls under way. The whiskers of calls a second run from "
             "quartile to quartile. Each panel has a scale of its own, from 0.%s",
             findings->rounds, (double)findings->time_us / (double)FR_SECOND_US, findings->concurrency,
             machine_is_busy(machine) ? " Measured on a busy machine." : "");
    svg_text(out, 10, 64, 11, " fill=\"" SVG_GREY "\"", text);
    append_legend(out, 82);
}

void findings_append_plot(struct fr_buffer *out, const struct findings *findings)
{
    int height = TOP + (int)findings->shape_count * (HEAD + LEVELS * (GROUP_HEAD + PACK_CODECS * STEP) + 14);
    svg_begin(out, WIDTH, height, "What JSON and protobuf payloads change end to end");
    append_head(out, findings);
    double y = TOP;
    for (size_t i = 0; i < findings->shape_count; i++) {
        y = append_shape(out, &findings->shapes[i], y);
    }
    svg_end(out);
}
