/* SPDX-License-Identifier: MIT */
/*
 * plot.c - the result as an SVG: for each data set the bars of encoding, decoding and size, with their numbers.
 *
 * Labels say the same as the colours.
 * Each panel has a linear scale of its own that begins at 0.
 */
#include <stdio.h>

#include "payload/result.h"
#include "plot/svg.h"

#define WIDTH      1220 /* sizes of data that a user brings have up to 8 digits */
#define LABELS     150 /* right edge of the names */
#define BAR_HEIGHT 13
#define STEP       18
#define HEAD       44 /* of a data set */
#define TOP        112
#define PANELS     3

#define TITLE_BYTES 140 /* that fit, at about 8.4 pixels each; a character of several is no wider than they */

struct panel {
    const char *title;
    int x, width; /* of the longest bar */
};

static const struct panel panels[PANELS] = {
    {"encode, time of one message (less is better)", LABELS + 10, 210},
    {"decode, read and free, time of one message", LABELS + 370, 210},
    {"bytes of one message: plain and with gzip", LABELS + 730, 170},
};

#define GZIP_COLOUR SVG_INK

static const char *colour_of(enum codec_format format)
{
    return svg_colours[format == CODEC_PROTOBUF ? 0 : 1];
}

static const struct figures *figures_of_panel(const struct row *row, int panel)
{
    return panel == 0 ? &row->encode : &row->decode;
}

/* What the panel's longest bar or mark stands for. */
static double scale_of(const struct result *result, const struct shape_result *shape, int panel)
{
    double most = 0;
    for (size_t i = 0; i < result->codec_count; i++) {
        const struct row *row = &shape->rows[i];
        size_t bytes = row->gzip_bytes > row->encoded_bytes ? row->gzip_bytes : row->encoded_bytes;
        double value = panel == 2                               ? (double)bytes
                       : figures_of_panel(row, panel)->runs > 0 ? figures_of_panel(row, panel)->high_ns
                                                                : 0;
        most = value > most ? value : most;
    }
    return most > 0 ? most : 1;
}

static void append_time(struct fr_buffer *out, const struct panel *panel, const struct row *row,
                        const struct figures *figures, double scale, double y)
{
    char text[RESULT_TIME_BYTES] = "has none";
    if (row->codec->missing != NULL) {
        snprintf(text, sizeof text, "not built");
    } else if ((figures == &row->encode ? row->encode_wrong : row->decode_wrong)[0] != '\0') {
        snprintf(text, sizeof text, "wrong, not timed");
    }
    if (figures->runs == 0) {
        svg_text(out, panel->x, y + 11, 11, " fill=\"#777777\"", text);
        return;
    }
    double low = panel->x + figures->low_ns / scale * panel->width;
    double high = panel->x + figures->high_ns / scale * panel->width;
    double middle = y + BAR_HEIGHT / 2.0;
    svg_bar(out, panel->x, y, figures->median_ns / scale * panel->width, BAR_HEIGHT,
            colour_of(row->codec->format));
    fr_buffer_append_format(
        out, "<path d=\"M%.1f %.1fH%.1fM%.1f %.1fv6M%.1f %.1fv6\" stroke=\"#222222\" fill=\"none\"/>\n", low,
        middle, high, low, middle - 3, high, middle - 3);
    result_format_time(text, figures->median_ns);
    svg_text(out, high + 6, y + 11, 11, "", text);
}

static void append_sizes(struct fr_buffer *out, const struct panel *panel, const struct row *row,
                         double scale, double y)
{
    char text[64];
    if (row->encoded_bytes == 0 || row->codec->encode == NULL || row->encode_wrong[0] != '\0') {
        return;
    }
    double width = (double)row->encoded_bytes / scale * panel->width;
    double end = panel->x + width, gzip = panel->x + (double)row->gzip_bytes / scale * panel->width;
    svg_bar(out, panel->x, y, width, BAR_HEIGHT, colour_of(row->codec->format));
    snprintf(text, sizeof text, "%zu", row->encoded_bytes);
    if (row->gzip_bytes > 0) {
        fr_buffer_append_format(out, "<path d=\"M%.1f %.1fv%d\" stroke=\"%s\" stroke-width=\"3\"/>\n", gzip,
                                y, BAR_HEIGHT, GZIP_COLOUR);
        snprintf(text, sizeof text, "%zu, gzip %zu", row->encoded_bytes, row->gzip_bytes);
    }
    svg_text(out, (gzip > end && row->gzip_bytes > 0 ? gzip : end) + 6, y + 11, 11, "", text);
}

