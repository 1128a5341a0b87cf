/* SPDX-License-Identifier: MIT */
/*
 * report_text.c - the report for people.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "freshet/report.h"
#include "load/report.h"

#define TIME_WIDTH 12

/* A column of times: printf counts bytes, and "µ" has two. */
static void append_cell(struct fr_buffer *out, uint64_t time_us)
{
    struct fr_buffer text = {0};
    report_time(&text, time_us);
    const char *cell = fr_buffer_text(&text);
    size_t width = cell == NULL ? 0 : text.size - (strstr(cell, "µ") != NULL);
    fr_buffer_append_format(out, "%*s%s", (int)(width < TIME_WIDTH ? TIME_WIDTH - width : 0), "",
                            cell == NULL ? "" : cell);
    fr_buffer_fini(&text);
}

static void append_row(struct fr_buffer *out, const char *name, uint64_t time_us, uint64_t uncorrected_us,
                       bool open)
{
    fr_buffer_append_format(out, "  %-8s", name);
    append_cell(out, time_us);
    if (open) {
        append_cell(out, uncorrected_us);
    }
    fr_buffer_append_text(out, "\n");
}

static void append_latency(struct fr_buffer *out, const struct run *run)
{
    const struct latency *latency = &run->sum->latency, *uncorrected = &run->sum->uncorrected;
    bool open = run->schedule != NULL;
    fr_buffer_append_text(out, "\n  latency");
    if (open) {
        fr_buffer_append_format(out, "%*s%*s", TIME_WIDTH + 1, "from plan", TIME_WIDTH, "uncorrected");
    }
    fr_buffer_append_text(out, "\n");
    append_row(out, "mean", (uint64_t)latency_mean_us(latency), (uint64_t)latency_mean_us(uncorrected), open);
    for (size_t i = 0; i < RUN_QUANTILES; i++) {
        const struct run_quantile *quantile = &run_quantiles[i];
        append_row(out, quantile->name, latency_quantile_us(latency, quantile->fraction),
                   latency_quantile_us(uncorrected, quantile->fraction), open);
    }
    append_row(out, "max", latency->max_us, uncorrected->max_us, open);
}

/* What an interrupted run had done of what was asked for. */
static void append_early_end(struct fr_buffer *out, const struct run *run)
{
    fr_buffer_append_text(out, "  ended early: ");
    if (run->asked_calls > 0) {
        fr_buffer_append_format(out, "%" PRIu64 " of %" PRIu64 " calls\n", tally_calls(run->sum),
                                run->asked_calls);
    } else {
        fr_buffer_append_format(out, "%.2f of %.4g s\n", fmin(run->seconds, run->asked_seconds),
                                run->asked_seconds);
    }
}

static void append_unfinished(struct fr_buffer *out, const struct run *run)
{
    if (run->sum->unfinished > 0) {
        fr_buffer_append_format(out, "  %-20s %12" PRIu64 "            no answer by the end\n", "unfinished",
                                run->sum->unfinished);
    }
}

static void append_codes(struct fr_buffer *out, const struct run *run)
{
    double all = (double)tally_calls(run->sum);
    fr_buffer_append_text(out, "\n");
    for (unsigned i = 0; i < FR_CODE_COUNT; i++) {
        uint64_t calls = run->sum->codes[i];
        if (calls > 0) {
            fr_buffer_append_format(out, "  %-20s %12" PRIu64 " %8.3f%%%s%s\n", fr_code_name(i), calls,
                                    100 * (double)calls / all, i == FR_OK ? "" : "  ",
                                    run->tally.messages[i]);
        }
    }
    append_unfinished(out, run);
}

static void append_methods(struct fr_buffer *out, const struct report *self, const struct run *run)
{
    fr_buffer_append_format(out, "\n  %*s%*s%*s%*s%*s%*s\n", 9, "calls", 10, "failed", TIME_WIDTH, "p50",
                            TIME_WIDTH, "p99", TIME_WIDTH, "p99.9", TIME_WIDTH, "max");
    for (size_t i = 0; i < self->method_count; i++) {
        const struct tally_method *method = &run->tally.methods[i];
        fr_buffer_append_format(out, "  %9" PRIu64 "%10" PRIu64, tally_calls(method), tally_errors(method));
        append_cell(out, latency_quantile_us(&method->latency, 0.5));
        append_cell(out, latency_quantile_us(&method->latency, 0.99));
        append_cell(out, latency_quantile_us(&method->latency, 0.999));
        append_cell(out, method->latency.max_us);
        fr_buffer_append_format(out, "  %s\n", self->methods[i]);
    }
}

