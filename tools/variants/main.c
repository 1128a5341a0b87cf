/* SPDX-License-Identifier: MIT */
/*
 * main.c - the program freshet-bench-variants, which `freshet bench variants` runs: options, a private Redis and a
 * database, and one turn after the other.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/heap.h"
#include "base/standard_fds.h"
#include "freshet/command.h"
#include "freshet/folder.h"
#include "freshet/output.h"
#include "freshet/redis.h"
#include "freshet/report.h"
#include "freshet/usage.h"
#include "message/schema.h"
#include "payload/choice.h"
#include "variants/redis_ask.h"
#include "variants/turn.h"

#define REDIS_READY_US (5 * FR_SECOND_US)
#define REDIS_TRIES    3 /* its port may be taken between the choice and the start */
#define POLL_NS        10000000
#define PATH_BYTES     (FOLDER_BYTES + 32)

static struct {
    const char *shape, *json, *csv, *plot;
    uint64_t rounds, time_us, concurrency, keys;
} given;

static const struct fr_option options[] = {
    {.name = "shape",
     .letter = 's',
     .default_value = "user,order",
     .argument = "NAMES",
     .help = "data to serve, with commas: user, order, list",
     .value = &given.shape},
    {.name = "rounds",
     .letter = 'r',
     .type = FR_OPTION_NUMBER,
     .default_value = "5",
     .argument = "N",
     .min = 1,
     .max = ROUNDS_MOST,
     .help = "how often each variant gets its turn",
     .value = &given.rounds},
    {.name = "seconds",
     .letter = 't',
     .type = FR_OPTION_DURATION,
     .default_value = "0.3",
     .argument = "TIME",
     .min = 10 * FR_MILLISECOND_US,
     .max = 600 * FR_SECOND_US,
     .help = "how long a turn measures each level",
     .value = &given.time_us},
    {.name = "concurrency",
     .letter = 'c',
     .type = FR_OPTION_NUMBER,
     .default_value = "64",
     .argument = "N",
     .min = 1,
     .max = 4096,
     .help = "calls under way at a time",
     .value = &given.concurrency},
    {.name = "keys",
     .letter = 'k',
     .type = FR_OPTION_NUMBER,
     .default_value = "1000",
     .argument = "N",
     .min = 1,
     .max = 100000,
     .help = "how many different values are served",
     .value = &given.keys},
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
};

static const struct usage usage = {
    .command = "bench variants",
    .arguments = "[OPTION]…",
    .text = "Runs the same small service with JSON payloads and with protobuf ones, in the RPC and in Redis, and says\n"
            "what the choice changes end to end. Starts what it needs; Ctrl-C prints what there is by then.\n\n"
            "  freshet bench variants\n"
            "  freshet bench variants --shape list --concurrency 8 --plot variants.svg\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
};

