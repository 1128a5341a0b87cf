/* SPDX-License-Identifier: MIT */
/*
 * json_csv.c - the result for other programs.
 */
#include <inttypes.h>

#include "freshet/report.h"
#include "payload/compress.h"
#include "payload/real.h"
#include "payload/verdict.h"

static void append_text(struct fr_buffer *out, const char *name, const char *value)
{
    fr_buffer_append_format(out, "\"%s\":", name);
    if (value == NULL) {
        fr_buffer_append_text(out, "null");
    } else {
        report_json_text(out, value);
    }
}

static void append_machine(struct fr_buffer *out, const struct machine *machine)
{
    fr_buffer_append_text(out, "\"machine\":{");
    append_text(out, "cpu", machine->cpu);
    fr_buffer_append_format(out, ",\"processors\":%ld,", machine->processors);
    append_text(out, "system", machine->system);
    fr_buffer_append_text(out, ",");
    append_text(out, "compiler", machine->compiler);
    fr_buffer_append_text(out, ",");
    append_text(out, "flags", machine->flags);
    fr_buffer_append_format(out, ",\"load\":%.2f,\"busy\":%s},", machine->load,
                            machine_is_busy(machine) ? "true" : "false");
}

static void append_codecs(struct fr_buffer *out)
{
    fr_buffer_append_text(out, "\"codecs\":[");
    for (size_t i = 0; i < codec_count; i++) {
        const struct codec *codec = codecs[i];
        fr_buffer_append_text(out, i == 0 ? "{" : ",{");
        append_text(out, "name", codec->name);
        fr_buffer_append_format(out, ",\"format\":\"%s\",",
                                codec->format == CODEC_JSON ? "json" : "protobuf");
        append_text(out, "library", codec->library);
        fr_buffer_append_text(out, ",");
        append_text(out, "version", codec->missing == NULL ? codec->version() : NULL);
        fr_buffer_append_text(out, ",");
        append_text(out, "about", codec->about);
        fr_buffer_append_text(out, ",");
        append_text(out, "missing", codec->missing);
        fr_buffer_append_text(out, "}");
    }
    fr_buffer_append_text(out, "],");
}

static void append_figures(struct fr_buffer *out, const char *name, const struct row *row,
                           const struct figures *figures)
{
    if (figures->runs == 0) {
        fr_buffer_append_format(out, "\"%s\":null", name);
        return;
    }
    fr_buffer_append_format(out,
                            "\"%s\":{\"median_ns\":%.2f,\"low_ns\":%.2f,\"high_ns\":%.2f,\"min_ns\":%.2f,"
                            "\"max_ns\":%.2f,\"spread_percent\":%.2f,\"mb_per_s\":%.2f,\"allocations\":%.2f}",
                            name, figures->median_ns, figures->low_ns, figures->high_ns, figures->min_ns,
                            figures->max_ns, figures_spread(figures), result_mb_per_s(row, figures),
                            figures->allocations);
}

static void append_size(struct fr_buffer *out, const char *name, size_t size)
{
    fr_buffer_append_format(out, size > 0 ? ",\"%s\":%zu" : ",\"%s\":null", name, size);
}

static void append_row(struct fr_buffer *out, const struct row *row)
{
    fr_buffer_append_text(out, "{");
    append_text(out, "codec", row->codec->name);
    fr_buffer_append_text(out, ",");
    append_figures(out, "encode", row, &row->encode);
    fr_buffer_append_text(out, ",");
    append_figures(out, "decode", row, &row->decode);
    fr_buffer_append_text(out, ",");
    append_text(out, "encode_wrong", row->encode_wrong[0] == '\0' ? NULL : row->encode_wrong);
    fr_buffer_append_text(out, ",");
    append_text(out, "decode_wrong", row->decode_wrong[0] == '\0' ? NULL : row->decode_wrong);
    fr_buffer_append_format(out, row->codec->missing == NULL ? ",\"bytes\":%zu" : ",\"bytes\":null",
                            row->encoded_bytes);
    append_size(out, "gzip_bytes", row->gzip_bytes);
    append_size(out, "zstd_bytes", row->zstd_bytes);
    fr_buffer_append_text(out, "}");
}