static void append_slos(struct fr_buffer *out, const struct report *self, const struct run *run)
{
    fr_buffer_append_text(out, "\n");
    for (size_t i = 0; i < self->slo_count; i++) {
        const struct slo *slo = &self->slos[i];
        fr_buffer_append_format(out, "  objective %s: %s, ", slo->text,
                                slo_is_met(slo, run) ? "met" : "MISSED");
        slo_append_reached(slo, run, out);
        fr_buffer_append_text(out, "\n");
    }
}

static void append_loop(struct fr_buffer *out, const struct run *run)
{
    if (run->schedule != NULL) {
        fr_buffer_append_text(out, "open loop, ");
        schedule_append(run->schedule, out);
        fr_buffer_append_text(out, ", at most ");
    } else {
        fr_buffer_append_text(out, "closed loop, ");
    }
    fr_buffer_append_format(out, "%" PRIu64 " under way on %" PRIu64 " channel%s\n\n", run->concurrency,
                            run->channels, run->channels == 1 ? "" : "s");
}

static void append_run(struct fr_buffer *out, const struct report *self, const struct run *run)
{
    append_loop(out, run);
    fr_buffer_append_format(out, "  %.*f calls/s: %" PRIu64 " answered in %.2f s, %" PRIu64 " failed",
                            run_calls_per_s(run) < 100 ? 1 : 0, run_calls_per_s(run), run->sum->codes[FR_OK],
                            run->seconds, tally_errors(run->sum));
    if (run->sum->unfinished > 0) {
        fr_buffer_append_format(out, ", %" PRIu64 " unfinished", run->sum->unfinished);
    }
    fr_buffer_append_text(out, "\n");
    if (run->interrupted) {
        append_early_end(out, run);
    }
    fr_buffer_append_format(out, "  client: %.2f µs of processor time a call, %.2f processors busy\n",
                            run_cpu_us_per_call(run), run_processors(run));
    for (size_t i = 0; i < run->warning_count; i++) {
        fr_buffer_append_format(out, "  warning: %s\n", run->warnings[i]);
    }
    if (run->sum->latency.count > 0) {
        append_latency(out, run);
    }
    append_codes(out, run);
    if (self->method_count > 1) {
        append_methods(out, self, run);
    }
    if (self->slo_count > 0) {
        append_slos(out, self, run);
    }
}

static void append_overview(struct fr_buffer *out, const struct report *self)
{
    fr_buffer_append_format(out, "\n%*s%*s%*s%*s%*s%*s\n", 12, "concurrency", 12, "calls/s", TIME_WIDTH,
                            "p50", TIME_WIDTH, "p99", TIME_WIDTH, "p99.9", 18, "client µs/call");
    for (size_t i = 0; i < self->run_count; i++) {
        const struct run *run = &self->runs[i];
        const struct latency *latency = &run->sum->latency;
        fr_buffer_append_format(out, "%12" PRIu64 "%12.0f", run->concurrency, run_calls_per_s(run));
        append_cell(out, latency_quantile_us(latency, 0.5));
        append_cell(out, latency_quantile_us(latency, 0.99));
        append_cell(out, latency_quantile_us(latency, 0.999));
        fr_buffer_append_format(out, "%17.2f\n", run_cpu_us_per_call(run));
    }
}

void report_append_text(struct fr_buffer *out, const struct report *self)
{
    for (size_t i = 0; i < self->method_count; i++) {
        fr_buffer_append_format(out, "%s%s", i == 0 ? "" : ", ", self->methods[i]);
        if (self->method_count > 1) {
            fr_buffer_append_format(out, "=%u", self->weights[i]);
        }
    }
    fr_buffer_append_format(out, " at %s\n", self->address);
    for (size_t i = 0; i < self->run_count; i++) {
        fr_buffer_append_text(out, i == 0 ? "" : "\n");
        append_run(out, self, &self->runs[i]);
    }
    if (self->run_count > 1) {
        append_overview(out, self);
    }
    if (self->run_count < self->runs_asked) {
        fr_buffer_append_format(out, "\nended early: %zu of %zu runs\n", self->run_count, self->runs_asked);
    }
}
