/* SPDX-License-Identifier: MIT */
/*
 * log.c - logfmt (or JSON) lines on stderr, one write(2) each.
 */
#include "base/log.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

static const char *program_name = "freshet";
static enum fr_log_level threshold = FR_LOG_INFO;
static enum fr_log_format line_format = FR_LOG_LOGFMT;
static atomic_bool requests_on;

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void fr_log_setup(const char *program, enum fr_log_level level, enum fr_log_format format)
{
    program_name = program;
    threshold = level;
    line_format = format;
}

void fr_log_requests_set(bool on)
{
    atomic_store_explicit(&requests_on, on, memory_order_relaxed);
}

bool fr_log_requests(void)
{
    return atomic_load_explicit(&requests_on, memory_order_relaxed);
}

bool fr_log_enabled(enum fr_log_level level)
{
    return level <= threshold;
}

static bool is_bare(struct fr_bytes value)
{
    for (size_t i = 0; i < value.size; i++) {
        uint8_t byte = value.data[i];
        if (byte <= ' ' || byte == '"' || byte == '=' || byte == '\\' || byte >= 0x7F) {
            return false;
        }
    }
    return value.size > 0;
}

/*
 * The width of the UTF-8 character at data, 0 if there is none (Unicode Standard, table 3-7), so that what is no text
 * cannot make a line that a JSON reader refuses.
 */
static size_t character_width(const uint8_t *data, size_t size)
{
    uint8_t lead = data[0];
    size_t width = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
    if (width > size) {
        return 0;
    }
    for (size_t i = 1; i < width; i++) {
        if ((data[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (lead == 0xE0 && data[1] < 0xA0) || (lead == 0xF0 && data[1] < 0x90);
    bool outside = (lead == 0xED && data[1] > 0x9F) || (lead == 0xF4 && data[1] > 0x8F);
    return overlong || outside ? 0 : width;
}

/* A character over 0x7F: as it is, but for the control characters U+0080 to U+009F. Returns its width. */
static size_t append_wide(struct fr_buffer *out, const uint8_t *data, size_t size)
{
    size_t width = character_width(data, size);
    if (width == 0) {
        fr_buffer_append_text(out, "\\ufffd");
        return 1;
    }
    if (data[0] == 0xC2 && data[1] < 0xA0) {
        fr_buffer_append_format(out, "\\u%04x", data[1]);
    } else {
        fr_buffer_append(out, data, width);
    }
    return width;
}

/* Both formats quote alike. */
static void append_quoted(struct fr_buffer *out, struct fr_bytes value)
{
    fr_buffer_append_text(out, "\"");
    for (size_t i = 0; i < value.size; i++) {
        uint8_t byte = value.data[i];
        if (byte >= 0x80) {
            i += append_wide(out, value.data + i, value.size - i) - 1;
        } else if (byte == '"' || byte == '\\') {
            fr_buffer_append_format(out, "\\%c", byte);
        } else if (byte == '\n') {
            fr_buffer_append_text(out, "\\n");
        } else if (byte < ' ' || byte == 0x7F) {
            fr_buffer_append_format(out, "\\u%04x", byte);
        } else {
            fr_buffer_append(out, &byte, 1);
        }
    }
    fr_buffer_append_text(out, "\"");
}

static void append_value(struct fr_buffer *out, enum fr_log_format format, const struct fr_log_field *field)
{
    struct fr_bytes value = {0};
    switch (field->kind) {
    case FR_LOG_NUMBER:
        fr_buffer_append_format(out, "%" PRIu64, field->number);
        return;
    case FR_LOG_TEXT:
        value = fr_bytes_of(field->text == NULL ? "" : field->text);
        break;
    case FR_LOG_BYTES:
        value = field->bytes;
        break;
    }
    if (format == FR_LOG_LOGFMT && is_bare(value)) {
        fr_buffer_append(out, value.data, value.size);
    } else {
        append_quoted(out, value);
    }
}

void fr_log_format_line(struct fr_buffer *out, enum fr_log_format format, const char *event,
                        const struct fr_log_field *fields, size_t count)
{
    const char *const pattern = format == FR_LOG_JSON ? ",\"%s\":" : " %s=";
    fr_buffer_append_format(out, format == FR_LOG_JSON ? ",\"event\":\"%s\"" : " %s", event);
    for (size_t i = 0; i < count; i++) {
        fr_buffer_append_format(out, pattern, fields[i].key);
        append_value(out, format, &fields[i]);
    }
    fr_buffer_append_text(out, format == FR_LOG_JSON ? "}\n" : "\n");
}

void fr_log_write(enum fr_log_level level, const char *event, const struct fr_log_field *fields, size_t count)
{
    uint64_t wall_us = fr_clock_wall_us();
    time_t seconds = (time_t)(wall_us / FR_SECOND_US);
    struct tm utc;
    char stamp[32];
    gmtime_r(&seconds, &utc);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);

    struct fr_buffer line = {0};
    fr_buffer_append_format(&line,
                            line_format == FR_LOG_JSON
                                ? "{\"time\":\"%s.%03uZ\",\"level\":\"%s\",\"program\":\"%s\""
                                : "time=%s.%03uZ level=%s program=%s",
                            stamp, (unsigned)(wall_us / 1000 % 1000), level_names[level], program_name);
    fr_log_format_line(&line, line_format, event, fields, count);
    if (!line.failed) {
        /* A log that cannot be written has nowhere to say so. */
        ssize_t written = write(STDERR_FILENO, line.data, line.size);
        (void)written;
    }
    fr_buffer_fini(&line);
}
