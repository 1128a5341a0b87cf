/* SPDX-License-Identifier: MIT */
/*
 * report_prometheus.c - the report in the text format of Prometheus, for a Pushgateway or a textfile collector.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "load/report.h"

#define LABELS_BYTES 320

static void append_head(struct fr_buffer *out, const char *name, const char *type, const char *help)
{
    fr_buffer_append_format(out, "# HELP freshet_bench_%s %s\n# TYPE freshet_bench_%s %s\n", name, help, name,
                            type);
}

/* Names of methods hold nothing that would need escaping. */
static const char *labels_of(char labels[LABELS_BYTES], const struct run *run, const char *method)
{
    snprintf(labels, LABELS_BYTES, "method=\"%.240s\",concurrency=\"%" PRIu64 "\"", method, run->concurrency);
    return labels;
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

static void append_latencies(struct fr_buffer *out, const struct report *self, bool uncorrected)
{
    char labels[LABELS_BYTES];
    for (size_t i = 0; i < self->run_count; i++) {
        const struct run *run = &self->runs[i];
        for (size_t j = 0; j < self->method_count; j++) {
            const struct tally_method *method = &run->tally.methods[j];
            labels_of(labels, run, self->methods[j]);
            if (!uncorrected) {
                append_latency(out, "latency_seconds", labels, &method->latency);
            } else if (run->schedule != NULL) {
                append_latency(out, "uncorrected_latency_seconds", labels, &method->uncorrected);
            }
        }
    }
}

static void append_calls(struct fr_buffer *out, const struct report *self)
{
    char labels[LABELS_BYTES];
    for (size_t i = 0; i < self->run_count; i++) {
        for (size_t j = 0; j < self->method_count; j++) {
            labels_of(labels, &self->runs[i], self->methods[j]);
            for (unsigned code = 0; code < FR_CODE_COUNT; code++) {
                uint64_t calls = self->runs[i].tally.methods[j].codes[code];
                if (calls > 0) {
                    fr_buffer_append_format(out, "freshet_bench_calls_total{%s,code=\"%s\"} %" PRIu64 "\n",
                                            labels, fr_code_name(code), calls);
                }
            }
        }
    }
}

static void append_of_runs(struct fr_buffer *out, const struct report *self, const char *name,
                           const char *help, double (*value_of)(const struct run *run))
{
    append_head(out, name, "gauge", help);
    for (size_t i = 0; i < self->run_count; i++) {
        fr_buffer_append_format(out, "freshet_bench_%s{concurrency=\"%" PRIu64 "\"} %.6g\n", name,
                                self->runs[i].concurrency, value_of(&self->runs[i]));
    }
}

void report_append_prometheus(struct fr_buffer *out, const struct report *self)
{
    append_head(out, "calls_total", "counter", "Calls by their status code.");
    append_calls(out, self);
    append_head(out, "latency_seconds", "summary",
                "Latency of calls answered with OK, or unfinished; in an open loop from when each was due.");
    append_latencies(out, self, false);
    if (self->run_count > 0 && self->runs[0].schedule != NULL) {
        append_head(out, "uncorrected_latency_seconds", "summary",
                    "Latency from when a call was really sent.");
        append_latencies(out, self, true);
    }
    append_of_runs(out, self, "calls_per_second", "Calls answered with OK.", run_calls_per_s);
    append_of_runs(out, self, "client_processors", "Processors that the client kept busy.", run_processors);
}
