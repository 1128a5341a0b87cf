/* SPDX-License-Identifier: MIT */
/*
 * table.c - the result as tables of text, 100 columns wide.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "payload/compress.h"
#include "payload/real.h"
#include "payload/verdict.h"

#define CELL_BYTES 32

static void append_packer(struct fr_buffer *out, const char *name, int level, const char *library,
                          const char *version, const char *package)
{
    if (version == NULL) {
        fr_buffer_append_format(out, "%s: install %s; ", name, package);
    } else {
        fr_buffer_append_format(out, "%s: %s %s, level %d; ", name, library, version, level);
    }
}

static void append_libraries(struct fr_buffer *out)
{
    const char *last = "";
    unsigned count = 0;
    for (size_t i = 0; i < codec_count; i++) {
        const char *library = codecs[i]->library;
        if (codecs[i]->missing == NULL && strcmp(library, last) != 0 && strcmp(library, "Freshet") != 0) {
            fr_buffer_append_format(out, "%s%s %s",
                                    count == 0       ? "libraries: "
                                    : count % 4 == 0 ? ",\n  "
                                                     : ", ",
                                    library, codecs[i]->version());
            last = library;
            count++;
        }
    }
    fr_buffer_append_text(out, "\n  ");
    append_packer(out, "gzip", COMPRESS_GZIP_LEVEL, "zlib", compress_gzip_version(), "zlib1g-dev");
    append_packer(out, "zstd", COMPRESS_ZSTD_LEVEL, "libzstd", compress_zstd_version(), "libzstd-dev");
    fr_buffer_append_format(out, "digits of doubles: %s\n", real_source);
}

void table_append_head(struct fr_buffer *out, const struct result *result)
{
    const struct machine *machine = &result->machine;
    fr_buffer_append_format(out, "machine: %s, processors: %ld; %s\n", machine->cpu, machine->processors,
                            machine->system);
    fr_buffer_append_format(
        out, "compiler: %s, %s\n  for what is compiled here; packaged libraries are as packaged\n",
        machine->compiler, machine->flags);
    append_libraries(out);
    fr_buffer_append_format(out, "%u runs by turns, %.4g ms for each direction of a codec in a run\n",
                            result->runs, (double)result->time_us / (double)FR_MILLISECOND_US);
    if (machine_is_busy(machine)) {
        fr_buffer_append_format(
            out, "THE MACHINE IS BUSY (load average %.1f): figures may be slow and spread\n", machine->load);
    }
    fr_buffer_append_text(
        out,
        "Times are processor time. Decoding includes reading every field and freeing.\n"
        "±: half the range between the quartiles, of the median. alloc: calls of malloc for one message,\n"
        "encode/decode. MB/s: of the codec's own bytes.\n");
}

static void format_ns(char text[CELL_BYTES], const struct figures *figures)
{
    if (figures->runs == 0) {
        snprintf(text, CELL_BYTES, "-");
    } else {
        snprintf(text, CELL_BYTES, figures->median_ns < 100 ? "%.1f" : "%.0f", figures->median_ns);
    }
}

static void format_spread(char text[CELL_BYTES], const struct figures *figures)
{
    if (figures->runs > 1) {
        snprintf(text, CELL_BYTES, "%.0f%%", figures_spread(figures));
    } else {
        snprintf(text, CELL_BYTES, "%s", figures->runs == 1 ? "-" : ""); /* one value has no spread */
    }
}

static void format_size(char text[CELL_BYTES], size_t size)
{
    if (size == 0) {
        snprintf(text, CELL_BYTES, "-");
    } else {
        snprintf(text, CELL_BYTES, "%zu", size);
    }
}

/* "12/34", with - for a direction that the codec does not have. */
static void format_pair(char text[CELL_BYTES], bool has_left, double left, bool has_right, double right)
{
    char parts[2][CELL_BYTES / 2] = {"-", "-"};
    if (has_left) {
        snprintf(parts[0], sizeof parts[0], "%.0f", left);
    }
    if (has_right) {
        snprintf(parts[1], sizeof parts[1], "%.0f", right);
    }
    snprintf(text, CELL_BYTES, "%s/%s", parts[0], parts[1]);
}

static void append_row(struct fr_buffer *out, const struct row *row)
{
    char cells[9][CELL_BYTES];
    if (row->codec->missing != NULL) {
        fr_buffer_append_format(out, "%-17s  not built: install %s\n", row->codec->name, row->codec->missing);
        return;
    }
    format_ns(cells[0], &row->encode);
    format_spread(cells[1], &row->encode);
    format_ns(cells[2], &row->decode);
    format_spread(cells[3], &row->decode);
    snprintf(cells[4], CELL_BYTES, "%zu", row->encoded_bytes);
    format_size(cells[5], row->gzip_bytes);
    format_size(cells[6], row->zstd_bytes);
    format_pair(cells[7], row->encode.runs > 0, row->encode.allocations, row->decode.runs > 0,
                row->decode.allocations);
    format_pair(cells[8], row->encode.runs > 0, result_mb_per_s(row, &row->encode), row->decode.runs > 0,
                result_mb_per_s(row, &row->decode));
    fr_buffer_append_format(out, "%-17s %10s %4s %10s %4s %7s %7s %7s %11s %12s\n", row->codec->name,
                            cells[0], cells[1], cells[2], cells[3], cells[4], cells[5], cells[6], cells[7],
                            cells[8]);
}

static void append_wrong(struct fr_buffer *out, const struct row *row, const char *direction,
                         const char *wrong)
{
    if (wrong[0] != '\0') {
        fr_buffer_append_format(out, "  %s is not timed, %s: %s\n", row->codec->name, direction, wrong);
    }
}

void table_append_shape(struct fr_buffer *out, const struct result *result, const struct shape_result *shape)
{
    fr_buffer_append_format(out, "\n%s: %s (%s%s)\n", shape->name, shape->about, shape->message,
                            shape->generated ? "" : ", descriptors made at run time");
    if (shape->runs < result->runs) {
        fr_buffer_append_format(out, "ended early: %u of %u runs\n", shape->runs, result->runs);
    }
    /* The sign of the spread has two bytes, hence the width. */
    fr_buffer_append_format(out, "%-17s %10s %5s %10s %5s %7s %7s %7s %11s %12s\n", "codec", "encode ns", "±",
                            "decode ns", "±", "bytes", "gzip", "zstd", "alloc e/d", "MB/s e/d");
    for (size_t i = 0; i < result->codec_count; i++) {
        append_row(out, &shape->rows[i]);
    }
    for (size_t i = 0; i < result->codec_count; i++) {
        append_wrong(out, &shape->rows[i], "encode", shape->rows[i].encode_wrong);
        append_wrong(out, &shape->rows[i], "decode", shape->rows[i].decode_wrong);
    }
    verdict_append_shape(out, shape, result->codec_count);
}
