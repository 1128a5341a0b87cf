/* SPDX-License-Identifier: MIT */
/*
 * report.c - diagnostics on stderr, and the exit codes that go with them.
 */
#include "freshet/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "freshet/command.h"

bool report_coloured(FILE *stream)
{
    const char *no_colour = getenv("NO_COLOR");
    return (no_colour == NULL || no_colour[0] == '\0') && isatty(fileno(stream));
}

void report_plain(FILE *stream, struct fr_bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        putc(text.data[i] < ' ' || text.data[i] == 0x7F ? '?' : text.data[i], stream);
    }
}

static void print_line(const char *label, const char *format, va_list arguments)
{
    struct fr_error line;
    bool coloured = report_coloured(stderr);
    fr_error_setv(&line, FR_UNKNOWN, format, arguments);
    fprintf(stderr, coloured ? "\033[1;31m%s:\033[0m " : "%s: ", label);
    report_plain(stderr, fr_bytes_of(line.message));
    fputc('\n', stderr);
}

int report_usage(const char *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_line("freshet", format, arguments);
    va_end(arguments);
    if (command != NULL) {
        fprintf(stderr, "'freshet %s%s' shows the usage\n", command,
                strcmp(command, "help") == 0 ? "" : " --help");
    }
    return EXIT_USAGE;
}

int report_failure(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_line("freshet", format, arguments);
    va_end(arguments);
    return EXIT_OTHER;
}

int report_status(enum fr_code code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_line(fr_code_name(code), format, arguments);
    va_end(arguments);
    return EXIT_RPC + (int)code;
}

void report_json_text(struct fr_buffer *out, const char *text)
{
    fr_buffer_append_text(out, "\"");
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\') {
            fr_buffer_append_format(out, "\\%c", *at);
        } else if ((unsigned char)*at < ' ') {
            fr_buffer_append_format(out, "\\u%04x", *at);
        } else {
            fr_buffer_append(out, at, 1);
        }
    }
    fr_buffer_append_text(out, "\"");
}

void report_time(struct fr_buffer *out, uint64_t time_us)
{
    if (time_us < FR_MILLISECOND_US) {
        fr_buffer_append_format(out, "%" PRIu64 " µs", time_us);
    } else if (time_us < FR_SECOND_US) {
        fr_buffer_append_format(out, "%.2f ms", (double)time_us / FR_MILLISECOND_US);
    } else {
        fr_buffer_append_format(out, "%.2f s", (double)time_us / FR_SECOND_US);
    }
}
