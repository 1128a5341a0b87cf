/* SPDX-License-Identifier: MIT */
/*
 * bench_rpc.c - freshet bench rpc: load on a server, and a report of what came of it.
 */
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "freshet/bench_calls.h"
#include "freshet/bench_report.h"
#include "freshet/bench_run.h"
#include "freshet/command.h"
#include "freshet/headers.h"
#include "freshet/input.h"
#include "freshet/report.h"
#include "freshet/usage.h"
#include "load/compare.h"

#define COMMAND         "bench rpc"
#define MAX_CONCURRENCY 65536
#define MAX_EXPONENT    10.0
/* An open loop has room for what is due within so long, unless the person says otherwise. */
#define ROOM_S   0.05
#define MIN_ROOM 4

static struct {
    const char *addr, *concurrency, *rate, *schedule, *keys, *zipf, *json, *csv, *prometheus, *plot, *compare;
    struct fr_option_list headers, slos;
    uint64_t max_time_us, channels, duration_us, warmup_us, count;
    bool retry, decode, progress;
    struct descriptors_given descriptors;
} given;

static const struct fr_option options[] = {
    {.name = "concurrency",
     .letter = 'c',
     .argument = "LIST",
     .help = "calls under way at most, such as 64; 1,8,64: a run for each; otherwise 1, or what is due "
             "within 50 ms",
     .value = &given.concurrency},
    {.name = "rate",
     .letter = 'r',
     .argument = "N",
     .help = "an open loop with N calls per second, due whatever the server does",
     .value = &given.rate},
    {.name = "schedule",
     .argument = "SHAPE",
     .help = "an open loop: const:RATE, step:FROM:BY:EVERY[:TO] or ramp:FROM:TO:OVER",
     .value = &given.schedule},
    {.name = "duration",
     .letter = 'd',
     .type = FR_OPTION_DURATION,
     .default_value = "5",
     .argument = "SECONDS",
     .min = 1000,
     .help = "stop after this time, unless --count is given",
     .value = &given.duration_us},
    {.name = "count",
     .letter = 'n',
     .type = FR_OPTION_NUMBER,
     .argument = "N",
     .min = 1,
     .help = "stop after this many calls",
     .value = &given.count},
    {.name = "warmup",
     .letter = 'w',
     .type = FR_OPTION_DURATION,
     .argument = "SECONDS",
     .help = "load before measuring begins",
     .value = &given.warmup_us},
    {.name = "channels",
     .letter = 'k',
     .type = FR_OPTION_NUMBER,
     .default_value = "1",
     .argument = "K",
     .min = 1,
     .max = 1024,
     .help = "channels that share the calls",
     .value = &given.channels},
    {.name = "keys",
     .argument = "RANGE",
     .help = "{{key}} is drawn from a RANGE such as 1000, which begins at 1, or 1000-1999",
     .value = &given.keys},
    {.name = "zipf",
     .argument = "S",
     .help = "draw the k-th key in proportion to 1/k^S, such as 0.99, otherwise uniformly",
     .value = &given.zipf},
    {.name = "addr",
     .letter = 'a',
     .environment = "FRESHET_ADDR",
     .argument = "HOST:PORT",
     .help = "the server, otherwise the default of the service",
     .value = &given.addr},
    {.name = "max-time",
     .letter = 'm',
     .type = FR_OPTION_DURATION,
     .default_value = "10",
     .argument = "SECONDS",
     .min = 1,
     .help = "the deadline of each call",
     .value = &given.max_time_us},
    {.name = "retry",
     .type = FR_OPTION_FLAG,
     .help = "try failed calls again until their deadline, if the method is idempotent",
     .value = &given.retry},
    {.name = "header",
     .letter = 'H',
     .type = FR_OPTION_LIST,
     .argument = "'KEY: VALUE'",
     .help = "send metadata; the value of a -bin key in base64",
     .value = &given.headers},
    {.name = "decode",
     .type = FR_OPTION_FLAG,
     .help = "validate and unpack every answer, not only the first ones",
     .value = &given.decode},
    {.name = "slo",
     .type = FR_OPTION_LIST,
     .argument = "NAME=LIMIT",
     .help = "fail unless met: p99=5ms, max=1s, mean=2ms, errors=0.1%, rate=5000",
     .value = &given.slos},
    {.name = "progress",
     .type = FR_OPTION_FLAG,
     .help = "a line each second on standard error, also where that is no terminal",
     .value = &given.progress},
    {.name = "json",
     .argument = "FILE",
     .help = "write the report to FILE as JSON; - is standard output",
     .value = &given.json},
    {.name = "csv",
     .argument = "FILE",
     .help = "write the report to FILE as CSV; - is standard output",
     .value = &given.csv},
    {.name = "prometheus",
     .argument = "FILE",
     .help = "write the report to FILE as Prometheus text; - is standard output",
     .value = &given.prometheus},
    {.name = "plot",
     .argument = "FILE",
     .help = "draw the report into FILE, .svg, or .png with rsvg-convert",
     .value = &given.plot},
    {.name = "compare",
     .argument = "FILE",
     .help = "say what changed since FILE, which --json wrote, and whether it is noise",
     .value = &given.compare},
    DESCRIPTORS_OPTIONS(given.descriptors),
};

