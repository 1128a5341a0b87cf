/* SPDX-License-Identifier: MIT */
/*
 * bench_payload.c - freshet bench payload: runs freshet-bench-payload, which stands beside this program, in its place.
 *
 * A program of its own, so that the JSON libraries it compares, C++ among them, are no part of freshet.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "freshet/command.h"
#include "freshet/folder.h"
#include "freshet/report.h"

int command_bench_payload(int argc, char **argv)
{
    char folder[FOLDER_FILE_BYTES], path[FOLDER_FILE_BYTES + sizeof "/freshet-bench-payload"];
    struct fr_error error;
    (void)argc;
    if (folder_of_program(folder, &error) != FR_OK) {
        return report_failure("%s", error.message);
    }
    snprintf(path, sizeof path, "%s/freshet-bench-payload", folder);
    execv(path, argv);
    return report_failure("cannot run '%s': %s", path, strerror(errno));
}
