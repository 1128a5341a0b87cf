/* SPDX-License-Identifier: MIT */
/*
 * report_json.c - the report as JSON.
 */
#include <inttypes.h>

#include "freshet/report.h"
#include "load/compare.h"
#include "load/report.h"

static void append_quantiles(struct fr_buffer *out, const struct latency *latency)
{
    for (size_t i = 0; i < RUN_QUANTILES; i++) {
        fr_buffer_append_format(out, ",\"%s\":%" PRIu64, run_quantiles[i].key,
                                latency_quantile_us(latency, run_quantiles[i].fraction));
    }
    fr_buffer_append_format(out, ",\"max_us\":%" PRIu64, latency->max_us);
}

static void append_latency(struct fr_buffer *out, const char *name, const struct latency *latency)
{
    fr_buffer_append_format(out, "\"%s\":{\"count\":%" PRIu64 ",\"mean_us\":%.1f", name, latency->count,
                            latency_mean_us(latency));
    append_quantiles(out, latency);
    fr_buffer_append_text(out, "}");
}

/* How many calls ended with each code from first_code on, and how many did not end. */
static void append_codes(struct fr_buffer *out, const struct tally_method *method, unsigned first_code)
{
    bool first = true;
    fr_buffer_append_text(out, "{");
    for (unsigned i = first_code; i < FR_CODE_COUNT; i++) {
        if (method->codes[i] > 0) {
            fr_buffer_append_format(out, "%s\"%s\":%" PRIu64, first ? "" : ",", fr_code_name(i),
                                    method->codes[i]);
            first = false;
        }
    }
    fr_buffer_append_format(out, "},\"unfinished\":%" PRIu64, method->unfinished);
}

static void append_method(struct fr_buffer *out, const struct tally_method *method, bool open)
{
    append_latency(out, "latency", &method->latency);
    if (open) {
        fr_buffer_append_text(out, ",");
        append_latency(out, "uncorrected", &method->uncorrected);
    }
    fr_buffer_append_text(out, ",\"codes\":");
    append_codes(out, method, FR_OK);
}

static void append_methods(struct fr_buffer *out, const struct report *self, const struct run *run)
{
    fr_buffer_append_text(out, ",\"methods\":[");
    for (size_t i = 0; i < self->method_count; i++) {
        fr_buffer_append_format(out, "%s{\"method\":", i == 0 ? "" : ",");
        report_json_text(out, self->methods[i]);
        fr_buffer_append_format(out, ",\"weight\":%u,", self->weights[i]);
        append_method(out, &run->tally.methods[i], run->schedule != NULL);
        fr_buffer_append_text(out, "}");
    }
    fr_buffer_append_text(out, "]");
}

static void append_messages(struct fr_buffer *out, const struct run *run)
{
    bool first = true;
    fr_buffer_append_text(out, ",\"messages\":{");
    for (unsigned i = 1; i < FR_CODE_COUNT; i++) {
        if (run->sum->codes[i] > 0) {
            fr_buffer_append_format(out, "%s\"%s\":", first ? "" : ",", fr_code_name(i));
            report_json_text(out, run->tally.messages[i]);
            first = false;
        }
    }
    fr_buffer_append_text(out, "}");
}

/* A slice without an answer has none. */
static void append_slice_quantile(struct fr_buffer *out, const struct run *run, const char *name,
                                  double fraction)
{
    fr_buffer_append_format(out, ",\"%s\":[", name);
    for (unsigned i = 0; i < run->tally.slices->count; i++) {
        const struct slice *slice = &run->tally.slices->slice[i];
        fr_buffer_append_text(out, i == 0 ? "" : ",");
        if (slice->calls > 0) {
            fr_buffer_append_format(out, "%" PRIu64, slice_quantile_us(slice, fraction));
        } else {
            fr_buffer_append_text(out, "null");
        }
    }
    fr_buffer_append_text(out, "]");
}

