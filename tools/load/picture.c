/* SPDX-License-Identifier: MIT */
/*
 * picture.c - the report as an SVG.
 */
#include "load/picture.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "freshet/report.h"
#include "plot/chart.h"
#include "plot/svg.h"

#define WIDTH        860
#define HEAD         70
#define CHART_HEIGHT 310
#define CHARTS       3
#define CURVE_POINTS 201
#define LEAST_US     1.0 /* a logarithmic axis has no 0 */

struct curve {
    double x[CURVE_POINTS], y[CURVE_POINTS];
    size_t count;
};

struct picture {
    const struct report *report;
    const struct run *runs[REPORT_MAX_RUNS]; /* by their concurrency */
    struct curve curves[CHART_SERIES];
    char names[CHART_SERIES][32];
};

static struct chart chart_at(int row, const char *title, const char *y_label, const char *x_label)
{
    return (struct chart){.title = title,
                          .x_label = x_label,
                          .y_label = y_label,
                          .nothing = "no call was answered",
                          .x_format = axis_format_number,
                          .y_format = axis_format_number,
                          .y = HEAD + row * CHART_HEIGHT,
                          .width = WIDTH,
                          .height = CHART_HEIGHT};
}

static void add_series(struct picture *self, struct chart *chart, const char *name, bool points)
{
    const struct curve *curve = &self->curves[chart->series_count];
    chart->series[chart->series_count++] = (struct chart_series){
        .name = name, .x = curve->x, .y = curve->y, .count = curve->count, .points = points};
}

static void add_point(struct curve *curve, double x, double y)
{
    if (curve->count < CURVE_POINTS) {
        curve->x[curve->count] = x;
        curve->y[curve->count++] = y;
    }
}

/* ---- latency by percentile ---- */

/* How many nines: 99% is 2. The curve ends where a single call is left; that of one call is a point. */
static void fill_latency(struct curve *curve, const struct latency *latency)
{
    double end = latency->count > 0 ? fmin(log10((double)latency->count), 5) : 0;
    unsigned points = latency->count > 1 ? CURVE_POINTS : (unsigned)latency->count;
    curve->count = 0;
    for (unsigned i = 0; i < points; i++) {
        double nines = end * i / (CURVE_POINTS - 1);
        add_point(curve, nines, fmax(LEAST_US, (double)latency_quantile_us(latency, 1 - pow(10, -nines))));
    }
}

static void append_percentiles(struct fr_buffer *out, struct chart *chart)
{
    static const struct chart_mark marks[] = {{0, "0%"},    {0.30103, "50%"}, {1, "90%"},    {2, "99%"},
                                              {3, "99.9%"}, {4, "99.99%"},    {5, "99.999%"}};
    double end = 1;
    for (size_t i = 0; i < chart->series_count; i++) {
        const struct chart_series *series = &chart->series[i];
        end = series->count > 0 ? fmax(end, series->x[series->count - 1]) : end;
    }
    chart->x_axis = (struct axis){.low = 0, .high = end};
    chart->y_axis.log = true;
    chart->y_format = axis_format_us;
    chart->x_marks = marks;
    while (chart->x_mark_count < sizeof marks / sizeof marks[0] && marks[chart->x_mark_count].value <= end) {
        chart->x_mark_count++;
    }
    chart_append(out, chart);
}

static void append_latency_of_run(struct picture *self, struct fr_buffer *out)
{
    const struct run *run = &self->report->runs[0];
    struct chart chart =
        chart_at(0, "Latency by percentile", "latency, logarithmic", "share of calls that took no longer");
    fill_latency(&self->curves[0], &run->sum->latency);
    add_series(self, &chart, run->schedule != NULL ? "from the planned time" : "latency", false);
    if (run->schedule != NULL) {
        fill_latency(&self->curves[1], &run->sum->uncorrected);
        add_series(self, &chart, "uncorrected: from the time it was sent", false);
    }
    append_percentiles(out, &chart);
}

static void append_latency_of_runs(struct picture *self, struct fr_buffer *out)
{
    size_t all = self->report->run_count, drawn = all - picture_left_out(self->report);
    char title[128] = "Latency by percentile, for each number of calls under way";
    if (drawn < all) {
        snprintf(title, sizeof title, "Latency by percentile, for %zu of the %zu numbers of calls under way", drawn, all);
    }
    struct chart chart = chart_at(0, title, "latency, logarithmic", "share of calls that took no longer");
    for (size_t i = 0; i < drawn; i++) {
        const struct run *run = self->runs[i * (all - 1) / (drawn - 1)]; /* the first, the last, and some between */
        snprintf(self->names[i], sizeof self->names[i], "%" PRIu64, run->concurrency);
        fill_latency(&self->curves[i], &run->sum->latency);
        add_series(self, &chart, self->names[i], false);
    }
    append_percentiles(out, &chart);
}

/* ---- over time ---- */

/* In its middle. */
static double seconds_of_slice(const struct run *run, unsigned index)
{
    double from_us = (double)index * (double)run->tally.slices->width_us;
    return (from_us + (double)run_slice_us(run, index) / 2) / (double)FR_SECOND_US;
}

/* A last slice that is cut short too much tells little, but for a run that has no other. */
static unsigned slices_to_draw(const struct run *run)
{
    const struct slices *slices = run->tally.slices;
    unsigned count = slices->count;
    return count > 1 && run_slice_us(run, count - 1) < slices->width_us / 2 ? count - 1 : count;
}

