/* SPDX-License-Identifier: MIT */
/*
 * json_csv.c - the findings for other programs.
 */
#include <inttypes.h>

#include "freshet/report.h"
#include "variants/findings.h"

static void append_text(struct fr_buffer *out, const char *name, const char *text)
{
    fr_buffer_append_format(out, "\"%s\":", name);
    report_json_text(out, text);
}

static void append_machine(struct fr_buffer *out, const struct findings *findings)
{
    const struct machine *machine = &findings->machine;
    fr_buffer_append_text(out, "\"machine\":{");
    append_text(out, "cpu", machine->cpu);
    fr_buffer_append_format(out, ",\"processors\":%ld,", machine->processors);
    append_text(out, "system", machine->system);
    fr_buffer_append_text(out, ",");
    append_text(out, "compiler", machine->compiler);
    fr_buffer_append_text(out, ",");
    append_text(out, "flags", machine->flags);
    fr_buffer_append_text(out, ",");
    append_text(out, "redis", findings->redis_version);
    fr_buffer_append_format(out, ",\"load\":%.2f},\n\"variants\":[", machine->load);
    for (enum pack_codec_index i = 0; i < PACK_CODECS; i++) {
        struct pack_codec codec = pack_codec_at(i);
        fr_buffer_append_text(out, i == 0 ? "{" : ",{");
        append_text(out, "name", codec.name);
        fr_buffer_append_text(out, ",");
        append_text(out, "library", codec.library);
        fr_buffer_append_text(out, ",");
        append_text(out, "version", codec.version);
        fr_buffer_append_text(out, ",");
        append_text(out, "about", codec.about);
        fr_buffer_append_text(out, "}");
    }
    fr_buffer_append_text(out, "],\n");
}

/* Numbers of every round, so that a reader can do what statistics he likes. */
static void append_level(struct fr_buffer *out, enum level level, const struct point *point)
{
    fr_buffer_append_format(out,
                            "\"%s\":{\"calls\":%" PRIu64 ",\"sent_bytes_total\":%" PRIu64
                            ",\"received_bytes_total\":%" PRIu64 ",\"request_bytes_total\":%" PRIu64
                            ",\"value_bytes_total\":%" PRIu64,
                            level_names[level], point->calls, point->sent_bytes, point->received_bytes,
                            point->request_bytes, point->value_bytes);
    for (enum metric metric = 0; metric < METRICS; metric++) {
        const struct samples *samples = &point->metrics[metric];
        struct spread spread = spread_of(samples);
        fr_buffer_append_format(out, ",\"%s\":{\"median\":%.3f,\"low\":%.3f,\"high\":%.3f,\"rounds\":[",
                                metric_names[metric], spread.median, spread.low, spread.high);
        for (unsigned i = 0; i < samples->count; i++) {
            fr_buffer_append_format(out, i == 0 ? "%.3f" : ",%.3f", samples->values[i]);
        }
        fr_buffer_append_text(out, "]}");
    }
    fr_buffer_append_text(out, "}");
}

static void append_variant(struct fr_buffer *out, enum pack_codec_index codec, const struct variant *variant)
{
    bool first = true;
    fr_buffer_append_text(out, "{");
    append_text(out, "variant", pack_codec_at(codec).name);
    fr_buffer_append_format(out,
                            ",\"value_bytes\":%.4f,\"request_bytes\":%.4f,\"redis_bytes\":%.4f,\"server_memory_bytes\":"
                            "%.0f,\"levels\":{",
                            variant->value_bytes, variant->request_bytes, variant->redis_bytes,
                            spread_of(&variant->server_memory_bytes).median);
    for (enum level level = 0; level < LEVELS; level++) {
        if (variant->levels[level].calls > 0) {
            fr_buffer_append_text(out, first ? "\n " : ",\n ");
            append_level(out, level, &variant->levels[level]);
            first = false;
        }
    }
    fr_buffer_append_text(out, "}}");
}