static void append_slices(struct fr_buffer *out, const struct run *run)
{
    const struct slices *slices = run->tally.slices;
    fr_buffer_append_format(out, ",\"slices\":{\"width_us\":%" PRIu64 ",\"last_width_us\":%" PRIu64 ",\"calls\":[",
                            slices->width_us, slices->count > 0 ? run_slice_us(run, slices->count - 1) : 0);
    for (unsigned i = 0; i < slices->count; i++) {
        fr_buffer_append_format(out, "%s%" PRIu64, i == 0 ? "" : ",", slices->slice[i].calls);
    }
    fr_buffer_append_text(out, "],\"failed\":[");
    for (unsigned i = 0; i < slices->count; i++) {
        fr_buffer_append_format(out, "%s%" PRIu64, i == 0 ? "" : ",", slices->slice[i].errors);
    }
    fr_buffer_append_text(out, "]");
    append_slice_quantile(out, run, "p50_us", 0.5);
    append_slice_quantile(out, run, "p99_us", 0.99);
    fr_buffer_append_text(out, "}");
}

static void append_judgement(struct fr_buffer *out, const struct report *self, const struct run *run)
{
    fr_buffer_append_text(out, ",\"objectives\":[");
    for (size_t i = 0; i < self->slo_count; i++) {
        fr_buffer_append_format(out, "%s{\"objective\":", i == 0 ? "" : ",");
        report_json_text(out, self->slos[i].text);
        fr_buffer_append_format(out, ",\"met\":%s}", slo_is_met(&self->slos[i], run) ? "true" : "false");
    }
    fr_buffer_append_text(out, "],\"warnings\":[");
    for (size_t i = 0; i < run->warning_count; i++) {
        fr_buffer_append_text(out, i == 0 ? "" : ",");
        report_json_text(out, run->warnings[i]);
    }
    fr_buffer_append_text(out, "]");
}

static void append_run(struct fr_buffer *out, const struct report *self, const struct run *run)
{
    fr_buffer_append_format(out,
                            "{\"loop\":\"%s\",\"concurrency\":%" PRIu64 ",\"channels\":%" PRIu64
                            ",\"complete\":%s,\"seconds\":%.6f,\"calls\":%" PRIu64 ",\"failed\":%" PRIu64
                            ",\"calls_per_s\":%.1f,\"cpu_us_per_call\":%.4f,\"processors\":%.3f,",
                            run->schedule != NULL ? "open" : "closed", run->concurrency, run->channels,
                            run->interrupted ? "false" : "true", run->seconds, tally_calls(run->sum),
                            tally_errors(run->sum), run_calls_per_s(run), run_cpu_us_per_call(run),
                            run_processors(run));
    if (run->schedule != NULL) {
        fr_buffer_append_format(out,
                                "\"target_per_s\":%.1f,\"planned\":%" PRIu64 ",\"sent_in_time\":%" PRIu64
                                ",\"sent\":%" PRIu64 ",",
                                run_target_per_s(run), run->planned, run->in_time, run->started);
    }
    append_method(out, run->sum, run->schedule != NULL);
    append_messages(out, run);
    append_methods(out, self, run);
    append_judgement(out, self, run);
    if (self->older != NULL) {
        fr_buffer_append_text(out, ",\"compared\":");
        compare_append_json(out, self, run);
    }
    append_slices(out, run);
    fr_buffer_append_text(out, "}");
}

/* The figures that scripts ask for first, at the top where there is one run. */
static void append_summary(struct fr_buffer *out, const struct run *run)
{
    const struct latency *latency = &run->sum->latency;
    fr_buffer_append_format(out, ",\"calls_per_s\":%.1f", run_calls_per_s(run));
    append_quantiles(out, latency);
    fr_buffer_append_text(out, ",\"errors\":");
    append_codes(out, run->sum, FR_OK + 1);
}

void report_append_json(struct fr_buffer *out, const struct report *self)
{
    fr_buffer_append_text(out, "{\"version\":\"" FRESHET_VERSION "\",\"address\":");
    report_json_text(out, self->address);
    fr_buffer_append_format(out, ",\"complete\":%s", report_is_complete(self) ? "true" : "false");
    if (self->run_count == 1) {
        append_summary(out, &self->runs[0]);
    }
    fr_buffer_append_text(out, ",\"runs\":[");
    for (size_t i = 0; i < self->run_count; i++) {
        fr_buffer_append_text(out, i == 0 ? "\n" : ",\n");
        append_run(out, self, &self->runs[i]);
    }
    fr_buffer_append_text(out, "\n]}\n");
}
