/* SPDX-License-Identifier: MIT */
/*
 * usage.h - the options, arguments and --help of one command.
 */
#ifndef FRESHET_USAGE_H
#define FRESHET_USAGE_H

#include <stdbool.h>

#include "base/options.h"

struct usage {
    const char *command;   /* "call" */
    const char *arguments; /* "[OPTION]… SERVICE/METHOD [JSON]" */
    const char *text;      /* what --help says before the options; ends in a line feed */
    const struct fr_option *options;
    size_t option_count;
    int min, max; /* how many arguments there may be besides options */
};

/*
 * true: run; argv[1…*ret_count] are the arguments. false: help or a complaint has been printed, return
 * *ret_exit.
 */
bool usage_parse(const struct usage *self, int argc, char **argv, int *ret_count, int *ret_exit);

#endif