static const struct usage usage = {
    .command = COMMAND,
    .arguments = "[OPTION]… {SERVICE/METHOD[=WEIGHT] [JSON | @FILE | @-]}…",
    .text = "Measures a server under load. Closed loop: --concurrency calls are under way all the time. Open "
            "loop (--rate,\n"
            "--schedule): each call is due at a planned time, and its latency counts from then, sent late or "
            "not.\n"
            "In requests {{n}} counts the calls of the method, {{key}} is a key (--keys), {{rand LOW "
            "HIGH}}, {{word N}} and\n"
            "{{uuid}} are random. A FILE that ends in .jsonl or .ndjson holds a request in each line, sent "
            "in turn.\n"
            "Ctrl-C ends early. Exit status 1 if an objective (--slo) was missed, or calls failed and no "
            "objective allows it.\n\n"
            "  freshet bench rpc users.v1.Users/GetUser '{\"id\":\"user-{{key}}\"}' --keys 1000-1999 --zipf "
            "0.99 -c 1,8,64\n"
            "  freshet bench rpc users.v1.Users/GetUser=9 '{\"id\":\"user-123\"}' \\\n"
            "    users.v1.Users/UpdatePreference=1 '{\"id\":\"user-123\",\"preference\":\"{{word 5}}\"}' "
            "--rate 2000 --slo p99=5ms\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min = 1,
    .max = 2 * MIX_METHODS,
};

struct bench {
    struct headers headers;
    struct keys keys;
    struct schedule schedule;
    bool open;
    uint64_t concurrency[REPORT_MAX_RUNS];
    size_t run_count;
    struct bench_calls calls;
    struct fr_buffer old_text;
    struct compare *old; /* owned; NULL: nothing to compare with */
    struct report report;
    struct bench_outputs outputs;
};

/* ---- what was given ---- */

static enum fr_code read_schedule(struct bench *self, struct fr_error *reterr)
{
    struct fr_buffer text = {0};
    self->open = given.rate != NULL || given.schedule != NULL;
    if (given.rate != NULL && given.schedule != NULL) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "give --rate or --schedule, not both");
    }
    if (given.schedule != NULL) {
        return schedule_parse(&self->schedule, given.schedule, reterr);
    }
    if (given.rate == NULL) {
        return FR_OK;
    }
    fr_buffer_append_format(&text, "const:%s", given.rate);
    const char *schedule = fr_buffer_text(&text);
    enum fr_code code =
        schedule == NULL ? fr_error_no_memory(reterr) : schedule_parse(&self->schedule, schedule, NULL);
    fr_buffer_fini(&text);
    return code == FR_INVALID_ARGUMENT
               ? fr_error_set(reterr, code,
                              "--rate: expected calls per second above 0, at most %g, got '%.60s'",
                              SCHEDULE_MAX_RATE, given.rate)
               : code;
}