static void append_verdicts(struct fr_buffer *out, const struct shape_result *shape, size_t row_count)
{
    bool first = true;
    fr_buffer_append_text(out, "\"verdicts\":{");
    for (enum verdict_axis axis = 0; axis < VERDICT_AXES; axis++) {
        struct verdict verdict = verdict_of(shape, row_count, axis);
        if (verdict.winner != VERDICT_NOBODY) {
            fr_buffer_append_format(out,
                                    "%s\"%s\":{\"winner\":\"%s\",\"protobuf\":\"%s\",\"json\":\"%s\",\"json_"
                                    "over_protobuf\":%.4f}",
                                    first ? "" : ",", verdict_axis_names[axis],
                                    verdict_winner_name(verdict.winner), verdict.protobuf->codec->name,
                                    verdict.json->codec->name, verdict.json_value / verdict.protobuf_value);
            first = false;
        }
    }
    fr_buffer_append_text(out, "}");
}

static void append_shape(struct fr_buffer *out, const struct shape_result *shape, size_t row_count)
{
    fr_buffer_append_text(out, "{");
    append_text(out, "name", shape->name);
    fr_buffer_append_text(out, ",");
    append_text(out, "about", shape->about);
    fr_buffer_append_text(out, ",");
    append_text(out, "message", shape->message);
    fr_buffer_append_format(out, ",\"generated\":%s,\"runs\":%u,\"rows\":[",
                            shape->generated ? "true" : "false", shape->runs);
    for (size_t i = 0; i < row_count; i++) {
        fr_buffer_append_text(out, i == 0 ? "" : ",");
        append_row(out, &shape->rows[i]);
    }
    fr_buffer_append_text(out, "],");
    append_verdicts(out, shape, row_count);
    fr_buffer_append_text(out, "}");
}

void json_append(struct fr_buffer *out, const struct result *result)
{
    fr_buffer_append_text(out, "{");
    append_machine(out, &result->machine);
    append_codecs(out);
    append_text(out, "zlib", compress_gzip_version());
    fr_buffer_append_text(out, ",");
    append_text(out, "zstd", compress_zstd_version());
    fr_buffer_append_text(out, ",");
    append_text(out, "digits", real_source);
    fr_buffer_append_format(out, ",\"runs\":%u,\"time_us\":%" PRIu64 ",\"complete\":%s,\"shapes\":[",
                            result->runs, result->time_us, result->complete ? "true" : "false");
    for (size_t i = 0; i < result->shape_count; i++) {
        fr_buffer_append_text(out, i == 0 ? "\n" : ",\n");
        append_shape(out, &result->shapes[i], result->codec_count);
    }
    fr_buffer_append_text(out, "]}\n");
}

static void append_cells(struct fr_buffer *out, const struct row *row, const struct figures *figures)
{
    if (figures->runs == 0) {
        fr_buffer_append_text(out, ",,,,,,,");
    } else {
        fr_buffer_append_format(out, ",%.2f,%.2f,%.2f,%.2f,%.2f,%.2f,%.2f", figures->median_ns,
                                figures->low_ns, figures->high_ns, figures->min_ns, figures->max_ns,
                                result_mb_per_s(row, figures), figures->allocations);
    }
}

static void append_size_cell(struct fr_buffer *out, size_t size)
{
    fr_buffer_append_format(out, size > 0 ? ",%zu" : ",", size);
}

/* No value holds a comma or a quote: names are the program's own, and a message's are identifiers. */
void csv_append(struct fr_buffer *out, const struct result *result)
{
    fr_buffer_append_text(out,
                          "shape,message,codec,format,runs,encode_median_ns,encode_low_ns,encode_high_ns,"
                          "encode_min_ns,encode_max_ns,encode_mb_per_s,encode_allocations,decode_median_ns,"
                          "decode_low_ns,decode_high_ns,decode_min_ns,decode_max_ns,decode_mb_per_s,"
                          "decode_allocations,bytes,gzip_bytes,zstd_bytes,missing\n");
    for (size_t i = 0; i < result->shape_count; i++) {
        const struct shape_result *shape = &result->shapes[i];
        for (size_t j = 0; j < result->codec_count; j++) {
            const struct row *row = &shape->rows[j];
            fr_buffer_append_format(out, "%s,%s,%s,%s,%u", shape->name, shape->message, row->codec->name,
                                    row->codec->format == CODEC_JSON ? "json" : "protobuf", shape->runs);
            append_cells(out, row, &row->encode);
            append_cells(out, row, &row->decode);
            fr_buffer_append_format(out, row->codec->missing == NULL ? ",%zu" : ",", row->encoded_bytes);
            append_size_cell(out, row->gzip_bytes);
            append_size_cell(out, row->zstd_bytes);
            fr_buffer_append_format(out, ",%s\n", row->codec->missing == NULL ? "" : row->codec->missing);
        }
    }
}
