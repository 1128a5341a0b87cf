/* SPDX-License-Identifier: MIT */
/*
 * log.h - logfmt lines on stderr: "time=… level=info program=freshet-api cache hit key=user:user-123".
 *
 * The event is a fixed text of lower-case words; as bare words it is valid logfmt. Values are quoted where needed
 * and every control character is escaped, so no value can start a new line or feign a field. A line is one write(2).
 * Thread-safe.
 */
#ifndef FR_BASE_LOG_H
#define FR_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

enum fr_log_level { FR_LOG_ERROR, FR_LOG_WARN, FR_LOG_INFO, FR_LOG_DEBUG };
enum fr_log_format { FR_LOG_LOGFMT, FR_LOG_JSON };

/* One key and its value; made by the functions below. */
struct fr_log_field {
    const char *key; /* lower case, borrowed */
    enum { FR_LOG_TEXT, FR_LOG_BYTES, FR_LOG_NUMBER } kind;
    union {
        const char *text;
        struct fr_bytes bytes;
        uint64_t number;
    };
};

static inline struct fr_log_field fr_log_text(const char *key, const char *text)
{
    return (struct fr_log_field){.key = key, .kind = FR_LOG_TEXT, .text = text};
}

static inline struct fr_log_field fr_log_bytes(const char *key, struct fr_bytes bytes)
{
    return (struct fr_log_field){.key = key, .kind = FR_LOG_BYTES, .bytes = bytes};
}

static inline struct fr_log_field fr_log_number(const char *key, uint64_t number)
{
    return (struct fr_log_field){.key = key, .kind = FR_LOG_NUMBER, .number = number};
}

/* Set once at start, before other threads run. program names the process in every line; borrowed for ever. */
void fr_log_setup(const char *program, enum fr_log_level level, enum fr_log_format format);

/* Lines about single requests are made only while this is on; it is off at start. Safe in a signal handler. */
void fr_log_requests_set(bool on);
bool fr_log_requests(void);

bool fr_log_enabled(enum fr_log_level level);
void fr_log_write(enum fr_log_level level, const char *event, const struct fr_log_field *fields, size_t count);

/* fr_log(FR_LOG_INFO, "redis connected", fr_log_text("address", text), fr_log_number("attempt", 3)); */
#define fr_log(level, event, ...)                                                                            \
    do {                                                                                                     \
        if (fr_log_enabled(level)) {                                                                         \
            const struct fr_log_field fr_log_fields_[] = {__VA_ARGS__};                                      \
            fr_log_write(level, event, fr_log_fields_, sizeof fr_log_fields_ / sizeof fr_log_fields_[0]);    \
        }                                                                                                    \
    } while (0)

/* The same for what happens once per request. */
#define fr_log_request(event, ...)                                                                           \
    do {                                                                                                     \
        if (fr_log_requests()) {                                                                             \
            fr_log(FR_LOG_INFO, event, __VA_ARGS__);                                                         \
        }                                                                                                    \
    } while (0)

/* Appends one line (without its time) as the given format writes it; the pure part, for tests. */
void fr_log_format_line(struct fr_buffer *out, enum fr_log_format format, const char *event,
                        const struct fr_log_field *fields, size_t count);

#endif
