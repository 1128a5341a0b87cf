/* SPDX-License-Identifier: MIT */
/*
 * options.c - one table per program: parsing, environment, defaults and --help come from it.
 */
#include "base/options.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

#define LONGEST_DURATION_US 1e15 /* about 31 years */

bool fr_duration_parse(const char *text, uint64_t *ret_us)
{
    static const struct {
        const char *name;
        double us;
    } units[] = {{"", 1e6}, {"us", 1}, {"ms", 1e3}, {"s", 1e6}, {"m", 60e6}, {"h", 3600e6}};
    char *end;
    if (!isdigit((unsigned char)text[0]) && text[0] != '.') {
        return false;
    }
    double number = strtod(text, &end);
    if (end != text + strspn(text, "0123456789.")) {
        return false; /* strtod also reads "0x10" and "1e3" */
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].name) == 0 && end != text && number * units[i].us <= LONGEST_DURATION_US) {
            /* Rounded up, so that a positive duration never becomes 0. */
            *ret_us = (uint64_t)ceil(number * units[i].us);
            return true;
        }
    }
    return false;
}

static bool parse_number(const char *text, uint64_t *ret_number)
{
    char *end;
    errno = 0;
    if (!isdigit((unsigned char)text[0])) {
        return false;
    }
    unsigned long long number = strtoull(text, &end, 10);
    unsigned shift = *end == 'k' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
    end += shift != 0;
    if (errno != 0 || *end != '\0' || number > UINT64_MAX >> shift) {
        return false;
    }
    *ret_number = (uint64_t)number << shift;
    return true;
}

static enum fr_code set_choice(const struct fr_option *option, const char *origin, const char *text,
                               struct fr_error *reterr)
{
    struct fr_buffer names = {0};
    for (unsigned i = 0; option->choices[i] != NULL; i++) {
        if (strcmp(option->choices[i], text) == 0) {
            *(unsigned *)option->value = i;
            fr_buffer_fini(&names);
            return FR_OK;
        }
        fr_buffer_append_format(&names, "%s%s", i == 0 ? "" : ", ", option->choices[i]);
    }
    fr_error_set(reterr, FR_INVALID_ARGUMENT, "%s: expected one of %s, got '%s'", origin, fr_buffer_text(&names),
                 text);
    fr_buffer_fini(&names);
    return FR_INVALID_ARGUMENT;
}

/* Durations in seconds, which is what a bare number means. */
static void append_limit(struct fr_buffer *out, const struct fr_option *option, uint64_t limit)
{
    if (option->type != FR_OPTION_DURATION) {
        fr_buffer_append_format(out, "%" PRIu64, limit);
        return;
    }
    unsigned digits = 6;
    uint64_t fraction = limit % 1000000;
    for (; digits > 0 && fraction % 10 == 0; digits--) {
        fraction /= 10;
    }
    fr_buffer_append_format(out, "%.*f s", (int)digits, (double)limit / 1e6);
}

static enum fr_code out_of_range(const struct fr_option *option, const char *origin, const char *text,
                                 struct fr_error *reterr)
{
    struct fr_buffer limits = {0};
    fr_buffer_append_text(&limits, option->max == 0 ? "less than " : "not between ");
    append_limit(&limits, option, option->min);
    if (option->max != 0) {
        fr_buffer_append_text(&limits, " and ");
        append_limit(&limits, option, option->max);
    }
    const char *range = fr_buffer_text(&limits);
    enum fr_code code = range == NULL ? fr_error_no_memory(reterr)
                                      : fr_error_set(reterr, FR_INVALID_ARGUMENT, "%s: %s is %s", origin, text, range);
    fr_buffer_fini(&limits);
    return code;
}

/* origin is how messages name the source of text: the flag or the variable. */
static enum fr_code set_value(const struct fr_option *option, const char *origin, const char *text,
                              struct fr_error *reterr)
{
    uint64_t number = 0;
    switch (option->type) {
    case FR_OPTION_TEXT:
        *(const char **)option->value = text;
        return FR_OK;
    case FR_OPTION_FLAG:
        *(bool *)option->value = strcmp(text, "0") != 0 && strcmp(text, "false") != 0 && text[0] != '\0';
        return FR_OK;
    case FR_OPTION_CHOICE:
        return set_choice(option, origin, text, reterr);
    case FR_OPTION_LIST: {
        struct fr_option_list *list = option->value;
        if (list->count == sizeof list->items / sizeof list->items[0]) {
            return fr_error_set(reterr, FR_INVALID_ARGUMENT, "%s: given too often", origin);
        }
        list->items[list->count++] = text;
        return FR_OK;
    }
    case FR_OPTION_NUMBER:
        if (!parse_number(text, &number)) {
            return fr_error_set(reterr, FR_INVALID_ARGUMENT, "%s: expected a whole number, got '%s'", origin,
                                text);
        }
        break;
    case FR_OPTION_DURATION:
        if (!fr_duration_parse(text, &number)) {
            return fr_error_set(reterr, FR_INVALID_ARGUMENT,
                                "%s: expected a duration such as 2.5, 250ms or 1m, got '%s'", origin, text);
        }
        break;
    }
    if (number < option->min || (option->max != 0 && number > option->max)) {
        return out_of_range(option, origin, text, reterr);
    }
    *(uint64_t *)option->value = number;
    return FR_OK;
}

