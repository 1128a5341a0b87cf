/* SPDX-License-Identifier: MIT */
/*
 * compare.c - this report beside an older one.
 */
#include "load/compare.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "freshet/report.h"
#include "load/block_test.h"

#define SURE      0.01  /* p */
#define LEAST_P   0.001 /* how sure one pair of runs can be: what the test does not know of is more than that */
#define SAME_RATE 0.01  /* of the older one */
/* Of the older value. Runs of one program on a shared machine differ by so much, the tail of latencies by more. */
#define LEAST_EFFECT      0.1
#define LEAST_EFFECT_TAIL 0.2

struct compare {
    json_t *root;
    const char *name;
};

struct sample {
    double values[SLICES];
    size_t count;
};

/* One figure of both runs. */
struct line {
    const char *name, *key; /* for people, in JSON */
    bool more_is_better;
    double least_effect;
    double old_value, new_value;
    struct sample old_sample, new_sample;
    bool comparable; /* the slices mean the same */
};

/* What to think of a line. */
struct verdict {
    bool tested;
    const char *word; /* "noise", "better" or "worse"; otherwise why it was not tested */
    double p;
    bool small; /* sure, but below the least effect */
};

static const struct {
    const char *name, *key;
    double fraction, least_effect;
} quantiles[] = {{"p50", "p50_us", 0.5, LEAST_EFFECT}, {"p99", "p99_us", 0.99, LEAST_EFFECT_TAIL}};
#define QUANTILES (sizeof quantiles / sizeof quantiles[0])
#define FIGURES   (QUANTILES + 1)

static bool has_runs(const json_t *root)
{
    const json_t *runs = json_object_get(root, "runs");
    size_t index;
    json_t *run;
    if (!json_is_array(runs)) {
        return false;
    }
    json_array_foreach(runs, index, run)
    {
        if (!json_is_string(json_object_get(run, "loop")) ||
            !json_is_integer(json_object_get(run, "concurrency")) ||
            !json_is_object(json_object_get(run, "latency")) ||
            !json_is_object(json_object_get(run, "slices"))) {
            return false;
        }
    }
    return true;
}

enum fr_code compare_read(struct fr_bytes json, const char *name, struct compare **ret_compare,
                          struct fr_error *reterr)
{
    json_error_t error;
    json_t *root = json_loadb((const char *)json.data, json.size, 0, &error);
    struct compare *self = calloc(1, sizeof *self);
    if (self == NULL || root == NULL || !has_runs(root)) {
        enum fr_code code = self == NULL ? fr_error_no_memory(reterr)
                            : root == NULL
                                ? fr_error_set(reterr, FR_INVALID_ARGUMENT, "'%s': line %d, column %d: %s",
                                               name, error.line, error.column, error.text)
                                : fr_error_set(reterr, FR_INVALID_ARGUMENT,
                                               "'%s' is no report that freshet bench rpc --json wrote", name);
        json_decref(root);
        free(self);
        return code;
    }
    *self = (struct compare){.root = root, .name = name};
    *ret_compare = self;
    return FR_OK;
}

void compare_free(struct compare *self)
{
    if (self != NULL) {
        json_decref(self->root);
        free(self);
    }
}

/* The runs before this one that have its loop and concurrency, each of which has an older one of its own. */
static size_t runs_like_it_before(const struct report *report, const struct run *run)
{
    size_t count = 0;
    for (const struct run *other = report->runs; other < run; other++) {
        count += (other->schedule != NULL) == (run->schedule != NULL) && other->concurrency == run->concurrency;
    }
    return count;
}

static const json_t *find_run(const struct report *report, const struct run *run)
{
    const char *loop = run->schedule != NULL ? "open" : "closed";
    size_t index, to_skip = runs_like_it_before(report, run);
    json_t *old;
    json_array_foreach(json_object_get(report->older->root, "runs"), index, old)
    {
        if (strcmp(json_string_value(json_object_get(old, "loop")), loop) == 0 &&
            json_integer_value(json_object_get(old, "concurrency")) == (json_int_t)run->concurrency &&
            to_skip-- == 0) {
            return old;
        }
    }
    return NULL;
}

static void add_value(struct sample *sample, double value)
{
    if (sample->count < SLICES) {
        sample->values[sample->count++] = value;
    }
}

/* Older reports left out the last slice where it was cut short; now they say how long it is. */
static size_t whole_slices(const json_t *slices, size_t count)
{
    const json_t *last = json_object_get(slices, "last_width_us");
    bool cut = last != NULL && json_integer_value(last) < json_integer_value(json_object_get(slices, "width_us"));
    return count > 0 && cut ? count - 1 : count;
}

static void read_sample(struct sample *sample, const json_t *slices, const char *key, double factor)
{
    size_t index;
    json_t *value;
    const json_t *values = json_object_get(slices, key);
    size_t whole = whole_slices(slices, json_array_size(values));
    sample->count = 0;
    json_array_foreach(values, index, value)
    {
        if (index < whole) {
            add_value(sample, json_number_value(value) * factor);
        }
    }
}

