/* SPDX-License-Identifier: MIT */
/*
 * bench_rpc.c - freshet bench rpc: calls per second and latency of one method.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "freshet/command.h"
#include "freshet/headers.h"
#include "freshet/input.h"
#include "freshet/load.h"
#include "freshet/report.h"
#include "freshet/usage.h"

#define TICK_US (250 * FR_MILLISECOND_US) /* of the progress line */

static struct {
    const char *addr, *json;
    struct fr_option_list headers;
    uint64_t max_time_us, concurrency, channels, duration_us, count;
    bool retry;
} given;

static const struct fr_option options[] = {
    {.name = "concurrency",
     .letter = 'c',
     .type = FR_OPTION_NUMBER,
     .default_value = "1",
     .argument = "N",
     .min = 1,
     .max = 65536,
     .help = "calls under way at any time",
     .value = &given.concurrency},
    {.name = "channels",
     .letter = 'k',
     .type = FR_OPTION_NUMBER,
     .default_value = "1",
     .argument = "K",
     .min = 1,
     .max = 1024,
     .help = "channels that share the calls",
     .value = &given.channels},
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
    {.name = "json",
     .argument = "FILE",
     .help = "write the figures to FILE; - is standard output",
     .value = &given.json},
};

static const struct usage usage = {
    .command = "bench rpc",
    .arguments = "[OPTION]… SERVICE/METHOD [JSON | @FILE | @-]",
    .text =
        "Keeps --concurrency calls under way and measures them. In the request, {{n}} counts calls up from 1 "
        "and\n"
        "{{rand LOW HIGH}} draws a whole number; without them it is encoded once. Each answer is validated\n"
        "and unpacked. Latency counts answers only. Ctrl-C ends early. Exit status 1 if any call failed.\n\n"
        "  freshet bench rpc users.v1.Users/GetUser '{\"id\":\"user-{{rand 1 1000}}\"}' --concurrency 64\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min = 1,
    .max = 2,
};

struct bench {
    struct target target;
    struct headers headers;
    struct fr_buffer text;
    struct template template;
    struct load *load;
    struct load_result result;
    FILE *json; /* given.json; NULL: none */
    double seconds;
};

static void append_figures(struct fr_buffer *out, const struct bench *self)
{
    const struct fr_histogram *latency = &self->result.latency_us;
    fr_buffer_append_format(
        out,
        "{\"calls_per_s\":%.1f,\"p50_us\":%" PRIu64 ",\"p90_us\":%" PRIu64 ",\"p99_us\":%" PRIu64
        ",\"p999_us\":%" PRIu64 ",\"max_us\":%" PRIu64 ",\"calls\":%" PRIu64 ",\"seconds\":%.6f",
        (double)latency->count / self->seconds, fr_histogram_quantile(latency, 0.5),
        fr_histogram_quantile(latency, 0.9), fr_histogram_quantile(latency, 0.99),
        fr_histogram_quantile(latency, 0.999), latency->max, latency->count, self->seconds);
    fr_buffer_append_format(
        out, ",\"concurrency\":%" PRIu64 ",\"channels\":%" PRIu64 ",\"method\":\"%s\",\"errors\":{",
        given.concurrency, given.channels, self->target.method->full_name);
    bool first = true;
    for (unsigned i = 0; i < FR_CODE_COUNT; i++) {
        if (self->result.errors[i] > 0) {
            fr_buffer_append_format(out, "%s\"%s\":%" PRIu64, first ? "" : ",", fr_code_name(i),
                                    self->result.errors[i]);
            first = false;
        }
    }
    fr_buffer_append_text(out, "}}\n");
}

static int open_json(struct bench *self)
{
    if (given.json != NULL) {
        self->json = strcmp(given.json, "-") == 0 ? stdout : fopen(given.json, "we");
    }
    return given.json == NULL || self->json != NULL
               ? 0
               : report_failure("cannot open '%s': %s", given.json, strerror(errno));
}

static int write_json(struct bench *self)
{
    struct fr_buffer out = {0};
    append_figures(&out, self);
    errno = 0;
    bool written = fwrite(out.data, 1, out.size, self->json) == out.size && fflush(self->json) == 0;
    fr_buffer_fini(&out);
    return written ? 0 : report_failure("cannot write '%s': %s", given.json, strerror(errno));
}

static void close_json(struct bench *self)
{
    if (self->json != NULL && self->json != stdout) {
        fclose(self->json); /* all of it is written already */
    }
}

static void print_quantile(const char *name, uint64_t time_us)
{
    struct fr_buffer text = {0};
    report_time(&text, time_us);
    printf("  %-8s %s\n", name, fr_buffer_text(&text));
    fr_buffer_fini(&text);
}

static void print_latency(const struct fr_histogram *latency)
{
    print_quantile("p50", fr_histogram_quantile(latency, 0.5));
    print_quantile("p90", fr_histogram_quantile(latency, 0.9));
    print_quantile("p99", fr_histogram_quantile(latency, 0.99));
    print_quantile("p99.9", fr_histogram_quantile(latency, 0.999));
    print_quantile("max", latency->max);
}

static void print_errors(FILE *stream, const struct load_result *result)
{
    for (unsigned i = 0; i < FR_CODE_COUNT; i++) {
        if (result->errors[i] > 0) {
            fprintf(stream, "  %" PRIu64 " call%s failed: %s\n", result->errors[i],
                    result->errors[i] == 1 ? "" : "s", fr_code_name(i));
        }
    }
}

