/* SPDX-License-Identifier: MIT */
/*
 * chart.h - lines over two axes, with a title, marks, units and a legend. Pure.
 */
#ifndef PLOT_CHART_H
#define PLOT_CHART_H

#include "base/buffer.h"
#include "plot/axis.h"

#define CHART_SERIES 8

/* All borrowed. A line has a gap where y is NAN; a value between gaps, or alone, is a dot. */
struct chart_series {
    const char *name;
    const double *x, *y;
    size_t count;
    bool points; /* a dot at each value */
};

struct chart_mark {
    double value;
    const char *text;
};

/* All borrowed. Axes without ends (both 0) are made to fit the values. */
struct chart {
    const char *title, *x_label, *y_label;
    const char *nothing; /* what stands there if there are no values */
    struct axis x_axis, y_axis;
    const struct chart_mark *x_marks; /* NULL: round values */
    size_t x_mark_count;
    axis_format *x_format, *y_format;
    struct chart_series series[CHART_SERIES]; /* each with a colour and a dash pattern of its own */
    size_t series_count;
    double x, y, width, height; /* of everything */
};

void chart_append(struct fr_buffer *out, const struct chart *self);

#endif
