/* SPDX-License-Identifier: MIT */
/*
 * usage.c - the options, arguments and --help of one command.
 */
#include "freshet/usage.h"

#include <stdio.h>

#include "base/buffer.h"
#include "freshet/report.h"

static void print_help(const struct usage *self)
{
    struct fr_buffer rows = {0};
    fr_options_help(self->options, self->option_count, &rows);
    printf("usage: freshet %s %s\n\n%s\n", self->command, self->arguments, self->text);
    if (rows.size > 0) {
        printf("%s", fr_buffer_text(&rows));
    }
    puts("  -h, --help                    show this");
    fr_buffer_fini(&rows);
}

bool usage_parse(const struct usage *self, int argc, char **argv, int *ret_count, int *ret_exit)
{
    struct fr_error error;
    bool help;
    *ret_exit = 0;
    if (fr_options_parse(self->options, self->option_count, argc, argv, ret_count, &help, &error) != FR_OK) {
        *ret_exit = report_usage(self->command, "%s", error.message);
        return false;
    }
    if (help) {
        print_help(self);
        return false;
    }
    if (*ret_count < self->min) {
        *ret_exit = report_usage(self->command, "an argument is missing: freshet %s %s", self->command,
                                 self->arguments);
        return false;
    }
    if (*ret_count > self->max) {
        *ret_exit = report_usage(self->command, "unexpected argument '%s'", argv[self->max + 1]);
        return false;
    }
    return true;
}
