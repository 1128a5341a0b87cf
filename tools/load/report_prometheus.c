/* SPDX-License-Identifier: MIT */
/*
 * report_prometheus.c - the report in the text format of Prometheus, for a Pushgateway or a textfile collector.
 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "load/report.h"

/*
 * The labels of a series. What is in the report twice, a number of calls under way or a method, is told apart by a number
 * from 1 on: Prometheus refuses a file with two series of the same labels.
 */
struct labels {
    const struct report *report;
    bool runs, entries;    /* have numbers */
    bool failed;           /* no memory for one of them; text forgets it with the next one */
    struct fr_buffer text; /* owned */
};

static void append_head(struct fr_buffer *out, const char *name, const char *type, const char *help)
{
    fr_buffer_append_format(out, "# HELP freshet_bench_%s %s\n# TYPE freshet_bench_%s %s\n", name, help, name,
                            type);
}

static void labels_init(struct labels *self, const struct report *report)
{
    *self = (struct labels){.report = report};
    for (size_t i = 0; i < report->run_count; i++) {
        for (size_t j = 0; j < i; j++) {
            self->runs = self->runs || report->runs[j].concurrency == report->runs[i].concurrency;
        }
    }
    for (size_t i = 0; i < report->method_count; i++) {
        for (size_t j = 0; j < i; j++) {
            self->entries = self->entries || strcmp(report->methods[j], report->methods[i]) == 0;
        }
    }
}

static void add_run(struct labels *self, size_t run)
{
    fr_buffer_append_format(&self->text, "concurrency=\"%" PRIu64 "\"", self->report->runs[run].concurrency);
    if (self->runs) {
        fr_buffer_append_format(&self->text, ",run=\"%zu\"", run + 1);
    }
}

static const char *labels_text(struct labels *self)
{
    const char *text = fr_buffer_text(&self->text);
    self->failed = self->failed || text == NULL;
    return text == NULL ? "" : text;
}

static const char *labels_of_run(struct labels *self, size_t run)
{
    fr_buffer_clear(&self->text);
    add_run(self, run);
    return labels_text(self);
}

/* Names of methods hold nothing that would need escaping. */
static const char *labels_of_method(struct labels *self, size_t run, size_t method)
{
    fr_buffer_clear(&self->text);
    fr_buffer_append_format(&self->text, "method=\"%s\",", self->report->methods[method]);
    if (self->entries) {
        fr_buffer_append_format(&self->text, "entry=\"%zu\",", method + 1);
    }
    add_run(self, run);
    return labels_text(self);
}

static void append_latency(struct fr_buffer *out, const char *name, const char *labels,
                           const struct latency *latency)
{
    double second = (double)FR_SECOND_US;
    for (size_t i = 0; i < RUN_QUANTILES; i++) {
        fr_buffer_append_format(out, "freshet_bench_%s{%s,quantile=\"%g\"} %.6f\n", name, labels,
                                run_quantiles[i].fraction,
                                (double)latency_quantile_us(latency, run_quantiles[i].fraction) / second);
    }
    fr_buffer_append_format(out, "freshet_bench_%s{%s,quantile=\"1\"} %.6f\n", name, labels,
                            (double)latency->max_us / second);
    fr_buffer_append_format(out, "freshet_bench_%s_sum{%s} %.6f\nfreshet_bench_%s_count{%s} %" PRIu64 "\n",
                            name, labels, (double)latency->sum_us / second, name, labels, latency->count);
}

static void append_latencies(struct fr_buffer *out, struct labels *labels, bool uncorrected)
{
    const struct report *self = labels->report;
    for (size_t i = 0; i < self->run_count; i++) {
        const struct run *run = &self->runs[i];
        for (size_t j = 0; j < self->method_count; j++) {
            const struct tally_method *method = &run->tally.methods[j];
            const char *text = labels_of_method(labels, i, j);
            if (!uncorrected) {
                append_latency(out, "latency_seconds", text, &method->latency);
            } else if (run->schedule != NULL) {
                append_latency(out, "uncorrected_latency_seconds", text, &method->uncorrected);
            }
        }
    }
}

static void append_calls(struct fr_buffer *out, struct labels *labels)
{
    const struct report *self = labels->report;
    for (size_t i = 0; i < self->run_count; i++) {
        for (size_t j = 0; j < self->method_count; j++) {
            const char *text = labels_of_method(labels, i, j);
            for (unsigned code = 0; code < FR_CODE_COUNT; code++) {
                uint64_t calls = self->runs[i].tally.methods[j].codes[code];
                if (calls > 0) {
                    fr_buffer_append_format(out, "freshet_bench_calls_total{%s,code=\"%s\"} %" PRIu64 "\n",
                                            text, fr_code_name(code), calls);
                }
            }
        }
    }
}

static void append_of_runs(struct fr_buffer *out, struct labels *labels, const char *name,
                           const char *help, double (*value_of)(const struct run *run))
{
    const struct report *self = labels->report;
    append_head(out, name, "gauge", help);
    for (size_t i = 0; i < self->run_count; i++) {
        fr_buffer_append_format(out, "freshet_bench_%s{%s} %.6g\n", name, labels_of_run(labels, i),
                                value_of(&self->runs[i]));
    }
}

void report_append_prometheus(struct fr_buffer *out, const struct report *self)
{
    struct labels labels;
    labels_init(&labels, self);
    append_head(out, "calls_total", "counter", "Calls by their status code.");
    append_calls(out, &labels);
    append_head(out, "latency_seconds", "summary",
                "Latency of calls answered with OK, or unfinished; in an open loop from when each was due.");
    append_latencies(out, &labels, false);
    if (self->run_count > 0 && self->runs[0].schedule != NULL) {
        append_head(out, "uncorrected_latency_seconds", "summary",
                    "Latency from when a call was really sent.");
        append_latencies(out, &labels, true);
    }
    append_of_runs(out, &labels, "calls_per_second", "Calls answered with OK.", run_calls_per_s);
    append_of_runs(out, &labels, "client_processors", "Processors that the client kept busy.", run_processors);
    out->failed = out->failed || labels.failed;
    fr_buffer_fini(&labels.text);
}