struct bench {
    struct folder folder;
    struct process redis;
    char redis_url[64], redis_version[REDIS_VERSION_BYTES], database_url[PATH_BYTES];
    struct fr_schema *schema;
    struct turn_options turn;
    struct turn_data data[FINDINGS_SHAPES];
    struct output json, csv, plot;
    bool quiet; /* standard output belongs to --json, --csv or --plot */
    struct findings findings;
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

static bool is_stopped(void)
{
    return stopped != 0;
}

static const char *dataset_name(size_t index)
{
    return datasets[index].name;
}

static enum fr_code choose_shapes(struct bench *self, struct fr_error *reterr)
{
    bool chosen[FINDINGS_SHAPES] = {false};
    enum fr_code code = choose("shape", given.shape, dataset_count, dataset_name, chosen, reterr);
    for (size_t i = 0; i < dataset_count && code == FR_OK; i++) {
        if (chosen[i]) {
            self->findings.shapes[self->findings.shape_count++].dataset = &datasets[i];
        }
    }
    return code;
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

/* false: it has ended, or time is up. */
static bool redis_comes_up(struct bench *self, unsigned port)
{
    const struct timespec pause = {.tv_nsec = POLL_NS};
    uint64_t end_us = fr_clock_now_us() + REDIS_READY_US;
    while (!redis_answers(port)) {
        process_forward(&self->redis);
        if (process_reap(&self->redis) || fr_clock_now_us() > end_us || stopped != 0) {
            return false;
        }
        nanosleep(&pause, NULL);
    }
    return !process_reap(&self->redis);
}

static void end_redis(struct bench *self)
{
    const struct timespec pause = {.tv_nsec = POLL_NS};
    process_signal(&self->redis, SIGKILL);
    while (!process_reap(&self->redis)) {
        nanosleep(&pause, NULL);
    }
}

static enum fr_code start_redis(struct bench *self, struct fr_error *reterr)
{
    for (int i = 0; i < REDIS_TRIES && stopped == 0; i++) {
        unsigned port = redis_free_port();
        enum fr_code code = redis_start(&self->redis, port, self->folder.path, reterr);
        if (code == FR_NOT_FOUND) {
            return fr_error_set(reterr, code, "redis-server is not installed; install it");
        }
        if (code != FR_OK) {
            return code;
        }
        if (redis_comes_up(self, port)) {
            snprintf(self->redis_url, sizeof self->redis_url, "redis://127.0.0.1:%u/0", port);
            return redis_open(port, &self->turn.redis, reterr);
        }
        end_redis(self);
    }
    return fr_error_set(reterr, FR_UNAVAILABLE, "the private redis-server does not come up");
}

static enum fr_code make_database(struct bench *self, struct fr_error *reterr)
{
    struct fr_store *store;
    struct fr_store_connection *connection;
    snprintf(self->database_url, sizeof self->database_url, "sqlite:%s/variants.db", self->folder.path);
    enum fr_code code = fr_store_open(self->database_url, &store, reterr);
    if (code != FR_OK) {
        return code;
    }
    code = fr_store_connect(store, &connection, reterr);
    if (code == FR_OK) {
        code = datasets_store(connection, self->schema, (unsigned)given.keys, reterr);
        fr_store_connection_free(connection);
    }
    fr_store_free(store);
    return code;
}

static enum fr_code prepare_data(struct bench *self, struct fr_error *reterr)
{
    enum fr_code code = pack_schema_new(&self->schema, reterr);
    self->turn.schema = self->schema;
    self->turn.redis_url = self->redis_url;
    self->turn.database_url = self->database_url;
    self->turn.concurrency = (unsigned)given.concurrency;
    self->turn.keys = (unsigned)given.keys;
    self->turn.time_us = given.time_us;
    self->turn.stopped = is_stopped;
    if (code == FR_OK) {
        code = make_database(self, reterr);
    }
    for (size_t i = 0; i < self->findings.shape_count && code == FR_OK; i++) {
        code = turn_data_init(&self->data[i], self->findings.shapes[i].dataset, &self->turn, reterr);
    }
    return code;
}

static enum fr_code bench_init(struct bench *self, struct fr_error *reterr)
{
    process_init(&self->redis, "redis", "redis-server");
    self->redis.quiet = true;
    enum fr_code code = choose_shapes(self, reterr);
    if (code == FR_OK) {
        code = open_outputs(self, reterr);
    }
    if (code != FR_OK) {
        return code;
    }
    /* From here on nothing that fails is wrong usage. */
    code = folder_init(&self->folder, reterr);
    if (code == FR_OK) {
        code = start_redis(self, reterr);
    }
    if (code == FR_OK) {
        self->turn.redis_pid = self->redis.pid;
        code = redis_version(self->turn.redis, self->redis_version, reterr);
    }
    if (code == FR_OK) {
        code = prepare_data(self, reterr);
    }
    return code == FR_INVALID_ARGUMENT ? FR_INTERNAL : code;
}

static void show_progress(const struct bench *self, unsigned round, size_t shape, enum pack_codec_index codec)
{
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r\033[Kround %u of %" PRIu64 ": %s as %s", round + 1, given.rounds,
                self->findings.shapes[shape].dataset->name, pack_codec_at(codec).name);
        fflush(stderr);
    }
}

/* There and back, so that what grows with time falls on all alike. */
static enum fr_code run_round(struct bench *self, unsigned round, struct fr_error *reterr)
{
    enum fr_code code = FR_OK;
    for (size_t shape = 0; shape < self->findings.shape_count && code == FR_OK; shape++) {
        for (unsigned i = 0; i < PACK_CODECS && code == FR_OK; i++) {
            enum pack_codec_index codec = round % 2 == 0 ? i : PACK_CODECS - 1 - i;
            show_progress(self, round, shape, codec);
            code = turn_run(&self->turn, &self->data[shape], codec, &self->findings.shapes[shape].variants[codec],
                            reterr);
        }
    }
    return code;
}

static enum fr_code print(const struct bench *self, struct fr_buffer *text, struct fr_error *reterr)
{
    struct output output = {.path = "standard output", .stream = stdout};
    enum fr_code code = self->quiet ? FR_OK : output_write(&output, text, reterr);
    fr_buffer_fini(text);
    return code;
}

static enum fr_code run_rounds(struct bench *self, struct fr_error *reterr)
{
    struct findings *findings = &self->findings;
    struct fr_buffer head = {0}, text = {0};
    machine_init(&findings->machine);
    findings->redis_version = self->redis_version;
    findings->rounds = (unsigned)given.rounds;
    findings->concurrency = (unsigned)given.concurrency;
    findings->keys = (unsigned)given.keys;
    findings->time_us = given.time_us;
    findings_append_head(&head, findings);
    enum fr_code code = print(self, &head, reterr);
    if (code != FR_OK) {
        return code;
    }
    for (unsigned round = 0; round < given.rounds && code == FR_OK; round++) {
        code = run_round(self, round, reterr);
    }
    if (isatty(STDERR_FILENO)) {
        fputs("\r\033[K", stderr);
    }
    findings->complete = code == FR_OK;
    /* A signal cuts whatever waits, an answer of redis-server too, so what fails then is its doing. */
    if (code != FR_OK && !is_stopped()) {
        return code;
    }
    for (size_t i = 0; i < findings->shape_count; i++) {
        findings_append_shape(&text, findings, &findings->shapes[i]);
    }
    findings_append_words(&text, findings);
    return print(self, &text, reterr);
}

static enum fr_code write_outputs(struct bench *self, struct fr_error *reterr)
{
    enum fr_code code = FR_OK;
    struct fr_buffer text = {0};
    if (self->json.stream != NULL) {
        findings_append_json(&text, &self->findings);
        code = output_write(&self->json, &text, reterr);
    }
    if (self->csv.stream != NULL && code == FR_OK) {
        fr_buffer_clear(&text);
        findings_append_csv(&text, &self->findings);
        code = output_write(&self->csv, &text, reterr);
    }
    if (self->plot.stream != NULL && code == FR_OK) {
        fr_buffer_clear(&text);
        findings_append_plot(&text, &self->findings);
        code = output_write_picture(&self->plot, &text, reterr);
    }
    fr_buffer_fini(&text);
    return code;
}

static void bench_fini(struct bench *self)
{
    for (size_t i = 0; i < FINDINGS_SHAPES; i++) {
        turn_data_fini(&self->data[i]);
    }
    if (self->turn.redis != NULL) {
        fclose(self->turn.redis);
    }
    end_redis(self);
    process_fini(&self->redis);
    folder_fini(&self->folder);
    fr_schema_free(self->schema);
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
        code = run_rounds(self, &error);
    }
    if (code == FR_OK) {
        code = write_outputs(self, &error);
    }
    if (code == FR_OK) {
        return 0;
    }
    return is_stopped() && code != FR_DATA_LOSS ? report_failure("ended before anything was measured") : report_failure("%s", error.message);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    int count, exit_code;
    fr_standard_fds_take();
    fr_heap_keep();
    if (!usage_parse(&usage, argc, argv, &count, &exit_code)) {
        return exit_code;
    }
    sigaction(SIGINT, &(struct sigaction){.sa_handler = on_signal}, NULL);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);
    if (signal(SIGHUP, SIG_IGN) != SIG_IGN) { /* nohup keeps it ignored */
        sigaction(SIGHUP, &(struct sigaction){.sa_handler = on_signal}, NULL);
    }
    signal(SIGPIPE, SIG_IGN); /* a reader that went away must not leave Redis and the folder behind */
    exit_code = run(&bench);
    bench_fini(&bench);
    return exit_code;
}
