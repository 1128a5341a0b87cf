/* SPDX-License-Identifier: MIT */
/*
 * main.c - the program freshet-bench-payload, which `freshet bench payload` runs: options, and one data set after the
 * other.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/standard_fds.h"
#include "freshet/command.h"
#include "freshet/report.h"
#include "freshet/usage.h"
#include "payload/counts.h"
#include "freshet/output.h"
#include "payload/verdict.h"

static struct {
    const char *shape, *codec, *proto, *message, *data, *json, *csv, *plot, *save;
    struct fr_option_list import_paths;
    uint64_t runs, time_us;
    bool list;
} given;

static const struct fr_option options[] = {
    {.name = "shape",
     .letter = 's',
     .argument = "NAMES",
     .help = "built-in data to measure, with commas; otherwise all, or none with --data",
     .value = &given.shape},
    {.name = "codec",
     .letter = 'c',
     .argument = "NAMES",
     .help = "codecs to measure, with commas; otherwise all",
     .value = &given.codec},
    {.name = "list",
     .type = FR_OPTION_FLAG,
     .help = "show the names of shapes and codecs",
     .value = &given.list},
    {.name = "proto",
     .argument = "FILE",
     .help = "a .proto file with the type of your data, compiled by protoc",
     .value = &given.proto},
    {.name = "message",
     .argument = "NAME",
     .help = "the type of your data, with its package",
     .value = &given.message},
    {.name = "data",
     .argument = "FILE",
     .help = "your data, one message as JSON; - is standard input",
     .value = &given.data},
    {.name = "import-path",
     .letter = 'I',
     .type = FR_OPTION_LIST,
     .argument = "FOLDER",
     .help = "where --proto finds what it imports, besides its own folder",
     .value = &given.import_paths},
    {.name = "runs",
     .letter = 'r',
     .type = FR_OPTION_NUMBER,
     .default_value = "11",
     .argument = "N",
     .min = 1,
     .max = MEASURE_RUNS_MAX,
     .help = "how often each codec gets its turn",
     .value = &given.runs},
    {.name = "time",
     .letter = 't',
     .type = FR_OPTION_DURATION,
     .default_value = "5ms",
     .argument = "TIME",
     .min = 100,
     .max = 10 * FR_SECOND_US,
     .help = "how long a turn lasts, for encoding and for decoding",
     .value = &given.time_us},
    {.name = "json",
     .argument = "FILE",
     .help = "write the figures to FILE as JSON; - is standard output",
     .value = &given.json},
    {.name = "csv",
     .argument = "FILE",
     .help = "write the figures to FILE as CSV; - is standard output",
     .value = &given.csv},
    {.name = "plot",
     .argument = "FILE",
     .help = "draw the figures into FILE, .svg, or .png with rsvg-convert",
     .value = &given.plot},
    {.name = "save",
     .argument = "FOLDER",
     .help = "write the data there as .json and .pb, with its types, and measure nothing",
     .value = &given.save},
};

static const struct usage usage = {
    .command = "bench payload",
    .arguments = "[OPTION]…",
    .text = "Encodes and decodes the same data as protobuf and as JSON with several libraries, and says who "
            "wins.\n"
            "Each codec's results are checked first. Ctrl-C prints what there is by then.\n\n"
            "  freshet bench payload\n"
            "  freshet bench payload --shape user,list --codec protobuf-c,jansson,simdjson\n"
            "  freshet bench payload --proto shop.proto --message shop.v1.Order --data order.json\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
};

struct bench {
    struct prepared prepared;
    struct fr_buffer counts; /* see counts.h */
    struct output json, csv, plot;
    struct result result;
    bool quiet; /* standard output belongs to --json, --csv or --plot */
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

static bool is_stopped(void *context)
{
    (void)context;
    return stopped != 0;
}

static void show_progress(void *context, const struct subject *subject, unsigned run)
{
    const struct bench *self = context;
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r\033[K%s (%zu of %zu), run %u of %" PRIu64, subject->name,
                self->result.shape_count + 1, self->prepared.subject_count, run + 1, given.runs);
        fflush(stderr);
    }
}

static void clear_progress(void)
{
    if (isatty(STDERR_FILENO)) {
        fputs("\r\033[K", stderr);
    }
}

