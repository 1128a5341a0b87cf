/* SPDX-License-Identifier: MIT */
/*
 * report_csv.c - the report as CSV, a line for each run and method.
 */
#include <inttypes.h>

#include "load/report.h"

static void append_latency(struct fr_buffer *out, const struct latency *latency)
{
    fr_buffer_append_format(out, ",%.1f", latency_mean_us(latency));
    for (size_t i = 0; i < RUN_QUANTILES; i++) {
        fr_buffer_append_format(out, ",%" PRIu64, latency_quantile_us(latency, run_quantiles[i].fraction));
    }
    fr_buffer_append_format(out, ",%" PRIu64, latency->max_us);
}

static void append_line(struct fr_buffer *out, const struct run *run, const char *name,
                        const struct tally_method *method)
{
    double rate = run->seconds > 0 ? (double)method->codes[FR_OK] / run->seconds : 0;
    fr_buffer_append_format(out, "%s,%s,%" PRIu64 ",%" PRIu64 ",%.6f,%.1f,%" PRIu64 ",%" PRIu64 ",%.1f", name,
                            run->schedule != NULL ? "open" : "closed", run->concurrency, run->channels,
                            run->seconds, run_target_per_s(run), tally_calls(method), tally_errors(method),
                            rate);
    append_latency(out, &method->latency);
    append_latency(out, run->schedule != NULL ? &method->uncorrected : &method->latency);
    fr_buffer_append_format(out, ",%" PRIu64 ",%s\n", method->unfinished, run->interrupted ? "no" : "yes");
}

static void append_names(struct fr_buffer *out, const char *prefix)
{
    fr_buffer_append_format(out, ",%smean_us", prefix);
    for (size_t i = 0; i < RUN_QUANTILES; i++) {
        fr_buffer_append_format(out, ",%s%s", prefix, run_quantiles[i].key);
    }
    fr_buffer_append_format(out, ",%smax_us", prefix);
}

void report_append_csv(struct fr_buffer *out, const struct report *self)
{
    fr_buffer_append_text(out,
                          "method,loop,concurrency,channels,seconds,target_per_s,calls,failed,calls_per_s");
    append_names(out, "");
    append_names(out, "uncorrected_");
    fr_buffer_append_text(out, ",unfinished,complete\n");
    for (size_t i = 0; i < self->run_count; i++) {
        const struct run *run = &self->runs[i];
        if (self->method_count > 1) {
            append_line(out, run, "all", run->sum);
        }
        for (size_t j = 0; j < self->method_count; j++) {
            append_line(out, run, self->methods[j], &run->tally.methods[j]);
        }
    }
}
