/* SPDX-License-Identifier: MIT */
/*
 * paths.c - where things are by default.
 */
#include "service/paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* mkdir -p; path is changed and restored. */
static bool make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); ; slash = strchr(slash + 1, '/')) {
        if (slash != NULL) {
            *slash = '\0';
        }
        bool made = mkdir(path, 0700) == 0 || errno == EEXIST;
        if (slash != NULL) {
            *slash = '/';
        }
        if (!made || slash == NULL) {
            return made;
        }
    }
}

enum fr_code fr_default_database(char *ret_url, size_t size, struct fr_error *reterr)
{
    char folder[4096];
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    if (state != NULL && state[0] == '/') {
        snprintf(folder, sizeof folder, "%s/freshet", state);
    } else if (home != NULL && home[0] == '/') {
        snprintf(folder, sizeof folder, "%s/.local/state/freshet", home);
    } else {
        return fr_error_set(reterr, FR_FAILED_PRECONDITION,
                            "neither XDG_STATE_HOME nor HOME is set; say where the database is with --db");
    }
    if (!make_folders(folder)) {
        return fr_error_set(reterr, FR_FAILED_PRECONDITION, "cannot create '%.160s': %s; pass another --db", folder,
                            strerror(errno));
    }
    snprintf(ret_url, size, "sqlite:%s/freshet.db", folder);
    return FR_OK;
}