static void append_verdicts(struct fr_buffer *out, const struct shape_findings *shape)
{
    static const char *const names[] = {"", "protobuf", "tie", "json"};
    bool first = true;
    fr_buffer_append_text(out, "\"verdicts\":{");
    for (enum level level = 0; level < LEVELS; level++) {
        for (enum metric metric = 0; metric < METRICS; metric++) {
            enum winner winner = winner_of(shape, level, metric);
            if (winner != WINNER_NOBODY) {
                fr_buffer_append_format(out, "%s\"%s %s\":\"%s\"", first ? "" : ",", level_names[level],
                                        metric_names[metric], names[winner]);
                first = false;
            }
        }
    }
    fr_buffer_append_text(out, "}");
}

void findings_append_json(struct fr_buffer *out, const struct findings *findings)
{
    fr_buffer_append_text(out, "{");
    append_machine(out, findings);
    fr_buffer_append_format(out,
                            "\"rounds\":%u,\"time_us\":%" PRIu64 ",\"concurrency\":%u,\"keys\":%u,\"complete\":%s,\"shapes\":"
                            "[",
                            findings->rounds, findings->time_us, findings->concurrency, findings->keys,
                            findings->complete ? "true" : "false");
    for (size_t i = 0; i < findings->shape_count; i++) {
        const struct shape_findings *shape = &findings->shapes[i];
        fr_buffer_append_text(out, i == 0 ? "\n{" : ",\n{");
        append_text(out, "name", shape->dataset->name);
        fr_buffer_append_text(out, ",");
        append_text(out, "message", shape->dataset->message);
        fr_buffer_append_text(out, ",\"rows\":[");
        for (enum pack_codec_index codec = 0; codec < PACK_CODECS; codec++) {
            fr_buffer_append_text(out, codec == 0 ? "\n" : ",\n");
            append_variant(out, codec, &shape->variants[codec]);
        }
        fr_buffer_append_text(out, "],\n");
        append_verdicts(out, shape);
        fr_buffer_append_text(out, "}");
    }
    fr_buffer_append_text(out, "]}\n");
}

/* No value holds a comma or a quote: names are the program's own. */
void findings_append_csv(struct fr_buffer *out, const struct findings *findings)
{
    fr_buffer_append_text(out, "shape,variant,level,rounds,calls,value_bytes,request_bytes,redis_bytes,server_memory_bytes");
    for (enum metric metric = 0; metric < METRICS; metric++) {
        fr_buffer_append_format(out, ",%s,%s_low,%s_high", metric_names[metric], metric_names[metric],
                                metric_names[metric]);
    }
    fr_buffer_append_text(out, "\n");
    for (size_t i = 0; i < findings->shape_count * PACK_CODECS * LEVELS; i++) {
        const struct shape_findings *shape = &findings->shapes[i / LEVELS / PACK_CODECS];
        const struct variant *variant = &shape->variants[i / LEVELS % PACK_CODECS];
        const struct point *point = &variant->levels[i % LEVELS];
        if (point->calls == 0) {
            continue;
        }
        fr_buffer_append_format(out, "%s,%s,%s,%u,%" PRIu64 ",%.4f,%.4f,%.4f,%.0f", shape->dataset->name,
                                pack_codec_at(i / LEVELS % PACK_CODECS).name, level_names[i % LEVELS],
                                point->metrics[METRIC_CALLS].count, point->calls, variant->value_bytes,
                                variant->request_bytes, variant->redis_bytes,
                                spread_of(&variant->server_memory_bytes).median);
        for (enum metric metric = 0; metric < METRICS; metric++) {
            struct spread spread = spread_of(&point->metrics[metric]);
            fr_buffer_append_format(out, ",%.3f,%.3f,%.3f", spread.median, spread.low, spread.high);
        }
        fr_buffer_append_text(out, "\n");
    }
}
