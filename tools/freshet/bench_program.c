/* SPDX-License-Identifier: MIT */
/*
 * bench_program.c - freshet bench payload and freshet bench variants: each runs a program that stands beside this one,
 * in its place.
 *
 * Programs of their own, so that the JSON libraries, Redis clients and databases that they work with are no part of
 * freshet.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "freshet/command.h"
#include "freshet/folder.h"
#include "freshet/report.h"

#define PROGRAM_BYTES 64

static int become(const char *program, char **argv)
{
    char folder[FOLDER_FILE_BYTES], path[FOLDER_FILE_BYTES + PROGRAM_BYTES];
    struct fr_error error;
    if (folder_of_program(folder, &error) != FR_OK) {
        return report_failure("%s", error.message);
    }
    snprintf(path, sizeof path, "%s/%s", folder, program);
    execv(path, argv);
    return report_failure("cannot run '%s': %s", path, strerror(errno));
}

int command_bench_payload(int argc, char **argv)
{
    (void)argc;
    return become("freshet-bench-payload", argv);
}

int command_bench_variants(int argc, char **argv)
{
    (void)argc;
    return become("freshet-bench-variants", argv);
}
