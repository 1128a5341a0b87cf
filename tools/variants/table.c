/* SPDX-License-Identifier: MIT */
/*
 * table.c - the findings as tables of text, 100 columns wide.
 */
#include "variants/findings.h"

#include <stdio.h>

#include "base/clock.h"

#define CELL_BYTES 16
#define MEGABYTE   1e6

static const char *const titles[LEVELS] = {"from the near cache", "from Redis", "from the database"};

void findings_append_head(struct fr_buffer *out, const struct findings *findings)
{
    const struct machine *machine = &findings->machine;
    fr_buffer_append_format(out, "machine: %s, processors: %ld; %s\n", machine->cpu, machine->processors,
                            machine->system);
    fr_buffer_append_format(out, "compiler: %s, %s\nlibraries: protobuf-c %s, jansson %s; Redis %s\n", machine->compiler,
                            machine->flags, pack_codec_at(PACK_PROTOBUF).version, pack_codec_at(PACK_JANSSON).version,
                            findings->redis_version);
    for (enum pack_codec_index i = 0; i < PACK_CODECS; i++) {
        struct pack_codec codec = pack_codec_at(i);
        fr_buffer_append_format(out, "%-9s %s\n", codec.name, codec.about);
    }
    fr_buffer_append_format(out,
                            "%u rounds by turns, %.4g s for each level; %u calls under way over one channel; %u keys at "
                            "random\n",
                            findings->rounds, (double)findings->time_us / (double)FR_SECOND_US, findings->concurrency,
                            findings->keys);
    if (machine_is_busy(machine)) {
        fr_buffer_append_format(out, "THE MACHINE IS BUSY (load average %.1f): figures may be slow and spread\n",
                                machine->load);
    }
    fr_buffer_append_text(
        out, "Client, server and Redis share this machine. Medians over rounds; ±: half the range between the quartiles\n"
             "of calls/s. Times in µs: a call's from the encoding of the request until its answer was decoded and read;\n"
             "processor time of a call, by process. sent, received: bytes of a call on the client's TCP connection.\n");
}

static void append_sizes(struct fr_buffer *out, const struct shape_findings *shape)
{
    fr_buffer_append_format(out, "%-20s %9s %9s %13s %15s\n", "bytes of a key", "value", "request", "Redis memory",
                            "server's memory");
    for (enum pack_codec_index i = 0; i < PACK_CODECS; i++) {
        const struct variant *variant = &shape->variants[i];
        if (variant->sized) {
            fr_buffer_append_format(out, "%-20s %9.1f %9.1f %13.1f %12.1f MB\n", pack_codec_at(i).name,
                                    variant->value_bytes, variant->request_bytes, variant->redis_bytes,
                                    spread_of(&variant->server_memory_bytes).median / MEGABYTE);
        }
    }
}

static void format_figure(char text[CELL_BYTES], enum metric metric, double value)
{
    bool fine = metric != METRIC_CALLS && value < 100;
    snprintf(text, CELL_BYTES, fine && metric >= METRIC_SENT ? "%.1f" : "%.0f", value);
}

/* over: what to divide by; NULL for the figures themselves. */
static void append_row(struct fr_buffer *out, const char *name, const struct point *point, const struct point *over)
{
    fr_buffer_append_format(out, "%-20s", name);
    for (enum metric metric = 0; metric < METRIC_CPU; metric++) {
        struct spread spread = spread_of(&point->metrics[metric]);
        char cell[CELL_BYTES];
        if (over == NULL) {
            format_figure(cell, metric, spread.median);
        } else {
            double base = spread_of(&over->metrics[metric]).median;
            snprintf(cell, sizeof cell, base > 0 ? "%.2f" : "-", spread.median / base);
        }
        fr_buffer_append_format(out, " %*s", metric == METRIC_CALLS ? 8 : 6, cell);
        if (metric == METRIC_CALLS) {
            bool spreads = point->metrics[metric].count > 1; /* one value does not */
            fr_buffer_append_format(out, over != NULL ? "     " : spreads ? " %3.0f%%" : "    -", spread.percent);
        }
    }
    fr_buffer_append_text(out, "\n");
}

static void append_level(struct fr_buffer *out, const struct shape_findings *shape, enum level level)
{
    const struct point *protobuf = &shape->variants[PACK_PROTOBUF].levels[level];
    /* The sign of the spread has two bytes, hence the width. */
    fr_buffer_append_format(out, "%-20s %8s %5s %6s %6s %6s %6s %6s %6s %6s %6s %6s\n", titles[level], "calls/s", "±",
                            "p50", "p90", "p99", "p99.9", "sent", "recvd", "client", "server", "redis");
    for (enum pack_codec_index i = 0; i < PACK_CODECS; i++) {
        const struct point *point = &shape->variants[i].levels[level];
        if (point->calls == 0) {
            continue;
        }
        append_row(out, pack_codec_at(i).name, point, NULL);
        if (i != PACK_PROTOBUF && protobuf->calls > 0) {
            append_row(out, "  over protobuf", point, protobuf);
        }
    }
}

void findings_append_shape(struct fr_buffer *out, const struct findings *findings, const struct shape_findings *shape)
{
    unsigned rounds = shape->variants[PACK_PROTOBUF].levels[LEVEL_NEAR].metrics[METRIC_CALLS].count;
    fr_buffer_append_format(out, "\n%s: %s (%s)\n", shape->dataset->name, shape->dataset->about,
                            shape->dataset->message);
    if (!findings->complete) {
        fr_buffer_append_format(out, "ended early: %u of %u rounds\n", rounds, findings->rounds);
    }
    append_sizes(out, shape);
    for (enum level level = 0; level < LEVELS; level++) {
        append_level(out, shape, level);
    }
}
