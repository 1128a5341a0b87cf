/* SPDX-License-Identifier: MIT */
/*
 * stats.c - freshet stats: the statistics of a running program.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "freshet/address.h"
#include "freshet/command.h"
#include "freshet/dial.h"
#include "freshet/report.h"
#include "freshet/stats/v1/stats.freshet.h"
#include "freshet/usage.h"

static struct {
    const char *addr;
    uint64_t max_time_us;
    bool json, explain;
} given;

static const struct fr_option options[] = {
    {.name = "addr",
     .letter = 'a',
     .environment = "FRESHET_ADDR",
     .argument = "HOST:PORT",
     .help = "the program to ask instead of freshet-api at its default address",
     .value = &given.addr},
    {.name = "max-time",
     .letter = 'm',
     .type = FR_OPTION_DURATION,
     .default_value = "2",
     .argument = "SECONDS",
     .min = 1,
     .help = "give up after this long",
     .value = &given.max_time_us},
    {.name = "explain",
     .type = FR_OPTION_FLAG,
     .help = "also say what each figure is",
     .value = &given.explain},
    {.name = "json",
     .type = FR_OPTION_FLAG,
     .help = "one JSON object on standard output: a number for each name, an object for a histogram",
     .value = &given.json},
};

static const struct usage usage = {
    .command = "stats",
    .arguments = "[OPTION]… [PREFIX]",
    .text = "Prints the statistics of a running program, or those whose names begin with PREFIX.\n\n"
            "  freshet stats freshet_near_cache\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .max = 1,
};

static void append_name(struct fr_buffer *out, const Freshet__Stats__V1__Metric *metric)
{
    fr_buffer_append_text(out, metric->name);
    if (metric->labels[0] != '\0') {
        fr_buffer_append_format(out, "{%s}", metric->labels);
    }
}

static void append_json(struct fr_buffer *out, const Freshet__Stats__V1__Metric *metric)
{
    const Freshet__Stats__V1__Distribution *distribution = metric->distribution;
    struct fr_buffer name = {0};
    append_name(&name, metric);
    report_json_text(out, fr_buffer_text(&name));
    fr_buffer_fini(&name);
    if (distribution == NULL) {
        fr_buffer_append_format(out, ":%" PRId64, metric->value);
        return;
    }
    fr_buffer_append_format(out,
                            ":{\"count\":%" PRIu64 ",\"sum\":%" PRIu64 ",\"max\":%" PRIu64 ",\"p50\":%" PRIu64
                            ",\"p90\":%" PRIu64 ",\"p99\":%" PRIu64 ",\"p999\":%" PRIu64 "}",
                            distribution->count, distribution->sum, distribution->max, distribution->p50,
                            distribution->p90, distribution->p99, distribution->p999);
}

static void append_row(struct fr_buffer *out, const Freshet__Stats__V1__Metric *metric, size_t width)
{
    const Freshet__Stats__V1__Distribution *distribution = metric->distribution;
    append_name(out, metric);
    fr_buffer_append_format(out, "%*s  ", (int)(out->size < width ? width - out->size : 0), "");
    if (distribution == NULL) {
        fr_buffer_append_format(out, "%12" PRId64 " %s", metric->value, metric->unit);
    } else {
        fr_buffer_append_format(out,
                                "%12" PRIu64 " times, p50 %" PRIu64 ", p99 %" PRIu64 ", max %" PRIu64 " %s",
                                distribution->count, distribution->p50, distribution->p99, distribution->max,
                                metric->unit);
    }
    while (out->size > 0 && out->data[out->size - 1] == ' ') {
        out->size--;
    }
}

/* The texts are the server's. */
static void print_line(struct fr_buffer *line)
{
    report_plain(stdout, fr_buffer_bytes(line));
    putchar('\n');
    fr_buffer_clear(line);
}

static void print(const Freshet__Stats__V1__GetResponse *response)
{
    struct fr_buffer line = {0};
    size_t width = 0;
    for (size_t i = 0; i < response->n_metrics; i++) {
        append_name(&line, response->metrics[i]);
        width = line.size > width ? line.size : width;
        fr_buffer_clear(&line);
    }
    for (size_t i = 0; i < response->n_metrics; i++) {
        if (given.json) {
            fr_buffer_append_text(&line, i == 0 ? "{" : ",");
            append_json(&line, response->metrics[i]);
            continue;
        }
        append_row(&line, response->metrics[i], width);
        print_line(&line);
        if (given.explain) {
            fr_buffer_append_format(&line, "    %s", response->metrics[i]->help);
            print_line(&line);
        }
    }
    if (given.json) {
        fr_buffer_append_text(&line, response->n_metrics == 0 ? "{}" : "}");
        print_line(&line);
    }
    fr_buffer_fini(&line);
}

static int ask(const char *address, const char *prefix)
{
    struct fr_error error;
    struct fr_channel *channel;
    struct fr_call_options call_options = {.timeout_us = given.max_time_us};
    if (dial(address, &call_options.timeout_us, &channel, &error) != FR_OK) {
        return report_status(error.code, "%s", error.message);
    }
    Freshet__Stats__V1__GetRequest request = FRESHET__STATS__V1__GET_REQUEST__INIT;
    Freshet__Stats__V1__GetResponse *response;
    request.prefix = (char *)prefix; /* only read from */
    int exit_code = 0;
    enum fr_code code = freshet_stats_v1_stats_get(channel, &request, &call_options, &response, &error);
    if (code != FR_OK) {
        exit_code = report_status(code, "%s%s", error.message, address_hint(given.addr, error.message));
    } else {
        bool none = response->n_metrics == 0 && prefix[0] != '\0';
        print(response);
        exit_code = none ? report_failure("no statistic begins with '%s'", prefix) : 0;
        freshet__stats__v1__get_response__free_unpacked(response, NULL);
    }
    fr_channel_free(channel);
    return exit_code;
}

int command_stats(int argc, char **argv)
{
    char address[ADDRESS_BYTES];
    struct fr_error error;
    int count, exit_code;
    if (!usage_parse(&usage, argc, argv, &count, &exit_code)) {
        return exit_code;
    }
    if (address_parse(given.addr != NULL ? given.addr : address_roles[0].address, address, &error) != FR_OK) {
        return report_usage("stats", "%s", error.message);
    }
    return ask(address, count > 0 ? argv[1] : "");
}