/* A slice without an answer has no latency: null in a report, which reads as 0, and 0 in older ones. */
static void drop_zeros(struct sample *sample)
{
    size_t count = 0;
    for (size_t i = 0; i < sample->count; i++) {
        if (sample->values[i] > 0) {
            sample->values[count++] = sample->values[i];
        }
    }
    sample->count = count;
}

static double per_second(uint64_t width_us)
{
    return (double)FR_SECOND_US / (double)(width_us > 0 ? width_us : 1);
}

static void fill_rate(struct line *line, const json_t *old, const struct run *run)
{
    const json_t *slices = json_object_get(old, "slices");
    *line = (struct line){.name = "calls/s",
                          .key = "calls_per_s",
                          .more_is_better = true,
                          .least_effect = LEAST_EFFECT,
                          .comparable = true};
    line->old_value = json_number_value(json_object_get(old, "calls_per_s"));
    line->new_value = run_calls_per_s(run);
    read_sample(&line->old_sample, slices, "calls",
                per_second((uint64_t)json_integer_value(json_object_get(slices, "width_us"))));
    for (unsigned i = 0; i < run_whole_slices(run); i++) {
        add_value(&line->new_sample,
                  (double)run->tally.slices->slice[i].calls * per_second(run->tally.slices->width_us));
    }
}

/* A quantile of longer slices is another thing than one of shorter slices. */
static void fill_latency(struct line *line, const json_t *old, const struct run *run, size_t quantile)
{
    const json_t *slices = json_object_get(old, "slices");
    const char *key = quantiles[quantile].key;
    double fraction = quantiles[quantile].fraction;
    *line = (struct line){
        .name = quantiles[quantile].name, .key = key, .least_effect = quantiles[quantile].least_effect};
    line->comparable =
        (uint64_t)json_integer_value(json_object_get(slices, "width_us")) == run->tally.slices->width_us;
    line->old_value = json_number_value(json_object_get(json_object_get(old, "latency"), key));
    line->new_value = (double)latency_quantile_us(&run->sum->latency, fraction);
    read_sample(&line->old_sample, slices, key, 1);
    for (unsigned i = 0; i < run_whole_slices(run); i++) {
        add_value(&line->new_sample, (double)slice_quantile_us(&run->tally.slices->slice[i], fraction));
    }
    drop_zeros(&line->old_sample);
    drop_zeros(&line->new_sample);
}

static void fill(struct line *line, const json_t *old, const struct run *run, size_t figure)
{
    if (figure == 0) {
        fill_rate(line, old, run);
    } else {
        fill_latency(line, old, run, figure - 1);
    }
}

/* The figures of the whole runs say how large a change is, the series whether it is one. */
static struct verdict judge(const struct line *line)
{
    const struct sample *old = &line->old_sample, *new = &line->new_sample;
    if (!line->comparable) {
        return (struct verdict){.word = "runs of different length"};
    }
    if (old->count < BLOCK_TEST_LEAST || new->count < BLOCK_TEST_LEAST) {
        return (struct verdict){.word = "the runs are too short"};
    }
    struct block_test test = block_test(old->values, old->count, new->values, new->count);
    double change = line->new_value - line->old_value;
    bool sure = test.p < SURE && (change > 0) == (test.rise > 0);
    bool small = fabs(change) <= line->least_effect * line->old_value;
    const char *word = !sure || small ? "noise" : (change > 0) == line->more_is_better ? "better" : "worse";
    return (struct verdict){
        .tested = true, .word = word, .p = fmax(test.p, LEAST_P), .small = sure && small};
}

static bool same_methods(const json_t *old, const struct report *report)
{
    const json_t *methods = json_object_get(old, "methods");
    bool same = json_array_size(methods) == report->method_count;
    for (size_t i = 0; i < report->method_count && same; i++) {
        const json_t *method = json_array_get(methods, i);
        const char *name = json_string_value(json_object_get(method, "method"));
        same = name != NULL && strcmp(name, report->methods[i]) == 0 &&
               json_integer_value(json_object_get(method, "weight")) == (json_int_t)report->weights[i];
    }
    return same;
}

/* What the two runs do not have in common, so that they can hardly be compared; NULL: nothing known. */
static const char *other_load(const json_t *old, const struct report *report, const struct run *run)
{
    double rate = json_number_value(json_object_get(old, "target_per_s"));
    if (!same_methods(old, report)) {
        return "other methods or weights";
    }
    if (json_integer_value(json_object_get(old, "channels")) != (json_int_t)run->channels) {
        return "another number of channels";
    }
    return run->schedule != NULL && fabs(rate - run_target_per_s(run)) > SAME_RATE * rate ? "another rate"
                                                                                          : NULL;
}

