/* SPDX-License-Identifier: MIT */
/*
 * options.h - one table per program: parsing, environment, defaults and --help come from it.
 *
 * A flag beats an environment variable, which beats the default.
 */
#ifndef FR_BASE_OPTIONS_H
#define FR_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct fr_buffer;

enum fr_option_type {
    FR_OPTION_TEXT,     /* value: const char **; borrowed from argv, the environment or the table */
    FR_OPTION_FLAG,     /* value: bool *; takes no argument */
    FR_OPTION_NUMBER,   /* value: uint64_t *; a whole number within [min, max]; it may end in k, M or G, of 1024 */
    FR_OPTION_DURATION, /* value: uint64_t *, microseconds; "0.25", "250ms", "3s", "1m"; a bare number is seconds */
    FR_OPTION_CHOICE,   /* value: unsigned *, the index among choices */
    FR_OPTION_LIST,     /* value: struct fr_option_list *; may be given many times, but in no variable */
};

struct fr_option_list {
    const char *items[64]; /* borrowed from argv */
    size_t count;
};

struct fr_option {
    const char *name;          /* without the dashes, such as "listen" */
    char letter;               /* short form, 0 for none */
    const char *environment;   /* variable, or NULL */
    enum fr_option_type type;
    const char *default_value; /* text as a user would type it, or NULL for none */
    const char *argument;      /* what --help calls the value, such as "URL" */
    const char *help;          /* one sentence without the full stop */
    uint64_t min, max;         /* for NUMBER and DURATION; max 0: no limit */
    const char *const *choices; /* NULL-terminated, for CHOICE */
    void *value;
};

/*
 * Sets defaults, then the environment, then the flags of argv[1…]. What is no flag is a positional argument:
 * these are moved to argv[1…*ret_count], in order; "--" ends the flags and "-" alone is positional.
 * An unknown flag, a missing or a wrong value is INVALID_ARGUMENT with a message that names it.
 * --help and -h set *ret_help and end the parsing with FR_OK.
 */
FR_MUST_CHECK enum fr_code fr_options_parse(const struct fr_option *options, size_t count, int argc, char **argv,
                                            int *ret_count, bool *ret_help, struct fr_error *reterr);

/* Appends the option rows of --help, aligned, with defaults and variables. */
void fr_options_help(const struct fr_option *options, size_t count, struct fr_buffer *out);

/* "0.25", "250ms", "3s", "1m", "2h", "10us" to microseconds. false: not a duration. */
bool fr_duration_parse(const char *text, uint64_t *ret_us);

#endif