static void print_figures(const struct bench *self)
{
    const struct fr_histogram *latency = &self->result.latency_us;
    printf("%s at %s\n%" PRIu64 " under way on %" PRIu64 " channel%s\n\n", self->target.method->full_name,
           self->target.address, given.concurrency, given.channels, given.channels == 1 ? "" : "s");
    print_errors(stdout, &self->result);
    if (latency->count > 0) {
        printf("  %.0f calls/s: %" PRIu64 " calls in %.2f s\n\n", (double)latency->count / self->seconds,
               latency->count, self->seconds);
        print_latency(latency);
    }
    fflush(stdout); /* before what goes to standard error */
}

static int report(struct bench *self)
{
    int exit_code = 0;
    if (self->json == stdout) {
        print_errors(stderr, &self->result);
    } else {
        print_figures(self);
    }
    if (self->json != NULL) {
        exit_code = write_json(self);
    }
    if (self->result.error_count > 0) {
        return report_failure("the first error was %s", self->result.first_error);
    }
    return exit_code;
}

static void print_progress(const struct bench *self, uint64_t elapsed_us, uint64_t *last)
{
    uint64_t ended = load_progress(self->load);
    fprintf(stderr, "\r\033[K%5.1f s  %" PRIu64 " calls  %.0f/s", (double)elapsed_us / FR_SECOND_US, ended,
            (double)(ended - *last) * FR_SECOND_US / TICK_US);
    *last = ended;
}

/* Waits for the end: the last call, the duration or Ctrl-C; then for the calls under way. */
static void supervise(struct bench *self, int signals, uint64_t start_us)
{
    bool live = isatty(STDERR_FILENO);
    uint64_t last = 0, next_tick_us = start_us + TICK_US;
    uint64_t end_us = given.count == 0 ? start_us + given.duration_us : UINT64_MAX;
    struct pollfd fds[2] = {{.fd = load_ended_fd(self->load), .events = POLLIN},
                            {.fd = signals, .events = POLLIN}};
    bool stopping = false;
    for (;;) {
        uint64_t now_us = fr_clock_now_us();
        uint64_t wake_us = live && next_tick_us < end_us ? next_tick_us : end_us;
        uint64_t left_us = wake_us > now_us ? wake_us - now_us : 0;
        poll(fds, 2, left_us > FR_SECOND_US * 3600 ? -1 : (int)((left_us + 999) / FR_MILLISECOND_US));
        now_us = fr_clock_now_us();
        if (fds[0].revents != 0 || (stopping && now_us >= end_us)) {
            break;
        }
        if (fds[1].revents != 0 || (!stopping && now_us >= end_us)) {
            /* A call under way may take its own deadline; after Ctrl-C only a moment. */
            end_us = now_us + (fds[1].revents != 0 ? FR_SECOND_US : given.max_time_us + FR_SECOND_US);
            fds[1].fd = -1;
            fds[1].revents = 0;
            stopping = true;
            load_stop(self->load);
        }
        if (live && now_us >= next_tick_us) {
            print_progress(self, now_us - start_us, &last);
            next_tick_us += TICK_US;
        }
    }
    if (live) {
        fputs("\r\033[K", stderr);
    }
}

static int measure(struct bench *self, int signals)
{
    struct fr_error error;
    const struct load_options load = {.target = &self->target,
                                      .template = &self->template,
                                      .metadata = headers_metadata(&self->headers),
                                      .timeout_us = given.max_time_us,
                                      .concurrency = given.concurrency,
                                      .retry = given.retry,
                                      .channels = given.channels,
                                      .count = given.count};
    enum fr_code code = load_new(&load, &self->load, &error);
    if (code == FR_INVALID_ARGUMENT) {
        return report_usage("bench rpc", "%s", error.message);
    }
    if (code != FR_OK) {
        return report_status(code, "%s%s", error.message, address_hint(given.addr, error.message));
    }
    uint64_t start_us = fr_clock_now_us();
    if (load_start(self->load, &error) != FR_OK) {
        return report_failure("%s", error.message);
    }
    supervise(self, signals, start_us);
    self->seconds = (double)(fr_clock_now_us() - start_us) / FR_SECOND_US;
    load_finish(self->load, &self->result);
    return report(self);
}

static int prepare(struct bench *self, const char *method, const char *argument)
{
    struct fr_error error;
    int exit_code = target_init(&self->target, "bench rpc", method, given.addr, NULL);
    if (exit_code != 0) {
        return exit_code;
    }
    if (headers_add_all(&self->headers, &given.headers, &error) != FR_OK ||
        fr_metadata_check(headers_metadata(&self->headers), &error) != FR_OK ||
        input_read(argument, &self->text, &error) != FR_OK ||
        template_parse(&self->template, fr_buffer_text(&self->text), &error) != FR_OK) {
        return report_usage("bench rpc", "%s", error.message);
    }
    return open_json(self);
}

/* Before any library thread starts, so that none of them takes the signal. */
static int catch_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return sigprocmask(SIG_BLOCK, &set, NULL) != 0 ? -1 : signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int command_bench_rpc(int argc, char **argv)
{
    static struct bench bench; /* its histogram is large */
    int count, exit_code;
    if (!usage_parse(&usage, argc, argv, &count, &exit_code)) {
        return exit_code;
    }
    int signals = catch_signals();
    if (signals < 0) {
        return report_failure("cannot wait for signals: %s", strerror(errno));
    }
    exit_code = prepare(&bench, argv[1], count > 1 ? argv[2] : NULL);
    if (exit_code == 0) {
        exit_code = measure(&bench, signals);
    }
    close_json(&bench);
    load_free(bench.load);
    fr_buffer_fini(&bench.text);
    headers_fini(&bench.headers);
    target_fini(&bench.target);
    close(signals);
    return exit_code;
}