static bool is_inside_a_character(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* What the user's data is called may be a long path, whose ends say most. */
static void append_title(struct fr_buffer *out, const struct shape_result *shape, int y)
{
    struct fr_buffer whole = {0}, cut = {0};
    fr_buffer_append_format(&whole, "%s: %s", shape->name, shape->about);
    const char *text = fr_buffer_text(&whole);
    if (text != NULL && whole.size > TITLE_BYTES) {
        size_t head = TITLE_BYTES / 2, tail = whole.size - TITLE_BYTES / 2;
        while (is_inside_a_character(text[head])) {
            head--;
        }
        while (is_inside_a_character(text[tail])) {
            tail++;
        }
        fr_buffer_append_format(&cut, "%.*s…%s", (int)head, text, text + tail);
        text = fr_buffer_text(&cut);
    }
    if (text == NULL) {
        out->failed = true;
    } else {
        svg_text(out, 10, y, 14, " font-weight=\"bold\"", text);
    }
    fr_buffer_fini(&whole);
    fr_buffer_fini(&cut);
}

static int append_shape(struct fr_buffer *out, const struct result *result, const struct shape_result *shape,
                        int y)
{
    fr_buffer_append_format(out, "<path d=\"M10 %dH%d\" stroke=\"#cccccc\"/>\n", y, WIDTH - 10);
    append_title(out, shape, y + 20);
    for (int i = 0; i < PANELS; i++) {
        svg_text(out, panels[i].x, y + 38, 11, " fill=\"#555555\"", panels[i].title);
    }
    y += HEAD;
    for (size_t i = 0; i < result->codec_count; i++) {
        const struct row *row = &shape->rows[i];
        svg_text(out, LABELS, y + 11, 11, " text-anchor=\"end\"", row->codec->name);
        for (int j = 0; j < 2; j++) {
            append_time(out, &panels[j], row, figures_of_panel(row, j), scale_of(result, shape, j), y);
        }
        append_sizes(out, &panels[2], row, scale_of(result, shape, 2), y);
        y += STEP;
    }
    return y + 14;
}

static void append_head(struct fr_buffer *out, const struct result *result)
{
    char text[512];
    svg_text(out, 10, 28, 18, " font-weight=\"bold\"", "JSON against protobuf payloads");
    snprintf(text, sizeof text, "%s, processors: %ld; %s, %s", result->machine.cpu,
             result->machine.processors, result->machine.compiler, result->machine.flags);
    svg_text(out, 10, 48, 11, " fill=\"#555555\"", text);
    snprintf(text, sizeof text,
             "Median of %u run%s by turns; the whisker runs from the lower to the upper quartile. Each panel "
             "has a scale "
             "of its own, from 0.%s",
             result->runs, result->runs == 1 ? "" : "s", machine_is_busy(&result->machine) ? " Measured on a busy machine." : "");
    svg_text(out, 10, 64, 11, " fill=\"#555555\"", text);
    svg_bar(out, 10, 78, 14, BAR_HEIGHT, colour_of(CODEC_PROTOBUF));
    svg_text(out, 30, 89, 12, "", "protobuf");
    svg_bar(out, 110, 78, 14, BAR_HEIGHT, colour_of(CODEC_JSON));
    svg_text(out, 130, 89, 12, "", "JSON");
    fr_buffer_append_format(out, "<path d=\"M190 78v%d\" stroke=\"%s\" stroke-width=\"3\"/>\n", BAR_HEIGHT,
                            GZIP_COLOUR);
    svg_text(out, 200, 89, 12, "", "size with gzip");
}

void plot_append(struct fr_buffer *out, const struct result *result)
{
    int height = TOP + (int)result->shape_count * (HEAD + (int)result->codec_count * STEP + 14);
    svg_begin(out, WIDTH, height, "Time and size of messages as protobuf and as JSON");
    append_head(out, result);
    int y = TOP;
    for (size_t i = 0; i < result->shape_count; i++) {
        y = append_shape(out, result, &result->shapes[i], y);
    }
    svg_end(out);
}