static const struct fr_option *find_option(const struct fr_option *options, size_t count, const char *name,
                                           size_t length)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(options[i].name) == length && strncmp(options[i].name, name, length) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

static const struct fr_option *find_letter(const struct fr_option *options, size_t count, char letter)
{
    for (size_t i = 0; i < count; i++) {
        if (options[i].letter == letter) {
            return &options[i];
        }
    }
    return NULL;
}

static enum fr_code set_defaults(const struct fr_option *options, size_t count, struct fr_error *reterr)
{
    for (size_t i = 0; i < count; i++) {
        const char *variable = options[i].environment;
        const char *text = variable == NULL ? NULL : getenv(variable);
        if (text == NULL || text[0] == '\0') {
            text = options[i].default_value;
            variable = options[i].name;
        }
        if (text != NULL && set_value(&options[i], variable, text, reterr) != FR_OK) {
            return FR_INVALID_ARGUMENT;
        }
    }
    return FR_OK;
}

/* Takes the flag at argv[*index], and its value, which may be the next argument. */
static enum fr_code parse_flag(const struct fr_option *options, size_t count, int argc, char **argv, int *index,
                               struct fr_error *reterr)
{
    const char *argument = argv[*index];
    const struct fr_option *option;
    const char *value = NULL;
    if (argument[1] == '-') {
        const char *equals = strchr(argument, '=');
        size_t length = equals == NULL ? strlen(argument + 2) : (size_t)(equals - argument - 2);
        option = find_option(options, count, argument + 2, length);
        value = equals == NULL ? NULL : equals + 1;
    } else {
        option = find_letter(options, count, argument[1]);
        value = argument[2] == '\0' ? NULL : argument + 2;
    }
    if (option == NULL) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "unknown option '%s'; --help lists the options", argument);
    }
    char origin[64];
    strcpy(origin, "--");
    strncat(origin, option->name, sizeof origin - 3);
    if (option->type == FR_OPTION_FLAG && value == NULL) {
        value = "1";
    }
    if (value == NULL) {
        if (*index + 1 >= argc) {
            return fr_error_set(reterr, FR_INVALID_ARGUMENT, "%s needs a value: %s", origin, option->argument);
        }
        value = argv[++*index];
    }
    return set_value(option, origin, value, reterr);
}

enum fr_code fr_options_parse(const struct fr_option *options, size_t count, int argc, char **argv, int *ret_count,
                              bool *ret_help, struct fr_error *reterr)
{
    int positional = 0;
    bool only_positional = false;
    *ret_help = false;
    if (set_defaults(options, count, reterr) != FR_OK) {
        return FR_INVALID_ARGUMENT;
    }
    for (int i = 1; i < argc; i++) {
        if (only_positional || argv[i][0] != '-' || argv[i][1] == '\0') {
            argv[++positional] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            only_positional = true;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            *ret_help = true;
            return FR_OK;
        } else if (parse_flag(options, count, argc, argv, &i, reterr) != FR_OK) {
            return FR_INVALID_ARGUMENT;
        }
    }
    *ret_count = positional;
    return FR_OK;
}

void fr_options_help(const struct fr_option *options, size_t count, struct fr_buffer *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct fr_option *option = &options[i];
        char letter[8] = "    ";
        if (option->letter != 0) {
            strcpy(letter, "-?, ");
            letter[1] = option->letter;
        }
        size_t start = out->size;
        fr_buffer_append_format(out, "  %s--%s%s%s", letter, option->name, option->argument == NULL ? "" : " ",
                                option->argument == NULL ? "" : option->argument);
        size_t width = out->size - start;
        fr_buffer_append_format(out, "%*s%s", width < 32 ? (int)(32 - width) : 2, "", option->help);
        if (option->default_value != NULL && option->default_value[0] != '\0') {
            fr_buffer_append_format(out, " [%s]", option->default_value);
        }
        if (option->environment != NULL) {
            fr_buffer_append_format(out, " (%s)", option->environment);
        }
        fr_buffer_append_text(out, "\n");
    }
}
