/* SPDX-License-Identifier: MIT */
/*
 * state_folder.c - where the database is by default.
 */
#include "base/state_folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Makes every folder of path above its last part; path is changed and restored. */
static enum fr_code make_folders(char *path, struct fr_error *reterr)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            return fr_error_set(reterr, FR_FAILED_PRECONDITION,
                                "cannot create the folder '%.160s': %s; pass another --db", path,
                                strerror(errno));
        }
        *slash = '/';
    }
    return FR_OK;
}

enum fr_code fr_default_database(char *ret_path, size_t size, struct fr_error *reterr)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int length;
    if (state != NULL && state[0] == '/') {
        length = snprintf(ret_path, size, "%s/freshet/freshet.db", state);
    } else if (home != NULL && home[0] == '/') {
        length = snprintf(ret_path, size, "%s/.local/state/freshet/freshet.db", home);
    } else {
        return fr_error_set(
            reterr, FR_FAILED_PRECONDITION,
            "neither XDG_STATE_HOME nor HOME names a folder; say where the database is with --db");
    }
    if (length < 0 || (size_t)length >= size) {
        return fr_error_set(reterr, FR_FAILED_PRECONDITION,
                            "the path of the default database is too long; pass another --db");
    }
    return make_folders(ret_path, reterr);
}