static bool was_interrupted(const json_t *old)
{
    return json_is_false(json_object_get(old, "complete")); /* older reports do not say */
}

/* ---- for people ---- */

static void append_line(struct fr_buffer *out, const struct line *line)
{
    struct verdict verdict = judge(line);
    fr_buffer_append_format(out, "  %-8s ", line->name);
    if (line->more_is_better) {
        fr_buffer_append_format(out, "%.0f -> %.0f", line->old_value, line->new_value);
    } else {
        report_time(out, (uint64_t)line->old_value);
        fr_buffer_append_text(out, " -> ");
        report_time(out, (uint64_t)line->new_value);
    }
    if (line->old_value > 0) {
        fr_buffer_append_format(out, "  (%+.1f%%)  ", 100 * (line->new_value / line->old_value - 1));
    } else {
        fr_buffer_append_text(out, "  (from 0)  ");
    }
    if (!verdict.tested) {
        fr_buffer_append_format(out, "not tested: %s\n", verdict.word);
        return;
    }
    fr_buffer_append_format(out, verdict.p > LEAST_P ? "%-7s p=%.2g" : "%-7s p<%g", verdict.word, verdict.p);
    if (verdict.small) {
        fr_buffer_append_format(out, ", but not more than %.0f%%", 100 * line->least_effect);
    }
    fr_buffer_append_text(out, "\n");
}

static void append_failed(struct fr_buffer *out, const json_t *old, const struct run *run)
{
    uint64_t before = (uint64_t)json_integer_value(json_object_get(old, "failed")),
             now = tally_errors(run->sum);
    if (before > 0 || now > 0) {
        fr_buffer_append_format(out, "  failed   %" PRIu64 " -> %" PRIu64 "\n", before, now);
    }
}

static void append_run(struct fr_buffer *out, const struct report *report, const struct run *run)
{
    static struct line line; /* large */
    const json_t *old = find_run(report, run);
    if (old == NULL) {
        fr_buffer_append_text(out, "  it has no such run\n");
        return;
    }
    const char *other = other_load(old, report, run);
    if (other != NULL) {
        fr_buffer_append_format(out, "  not the same load: it had %s\n", other);
    }
    if (was_interrupted(old) || run->interrupted) {
        fr_buffer_append_format(out, "  warning: the %s run was ended early\n", was_interrupted(old) ? "older" : "new");
    }
    for (size_t i = 0; i < FIGURES; i++) {
        fill(&line, old, run, i);
        append_line(out, &line);
    }
    append_failed(out, old, run);
}

void compare_append(struct fr_buffer *out, const struct report *report)
{
    for (size_t i = 0; i < report->run_count; i++) {
        const struct run *run = &report->runs[i];
        fr_buffer_append_format(out, "\ncompared with '%s', %s loop, %" PRIu64 " under way:\n",
                                report->older->name, run->schedule != NULL ? "open" : "closed",
                                run->concurrency);
        append_run(out, report, run);
    }
    fr_buffer_append_text(out, "\nOne pair of runs does not tell a change of the server from one of what else this machine "
                               "does: repeat both by turns.\n");
}

/* ---- as JSON ---- */

static void append_json_line(struct fr_buffer *out, const struct line *line)
{
    struct verdict verdict = judge(line);
    fr_buffer_append_format(out, "{\"figure\":\"%s\",\"old\":%.1f,\"new\":%.1f,", line->key, line->old_value,
                            line->new_value);
    if (verdict.tested) {
        fr_buffer_append_format(out, "\"verdict\":\"%s\",\"p\":%.3g,\"least_effect\":%g}", verdict.word,
                                verdict.p, line->least_effect);
    } else {
        fr_buffer_append_format(out, "\"verdict\":null,\"not_tested\":\"%s\"}", verdict.word);
    }
}

void compare_append_json(struct fr_buffer *out, const struct report *report, const struct run *run)
{
    static struct line line; /* large */
    const json_t *old = find_run(report, run);
    fr_buffer_append_text(out, "{\"file\":");
    report_json_text(out, report->older->name);
    if (old == NULL) {
        fr_buffer_append_text(out, ",\"figures\":null}");
        return;
    }
    const char *other = other_load(old, report, run);
    fr_buffer_append_format(out, ",\"other_load\":%s%s%s,\"figures\":[", other == NULL ? "" : "\"",
                            other == NULL ? "null" : other, other == NULL ? "" : "\"");
    for (size_t i = 0; i < FIGURES; i++) {
        fill(&line, old, run, i);
        fr_buffer_append_text(out, i == 0 ? "" : ",");
        append_json_line(out, &line);
    }
    fr_buffer_append_format(out, "],\"old_complete\":%s,\"failed\":{\"old\":%lld,\"new\":%" PRIu64 "}}",
                            was_interrupted(old) ? "false" : "true",
                            (long long)json_integer_value(json_object_get(old, "failed")),
                            tally_errors(run->sum));
}