static enum fr_code check_count(const struct bench *self, struct fr_error *reterr)
{
    if (!self->open || given.count == 0 ||
        schedule_time_us(&self->schedule, given.count - 1) != SCHEDULE_NEVER) {
        return FR_OK;
    }
    return fr_error_set(reterr, FR_INVALID_ARGUMENT,
                        "the schedule gives only %" PRIu64 " calls, --count asks for %" PRIu64,
                        schedule_calls_before(&self->schedule, SCHEDULE_NEVER - 1), given.count);
}

/* What is due within ROOM_S at the highest rate of the plan's two ends. */
static uint64_t default_concurrency(const struct bench *self)
{
    if (!self->open) {
        return 1;
    }
    double rate = fmax(schedule_rate(&self->schedule, 0), schedule_rate(&self->schedule, given.duration_us));
    return (uint64_t)fmin(fmax(ceil(rate * ROOM_S), MIN_ROOM), MAX_CONCURRENCY);
}

static enum fr_code read_concurrency(struct bench *self, struct fr_error *reterr)
{
    const char *text = given.concurrency;
    if (text == NULL) {
        self->concurrency[self->run_count++] = default_concurrency(self);
        return FR_OK;
    }
    for (;;) {
        char *end;
        unsigned long number = strtoul(text, &end, 10);
        if (text[0] < '0' || text[0] > '9' || (*end != ',' && *end != '\0') || number < 1 ||
            number > MAX_CONCURRENCY || self->run_count == REPORT_MAX_RUNS) {
            return fr_error_set(
                reterr, FR_INVALID_ARGUMENT,
                "--concurrency: expected up to %d numbers from 1 to %d with commas, got '%.60s'",
                REPORT_MAX_RUNS, MAX_CONCURRENCY, given.concurrency);
        }
        self->concurrency[self->run_count++] = number;
        if (*end == '\0') {
            return FR_OK;
        }
        text = end + 1;
    }
}

/* "N", from 1 on, or "FROM-TO". */
static bool read_range(const char *text, uint64_t *ret_first, uint64_t *ret_last)
{
    char *end;
    *ret_first = 1;
    *ret_last = strtoull(text, &end, 10);
    if (*end == '-') {
        *ret_first = *ret_last;
        text = end + 1;
        *ret_last = strtoull(text, &end, 10);
    }
    return isdigit((unsigned char)*text) && *end == '\0' && *ret_last < UINT64_MAX;
}

static enum fr_code read_keys(struct bench *self, struct fr_error *reterr)
{
    char *end = NULL;
    double exponent = given.zipf == NULL ? 0 : strtod(given.zipf, &end);
    if (given.zipf != NULL &&
        (end == given.zipf || *end != '\0' || !(exponent > 0) || exponent > MAX_EXPONENT)) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT,
                            "--zipf: expected an exponent above 0, at most %g, got '%.60s'", MAX_EXPONENT,
                            given.zipf);
    }
    if (given.zipf != NULL && given.keys == NULL) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "--zipf needs --keys");
    }
    if (given.keys == NULL) {
        return FR_OK;
    }
    uint64_t first, last;
    if (!read_range(given.keys, &first, &last) || first > last || last - first >= KEYS_MAX) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT,
                            "--keys: expected a number such as 1000, or two such as 1000-1999, got '%.60s'",
                            given.keys);
    }
    keys_init(&self->keys, first, last - first + 1, exponent);
    return FR_OK;
}

static enum fr_code read_slos(struct bench *self, struct fr_error *reterr)
{
    enum fr_code code = FR_OK;
    for (size_t i = 0; i < given.slos.count && code == FR_OK; i++) {
        code = slo_parse(&self->report.slos[self->report.slo_count++], given.slos.items[i], reterr);
    }
    return code;
}

static enum fr_code read_old(struct bench *self, struct fr_error *reterr)
{
    struct fr_buffer path = {0};
    if (given.compare == NULL) {
        return FR_OK;
    }
    fr_buffer_append_format(&path, "@%s", given.compare);
    const char *argument = fr_buffer_text(&path);
    enum fr_code code =
        argument == NULL ? fr_error_no_memory(reterr) : input_read(argument, &self->old_text, reterr);
    fr_buffer_fini(&path);
    if (code == FR_OK) {
        code = compare_read(fr_buffer_bytes(&self->old_text), given.compare, &self->old, reterr);
        self->report.older = self->old;
    }
    return code;
}