static int print_lists(void)
{
    puts("shapes:");
    for (size_t i = 0; i < shape_count; i++) {
        printf("  %-18s %s (%s)\n", shapes[i].name, shapes[i].about, shapes[i].message);
    }
    puts("\ncodecs:");
    for (size_t i = 0; i < codec_count; i++) {
        if (codecs[i]->missing == NULL) {
            printf("  %-18s %s %s: %s\n", codecs[i]->name, codecs[i]->library, codecs[i]->version(),
                   codecs[i]->about);
        } else {
            printf("  %-18s not built: install %s\n", codecs[i]->name, codecs[i]->missing);
        }
    }
    return 0;
}

static int check_usage(void)
{
    bool any = given.proto != NULL || given.message != NULL || given.data != NULL;
    if (any && (given.proto == NULL || given.message == NULL || given.data == NULL)) {
        return report_usage("bench payload", "--%s is missing: --proto, --message and --data go together",
                            given.proto == NULL     ? "proto"
                            : given.message == NULL ? "message"
                                                    : "data");
    }
    if (given.import_paths.count > 0 && !any) {
        return report_usage("bench payload", "--import-path is for --proto");
    }
    return 0;
}

static enum fr_code open_outputs(struct bench *self, struct fr_error *reterr)
{
    const char *const paths[] = {given.json, given.csv, given.plot};
    enum fr_code code = output_check(paths, sizeof paths / sizeof paths[0], given.plot, reterr);
    if (code == FR_OK) {
        code = output_open(&self->json, given.json, reterr);
    }
    if (code == FR_OK) {
        code = output_open(&self->csv, given.csv, reterr);
    }
    if (code == FR_OK) {
        code = output_open(&self->plot, given.plot, reterr);
    }
    self->quiet = self->json.stream == stdout || self->csv.stream == stdout || self->plot.stream == stdout;
    return code;
}

static enum fr_code bench_init(struct bench *self, struct fr_error *reterr)
{
    const struct prepare_options how = {.shapes = given.shape,
                                        .codecs = given.codec,
                                        .user = {.proto = given.proto,
                                                 .message = given.message,
                                                 .data = given.data,
                                                 .import_paths = &given.import_paths}};
    enum fr_code code = prepare(&self->prepared, &how, reterr);
    if (code == FR_OK) {
        self->result.codec_count = self->prepared.codec_count;
        self->result.shapes = calloc(self->prepared.subject_count, sizeof *self->result.shapes);
        code = self->result.shapes == NULL ? fr_error_no_memory(reterr) : open_outputs(self, reterr);
    }
    if (code == FR_OK && given.save == NULL &&
        counts_run(&how, &self->prepared, &self->counts, reterr) != FR_OK && stopped == 0) {
        code = FR_INTERNAL; /* whatever it was, it is no wrong usage of this program */
    }
    return code;
}

/* Adds the counts to a data set's rows. */
static void add_counts(struct bench *self, const struct shape_result *shape)
{
    const char *text = fr_buffer_text(&self->counts);
    for (size_t i = 0; i < self->result.codec_count; i++) {
        struct row *row = &shape->rows[i];
        (void)counts_find(text, shape->name, row->codec->name, &row->encode.allocations,
                          &row->decode.allocations);
    }
}

static void print(const struct bench *self, struct fr_buffer *text)
{
    if (!self->quiet) {
        fwrite(text->data, 1, text->size, stdout);
        fflush(stdout);
    }
    fr_buffer_fini(text);
}

static enum fr_code measure_one(struct bench *self, const struct subject *subject, struct fr_error *reterr)
{
    struct result *result = &self->result;
    struct shape_result *shape = &result->shapes[result->shape_count];
    const struct measure_options how = {.codecs = self->prepared.codecs,
                                        .codec_count = result->codec_count,
                                        .runs = (unsigned)given.runs,
                                        .time_ns = given.time_us * 1000,
                                        .stopped = is_stopped,
                                        .progress = show_progress,
                                        .context = self};
    *shape = (struct shape_result){.name = subject->name,
                                   .about = subject->about,
                                   .message = fr_message_type_name(subject->input.type),
                                   .generated = subject->generated,
                                   .rows = calloc(result->codec_count, sizeof *shape->rows)};
    if (shape->rows == NULL) {
        return fr_error_no_memory(reterr);
    }
    enum fr_code code = measure(&how, subject, shape->rows, &shape->runs, reterr);
    clear_progress();
    if (code == FR_OK && shape->runs > 0) {
        struct fr_buffer text = {0};
        result->shape_count++;
        add_counts(self, shape);
        table_append_shape(&text, result, shape);
        print(self, &text);
    } else {
        free(shape->rows);
    }
    return code;
}

