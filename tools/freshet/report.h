/* SPDX-License-Identifier: MIT */
/*
 * report.h - diagnostics on stderr, and the exit codes that go with them.
 */
#ifndef FRESHET_REPORT_H
#define FRESHET_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/error.h"

/* Colour only on a terminal and never with NO_COLOR. */
bool report_coloured(FILE *stream);

/* Each prints one line; text from strangers may stand in it, control characters are made visible. */
/* "freshet: …" and where the help is (command may be NULL). Returns EXIT_USAGE. */
int report_usage(const char *command, const char *format, ...) FR_PRINTF(2, 3);
/* "freshet: …". Returns EXIT_OTHER. */
int report_failure(const char *format, ...) FR_PRINTF(1, 2);
/* "NOT_FOUND: …". Returns EXIT_RPC + code. */
int report_status(enum fr_code code, const char *format, ...) FR_PRINTF(2, 3);

/* Writes text with its control characters replaced by '?', so that it cannot drive the terminal. */
void report_plain(FILE *stream, struct fr_bytes text);

/* Appends text as a JSON string with its quotes. */
void report_json_text(struct fr_buffer *out, const char *text);
/* Appends "812 µs", "1.24 ms" or "3.10 s". */
void report_time(struct fr_buffer *out, uint64_t time_us);

#endif
