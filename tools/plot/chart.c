/* SPDX-License-Identifier: MIT */
/*
 * chart.c - lines over two axes.
 */
#include "plot/chart.h"

#include <math.h>
#include <string.h>

#include "plot/svg.h"

#define LEFT   80 /* for the labels of the y axis */
#define RIGHT  30
#define TOP    74 /* for the title, the label of the y axis and the legend */
#define BOTTOM 46
#define DOT    3.5
#define RING   1.5
#define LETTER 6.6 /* about as wide as a letter of the legend */

/* So that lines differ without colour too. */
static const char *const dashes[CHART_SERIES] = {"",    "7 4",  "2 3", "10 3 2 3",
                                                 "4 2", "12 5", "1 4", "6 2 1 2"};

/* false: there is no value. */
static bool find_ends(const struct chart *self, bool of_x, double *ret_least, double *ret_most)
{
    bool first = true;
    *ret_least = *ret_most = 0;
    for (size_t i = 0; i < self->series_count; i++) {
        const double *values = of_x ? self->series[i].x : self->series[i].y;
        for (size_t j = 0; j < self->series[i].count; j++) {
            if (isnan(self->series[i].y[j])) {
                continue;
            }
            *ret_least = first || values[j] < *ret_least ? values[j] : *ret_least;
            *ret_most = first || values[j] > *ret_most ? values[j] : *ret_most;
            first = false;
        }
    }
    return !first;
}

static struct axis fit(const struct chart *self, const struct axis *wanted, bool of_x, double from, double to)
{
    struct axis axis = *wanted;
    double least, most;
    if (axis.low == 0 && axis.high == 0) {
        (void)find_ends(self, of_x, &least, &most);
        axis = axis_around(wanted->log, least, most);
        if (of_x) { /* lines may reach the right edge */
            axis.high = most > axis.low ? most : axis.high;
        }
    }
    axis.from = from;
    axis.to = to;
    return axis;
}

static void append_x_mark(struct fr_buffer *out, const struct axis *x, const struct axis *y, double value,
                          const char *text)
{
    double at = axis_place(x, value);
    svg_line(out, at, y->from, at, y->to, SVG_LINE);
    svg_text(out, at, y->from + 16, 11, " text-anchor=\"middle\"", text);
}

static void append_axes(struct fr_buffer *out, const struct chart *self, const struct axis *x,
                        const struct axis *y)
{
    double ticks[AXIS_TICKS];
    char text[AXIS_TEXT_BYTES];
    size_t count = axis_ticks(y, ticks);
    for (size_t i = 0; i < count; i++) {
        double at = axis_place(y, ticks[i]);
        self->y_format(text, ticks[i]);
        svg_line(out, x->from, at, x->to, at, SVG_LINE);
        svg_text(out, x->from - 8, at + 4, 11, " text-anchor=\"end\"", text);
    }
    for (size_t i = 0; i < self->x_mark_count; i++) {
        append_x_mark(out, x, y, self->x_marks[i].value, self->x_marks[i].text);
    }
    count = self->x_marks == NULL ? axis_ticks(x, ticks) : 0;
    for (size_t i = 0; i < count; i++) {
        self->x_format(text, ticks[i]);
        append_x_mark(out, x, y, ticks[i], text);
    }
    svg_line(out, x->from, y->from, x->to, y->from, SVG_INK);
    svg_line(out, x->from, y->from, x->from, y->to, SVG_INK);
    svg_text(out, (x->from + x->to) / 2, y->from + 36, 12, " text-anchor=\"middle\" fill=\"" SVG_GREY "\"",
             self->x_label);
}

static void append_stroke(struct fr_buffer *out, size_t index)
{
    fr_buffer_append_format(out,
                            "\" fill=\"none\" stroke-width=\"2\" stroke-linejoin=\"round\" stroke=\"%s\"",
                            svg_colours[index % SVG_COLOURS]);
    if (dashes[index][0] != '\0') {
        fr_buffer_append_format(out, " stroke-dasharray=\"%s\"", dashes[index]);
    }
    fr_buffer_append_text(out, "/>\n");
}

static bool has_value(const struct chart_series *series, size_t index)
{
    return index < series->count && !isnan(series->y[index]);
}

/* A line of one value would not be seen. */
static bool is_alone(const struct chart_series *series, size_t index)
{
    return (index == 0 || !has_value(series, index - 1)) && !has_value(series, index + 1);
}

static void append_series(struct fr_buffer *out, const struct chart *self, size_t index, const struct axis *x,
                          const struct axis *y)
{
    const struct chart_series *series = &self->series[index];
    bool line = false;
    for (size_t i = 0; i < series->count; i++) {
        if (has_value(series, i) && !is_alone(series, i)) {
            fr_buffer_append_format(out, "%s%c%.1f %.1f", line ? "" : "<path d=\"",
                                    i > 0 && has_value(series, i - 1) ? 'L' : 'M', axis_place(x, series->x[i]),
                                    axis_place(y, series->y[i]));
            line = true;
        }
    }
    if (line) {
        append_stroke(out, index);
    }
    for (size_t i = 0; i < series->count; i++) {
        if (has_value(series, i) && (series->points || is_alone(series, i))) {
            /* Later series lie above earlier ones: of dots at the same place each one shows. */
            double radius = DOT + (series->points ? 0 : RING * (double)(self->series_count - 1 - index));
            fr_buffer_append_format(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"%s\"/>\n",
                                    axis_place(x, series->x[i]), axis_place(y, series->y[i]), radius,
                                    svg_colours[index % SVG_COLOURS]);
        }
    }
}

static void append_legend(struct fr_buffer *out, const struct chart *self)
{
    double x = self->x + LEFT, y = self->y + TOP - 16;
    for (size_t i = 0; i < self->series_count && self->series_count > 1; i++) {
        fr_buffer_append_format(out, "<path d=\"M%.1f %.1fh28", x, y);
        append_stroke(out, i);
        svg_text(out, x + 34, y + 4, 12, "", self->series[i].name);
        x += 34 + LETTER * (double)strlen(self->series[i].name) + 22;
    }
}

void chart_append(struct fr_buffer *out, const struct chart *self)
{
    double least, most;
    struct axis x = fit(self, &self->x_axis, true, self->x + LEFT, self->x + self->width - RIGHT);
    struct axis y = fit(self, &self->y_axis, false, self->y + self->height - BOTTOM, self->y + TOP);
    svg_text(out, self->x + 10, self->y + 20, 14, " font-weight=\"bold\"", self->title);
    svg_text(out, self->x + 10, self->y + 38, 12, " fill=\"" SVG_GREY "\"", self->y_label);
    if (!find_ends(self, false, &least, &most)) {
        svg_text(out, (x.from + x.to) / 2, (y.from + y.to) / 2, 12, " text-anchor=\"middle\" fill=\"" SVG_GREY "\"",
                 self->nothing);
        return;
    }
    append_axes(out, self, &x, &y);
    append_legend(out, self);
    for (size_t i = 0; i < self->series_count; i++) {
        append_series(out, self, i, &x, &y);
    }
}