static void append_throughput_over_time(struct picture *self, struct fr_buffer *out)
{
    const struct run *run = &self->report->runs[0];
    const struct slices *slices = run->tally.slices;
    char title[96];
    snprintf(title, sizeof title, "Throughput over time, slices of %.4g s",
             (double)slices->width_us / (double)FR_SECOND_US);
    struct chart chart = chart_at(1, title, "calls per second", "seconds");
    self->curves[0].count = self->curves[1].count = 0;
    for (unsigned i = 0; i < slices_to_draw(run); i++) {
        double per_s = (double)FR_SECOND_US / (double)run_slice_us(run, i);
        add_point(&self->curves[0], seconds_of_slice(run, i), (double)slices->slice[i].calls * per_s);
        add_point(&self->curves[1], seconds_of_slice(run, i), (double)slices->slice[i].errors * per_s);
    }
    add_series(self, &chart, "answered", false);
    if (tally_errors(run->sum) > 0) {
        add_series(self, &chart, "failed", false);
    }
    chart.x_axis.high = run->seconds;
    chart_append(out, &chart);
}

static void append_latency_over_time(struct picture *self, struct fr_buffer *out)
{
    const struct run *run = &self->report->runs[0];
    struct chart chart = chart_at(2, "Latency over time", "latency, logarithmic", "seconds");
    self->curves[0].count = self->curves[1].count = 0;
    for (unsigned i = 0; i < slices_to_draw(run); i++) {
        const struct slice *slice = &run->tally.slices->slice[i];
        double seconds = seconds_of_slice(run, i), p50 = NAN, p99 = NAN;
        if (slice->calls > 0) {
            p50 = fmax(LEAST_US, (double)slice_quantile_us(slice, 0.5));
            p99 = fmax(LEAST_US, (double)slice_quantile_us(slice, 0.99));
        }
        add_point(&self->curves[0], seconds, p50);
        add_point(&self->curves[1], seconds, p99);
    }
    add_series(self, &chart, "p50", false);
    add_series(self, &chart, "p99", false);
    chart.x_axis.high = run->seconds;
    chart.y_axis.log = true;
    chart.y_format = axis_format_us;
    chart_append(out, &chart);
}

/* ---- over concurrency ---- */

static void append_throughput_of_runs(struct picture *self, struct fr_buffer *out)
{
    struct chart chart =
        chart_at(1, "Throughput by concurrency", "calls per second", "calls under way, logarithmic");
    self->curves[0].count = 0;
    for (size_t i = 0; i < self->report->run_count; i++) {
        const struct run *run = self->runs[i];
        add_point(&self->curves[0], (double)run->concurrency, run_calls_per_s(run));
    }
    add_series(self, &chart, "answered", true);
    chart.x_axis.log = true;
    chart_append(out, &chart);
}

static void append_latencies_of_runs(struct picture *self, struct fr_buffer *out)
{
    static const struct {
        const char *name;
        double fraction;
    } lines[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}};
    struct chart chart =
        chart_at(2, "Latency by concurrency", "latency, logarithmic", "calls under way, logarithmic");
    for (size_t j = 0; j < sizeof lines / sizeof lines[0]; j++) {
        self->curves[j].count = 0;
        for (size_t i = 0; i < self->report->run_count; i++) {
            const struct latency *latency = &self->runs[i]->sum->latency;
            double latency_us = fmax(LEAST_US, (double)latency_quantile_us(latency, lines[j].fraction));
            add_point(&self->curves[j], (double)self->runs[i]->concurrency, latency->count > 0 ? latency_us : NAN);
        }
        add_series(self, &chart, lines[j].name, true);
    }
    chart.x_axis.log = true;
    chart.y_axis.log = true;
    chart.y_format = axis_format_us;
    chart_append(out, &chart);
}

/* ---- the whole ---- */

static void append_head(struct fr_buffer *out, const struct report *report)
{
    struct fr_buffer line = {0};
    const struct run *run = &report->runs[0];
    svg_text(out, 10, 28, 18, " font-weight=\"bold\"", report->methods[0]);
    if (report->method_count > 1) {
        fr_buffer_append_format(&line, "with %zu more methods; ", report->method_count - 1);
    }
    if (run->schedule != NULL) {
        fr_buffer_append_text(&line, "open loop, ");
        schedule_append(run->schedule, &line);
    } else {
        fr_buffer_append_text(&line, "closed loop");
    }
    if (report->run_count == 1) {
        fr_buffer_append_format(&line, ", at most %" PRIu64 " under way; %.0f calls/s in ", run->concurrency,
                                run_calls_per_s(run));
        report_time(&line, (uint64_t)(run->seconds * (double)FR_SECOND_US));
    }
    const char *text = fr_buffer_text(&line);
    svg_text(out, 10, 50, 12, " fill=\"" SVG_GREY "\"", text == NULL ? "" : text);
    fr_buffer_fini(&line);
}

size_t picture_left_out(const struct report *report)
{
    return report->run_count > CHART_SERIES ? report->run_count - CHART_SERIES : 0;
}

static void sort_runs(struct picture *self)
{
    for (size_t i = 0; i < self->report->run_count; i++) {
        const struct run *run = &self->report->runs[i];
        size_t at = i;
        for (; at > 0 && self->runs[at - 1]->concurrency > run->concurrency; at--) {
            self->runs[at] = self->runs[at - 1];
        }
        self->runs[at] = run;
    }
}

void picture_append(struct fr_buffer *out, const struct report *report)
{
    static struct picture picture; /* large */
    picture.report = report;
    sort_runs(&picture);
    svg_begin(out, WIDTH, HEAD + CHARTS * CHART_HEIGHT, "Latency and throughput of calls under load");
    append_head(out, report);
    if (report->run_count > 1) {
        append_latency_of_runs(&picture, out);
        append_throughput_of_runs(&picture, out);
        append_latencies_of_runs(&picture, out);
    } else {
        append_latency_of_run(&picture, out);
        append_throughput_over_time(&picture, out);
        append_latency_over_time(&picture, out);
    }
    svg_end(out);
}