static void name_methods(struct bench *self)
{
    struct report *report = &self->report;
    report->address = self->calls.calls[0].target.address;
    report->method_count = self->calls.count;
    for (size_t i = 0; i < self->calls.count; i++) {
        report->methods[i] = self->calls.methods[i].method->full_name;
        report->weights[i] = self->calls.methods[i].weight;
    }
}

static int prepare(struct bench *self, int argument_count, char **arguments)
{
    struct fr_error error;
    if (read_schedule(self, &error) != FR_OK || check_count(self, &error) != FR_OK ||
        read_concurrency(self, &error) != FR_OK || read_keys(self, &error) != FR_OK ||
        read_slos(self, &error) != FR_OK ||
        headers_add_all(&self->headers, &given.headers, &error) != FR_OK ||
        fr_metadata_check(headers_metadata(&self->headers), &error) != FR_OK) {
        return report_usage(COMMAND, "%s", error.message);
    }
    self->outputs = (struct bench_outputs){.paths = {[BENCH_JSON] = given.json,
                                                     [BENCH_CSV] = given.csv,
                                                     [BENCH_PROMETHEUS] = given.prometheus,
                                                     [BENCH_PLOT] = given.plot}};
    int exit_code = bench_outputs_check(&self->outputs);
    if (exit_code != 0) {
        return exit_code;
    }
    exit_code = bench_calls_init(&self->calls, arguments, argument_count, given.addr, &given.descriptors,
                                 given.keys != NULL ? &self->keys : NULL);
    if (exit_code != 0) {
        return exit_code;
    }
    name_methods(self);
    if (read_old(self, &error) != FR_OK) { /* before it may be written over */
        return report_usage(NULL, "%s", error.message);
    }
    return bench_outputs_open(&self->outputs);
}

/* ---- runs ---- */

static int measure(struct bench *self)
{
    struct fr_error error;
    struct load_options load = {.address = self->report.address,
                                .methods = self->calls.methods,
                                .method_count = self->calls.count,
                                .metadata = headers_metadata(&self->headers),
                                .timeout_us = given.max_time_us,
                                .channels = given.channels,
                                .schedule = self->open ? &self->schedule : NULL,
                                .count = given.count,
                                .warmup_us = given.warmup_us,
                                .duration_us = given.duration_us,
                                .retry = given.retry,
                                .decode = given.decode};
    const struct bench_run_options run_options = {.load = &load, .progress = given.progress};
    self->report.runs_asked = self->run_count;
    for (size_t i = 0; i < self->run_count; i++) {
        load.concurrency = self->concurrency[i];
        struct run *run = &self->report.runs[i];
        enum fr_code code = bench_run(&run_options, run, &error);
        if (code == FR_CANCELLED && i > 0) { /* the report says how many runs there are */
            break;
        }
        if (code == FR_CANCELLED) {
            return report_failure("%s", error.message);
        }
        if (code != FR_OK) {
            return report_failure("%s: %s%s", fr_code_name(code), error.message,
                                  address_hint(given.addr, error.message));
        }
        self->report.run_count++;
        if (run->interrupted) {
            break;
        }
    }
    return 0;
}

static int measure_and_report(struct bench *self)
{
    int exit_code = measure(self);
    if (self->report.run_count > 0) {
        int written = bench_report_write(&self->outputs, &self->report);
        int judged = bench_report_judge(&self->report);
        exit_code = exit_code != 0 ? exit_code : written != 0 ? written : judged;
    }
    return exit_code;
}

int command_bench_rpc(int argc, char **argv)
{
    static struct bench bench; /* large */
    int count, exit_code;
    if (!usage_parse(&usage, argc, argv, &count, &exit_code)) {
        return exit_code;
    }
    exit_code = prepare(&bench, count, argv + 1);
    if (exit_code == 0) {
        exit_code = measure_and_report(&bench);
    }
    bench_outputs_close(&bench.outputs);
    compare_free(bench.old);
    fr_buffer_fini(&bench.old_text);
    report_fini(&bench.report);
    bench_calls_fini(&bench.calls);
    headers_fini(&bench.headers);
    return exit_code;
}
