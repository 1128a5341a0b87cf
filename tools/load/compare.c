/* SPDX-License-Identifier: MIT */
/*
 * compare.c - this report beside an older one.
 */
#include "load/compare.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "freshet/report.h"
#include "load/rank_test.h"

#define SURE        0.01 /* p */
#define LARGE_SHARE 0.71 /* of pairs: a large effect, after Vargha and Delaney */

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
    const char *name;
    bool more_is_better;
    double old_value, new_value;
    struct sample old_sample, new_sample;
    bool comparable; /* the slices mean the same */
};

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

static const json_t *find_run(const struct compare *self, const struct run *run)
{
    const char *loop = run->schedule != NULL ? "open" : "closed";
    size_t index;
    json_t *old;
    json_array_foreach(json_object_get(self->root, "runs"), index, old)
    {
        if (strcmp(json_string_value(json_object_get(old, "loop")), loop) == 0 &&
            json_integer_value(json_object_get(old, "concurrency")) == (json_int_t)run->concurrency) {
            return old;
        }
    }
    return NULL;
}

static void read_sample(struct sample *sample, const json_t *slices, const char *key, double factor)
{
    size_t index;
    json_t *value;
    sample->count = 0;
    json_array_foreach(json_object_get(slices, key), index, value)
    {
        if (sample->count < SLICES) {
            sample->values[sample->count++] = json_number_value(value) * factor;
        }
    }
}

static double per_second(uint64_t width_us)
{
    return (double)FR_SECOND_US / (double)(width_us > 0 ? width_us : 1);
}

static void fill_rate(struct line *line, const json_t *old, const struct run *run)
{
    const json_t *slices = json_object_get(old, "slices");
    *line = (struct line){.name = "calls/s", .more_is_better = true, .comparable = true};
    line->old_value = json_number_value(json_object_get(old, "calls_per_s"));
    line->new_value = run_calls_per_s(run);
    read_sample(&line->old_sample, slices, "calls",
                per_second((uint64_t)json_integer_value(json_object_get(slices, "width_us"))));
    for (unsigned i = 0; i < run_whole_slices(run); i++) {
        line->new_sample.values[line->new_sample.count++] =
            (double)run->tally.slices->slice[i].calls * per_second(run->tally.slices->width_us);
    }
}

/* A quantile of longer slices is another thing than one of shorter slices. */
static void fill_latency(struct line *line, const json_t *old, const struct run *run, const char *name,
                         const char *key, double fraction)
{
    const json_t *slices = json_object_get(old, "slices");
    *line = (struct line){.name = name};
    line->comparable =
        (uint64_t)json_integer_value(json_object_get(slices, "width_us")) == run->tally.slices->width_us;
    line->old_value = json_number_value(json_object_get(json_object_get(old, "latency"), key));
    line->new_value = (double)latency_quantile_us(&run->sum->latency, fraction);
    read_sample(&line->old_sample, slices, key, 1);
    for (unsigned i = 0; i < run_whole_slices(run); i++) {
        line->new_sample.values[line->new_sample.count++] =
            (double)slice_quantile_us(&run->tally.slices->slice[i], fraction);
    }
}

static void append_verdict(struct fr_buffer *out, const struct line *line)
{
    if (!line->comparable) {
        fr_buffer_append_text(out, "not tested: runs of different length");
        return;
    }
    if (line->old_sample.count < RANK_TEST_LEAST || line->new_sample.count < RANK_TEST_LEAST) {
        fr_buffer_append_text(out, "not tested: the runs are too short");
        return;
    }
    struct rank_test test = rank_test(line->old_sample.values, line->old_sample.count,
                                      line->new_sample.values, line->new_sample.count);
    bool rose = test.above >= LARGE_SHARE, fell = test.above <= 1 - LARGE_SHARE;
    const char *verdict = test.p >= SURE || (!rose && !fell) ? "noise"
                          : rose == line->more_is_better     ? "better"
                                                             : "worse";
    fr_buffer_append_format(out, "%-7s p=%.2g, larger in %.0f%% of pairs", verdict, test.p, 100 * test.above);
}

static void append_line(struct fr_buffer *out, const struct line *line)
{
    double change = line->old_value > 0 ? 100 * (line->new_value / line->old_value - 1) : 0;
    fr_buffer_append_format(out, "  %-8s ", line->name);
    if (line->more_is_better) {
        fr_buffer_append_format(out, "%.0f -> %.0f", line->old_value, line->new_value);
    } else {
        report_time(out, (uint64_t)line->old_value);
        fr_buffer_append_text(out, " -> ");
        report_time(out, (uint64_t)line->new_value);
    }
    fr_buffer_append_format(out, "  (%+.1f%%)  ", change);
    append_verdict(out, line);
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

void compare_append(struct fr_buffer *out, const struct compare *self, const struct report *report)
{
    static struct line line; /* large */
    for (size_t i = 0; i < report->run_count; i++) {
        const struct run *run = &report->runs[i];
        const json_t *old = find_run(self, run);
        fr_buffer_append_format(out, "\ncompared with '%s', %s loop, %" PRIu64 " under way:\n", self->name,
                                run->schedule != NULL ? "open" : "closed", run->concurrency);
        if (old == NULL) {
            fr_buffer_append_text(out, "  it has no such run\n");
            continue;
        }
        fill_rate(&line, old, run);
        append_line(out, &line);
        fill_latency(&line, old, run, "p50", "p50_us", 0.5);
        append_line(out, &line);
        fill_latency(&line, old, run, "p99", "p99_us", 0.99);
        append_line(out, &line);
        append_failed(out, old, run);
    }
}