static enum fr_code measure_all(struct bench *self, struct fr_error *reterr)
{
    struct result *result = &self->result;
    struct fr_buffer head = {0}, summary = {0};
    machine_init(&result->machine);
    result->runs = (unsigned)given.runs;
    result->time_us = given.time_us;
    table_append_head(&head, result);
    print(self, &head);
    enum fr_code code = FR_OK;
    for (size_t i = 0; i < self->prepared.subject_count && code == FR_OK && stopped == 0; i++) {
        code = measure_one(self, &self->prepared.subjects[i], reterr);
    }
    result->complete = stopped == 0;
    if (code == FR_OK) {
        fr_buffer_append_text(&summary, "\n");
        verdict_append_summary(&summary, result);
    }
    print(self, &summary);
    return code;
}

static enum fr_code write_outputs(struct bench *self, struct fr_error *reterr)
{
    enum fr_code code = FR_OK;
    struct fr_buffer text = {0};
    if (self->json.stream != NULL) {
        json_append(&text, &self->result);
        code = output_write(&self->json, &text, reterr);
    }
    if (self->csv.stream != NULL && code == FR_OK) {
        fr_buffer_clear(&text);
        csv_append(&text, &self->result);
        code = output_write(&self->csv, &text, reterr);
    }
    if (self->plot.stream != NULL && code == FR_OK) {
        fr_buffer_clear(&text);
        plot_append(&text, &self->result);
        code = output_write_picture(&self->plot, &text, reterr);
    }
    fr_buffer_fini(&text);
    return code;
}

static enum fr_code save_one(const struct subject *subject, struct fr_error *reterr)
{
    char name[64];
    snprintf(name, sizeof name, "%s.json", subject->name);
    enum fr_code code = output_save(
        given.save, name, (struct fr_bytes){subject->input.json.data, subject->input.json.size}, reterr);
    if (code == FR_OK) {
        snprintf(name, sizeof name, "%s.pb", subject->name);
        code = output_save(given.save, name, fr_buffer_bytes(&subject->protobuf), reterr);
    }
    return code;
}

static enum fr_code save_all(const struct bench *self, struct fr_error *reterr)
{
    enum fr_code code = FR_OK;
    if (self->prepared.schema != NULL) {
        code = output_save(given.save, "shapes.protoset",
                           (struct fr_bytes){shapes_protoset, shapes_protoset_size}, reterr);
    }
    for (size_t i = 0; i < self->prepared.subject_count && code == FR_OK; i++) {
        code = save_one(&self->prepared.subjects[i], reterr);
    }
    return code;
}

static void bench_fini(struct bench *self)
{
    for (size_t i = 0; i < self->result.shape_count; i++) {
        free(self->result.shapes[i].rows);
    }
    free(self->result.shapes);
    prepared_fini(&self->prepared);
    fr_buffer_fini(&self->counts);
    output_close(&self->json);
    output_close(&self->csv);
    output_close(&self->plot);
}

static int run(struct bench *self)
{
    struct fr_error error;
    enum fr_code code = bench_init(self, &error);
    if (code == FR_INVALID_ARGUMENT) {
        return report_usage(NULL, "%s", error.message);
    }
    if (code == FR_OK) {
        code = given.save != NULL ? save_all(self, &error) : measure_all(self, &error);
    }
    if (code == FR_OK && given.save == NULL) {
        code = write_outputs(self, &error);
    }
    return code == FR_OK ? 0 : report_failure("%s", error.message);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    int count, exit_code;
    fr_standard_fds_take();
    if (!usage_parse(&usage, argc, argv, &count, &exit_code)) {
        return exit_code;
    }
    exit_code = check_usage();
    if (exit_code != 0 || given.list) {
        return exit_code != 0 ? exit_code : print_lists();
    }
    sigaction(SIGINT, &(struct sigaction){.sa_handler = on_signal}, NULL);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);
    exit_code = run(&bench);
    bench_fini(&bench);
    return exit_code;
}
