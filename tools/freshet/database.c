/* SPDX-License-Identifier: MIT */
/*
 * database.c - which database `freshet up` uses, and the lock that keeps a second `up` from it.
 */
#include "freshet/database.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Makes every folder of path above its last part. */
static enum fr_code make_folders(const char *path, struct fr_error *reterr)
{
    char folder[DATABASE_BYTES];
    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
        if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
            return fr_error_set(reterr, FR_FAILED_PRECONDITION, "cannot make the folder '%s': %s", folder,
                                strerror(errno));
        }
    }
    return FR_OK;
}

static enum fr_code default_path(char *path, struct fr_error *reterr)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int size;
    if (state != NULL && state[0] == '/') {
        size = snprintf(path, DATABASE_BYTES, "%s/freshet/freshet.db", state);
    } else if (home != NULL && home[0] == '/') {
        size = snprintf(path, DATABASE_BYTES, "%s/.local/state/freshet/freshet.db", home);
    } else {
        return fr_error_set(reterr, FR_FAILED_PRECONDITION,
                            "neither XDG_STATE_HOME nor HOME names a folder; give a database with --db");
    }
    if (size >= DATABASE_BYTES - 16) {
        return fr_error_set(reterr, FR_FAILED_PRECONDITION, "the path of the default database is too long");
    }
    return make_folders(path, reterr);
}

/* "postgres:…" and the like; a path may hold a colon further on. */
static bool is_other_scheme(const char *text)
{
    size_t letters = 0;
    while (isalnum((unsigned char)text[letters])) {
        letters++;
    }
    return letters > 1 && text[letters] == ':';
}

static enum fr_code take_lock(struct database *self, const char *path, struct fr_error *reterr)
{
    char lock[DATABASE_BYTES + 8];
    snprintf(lock, sizeof lock, "%s.lock", path);
    self->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (self->lock < 0) {
        return fr_error_set(reterr, FR_FAILED_PRECONDITION, "cannot open '%s': %s", lock, strerror(errno));
    }
    if (flock(self->lock, LOCK_EX | LOCK_NB) != 0) {
        return fr_error_set(reterr, FR_FAILED_PRECONDITION,
                            "the database '%s' is used by another 'freshet up' (it holds '%s.lock')", path,
                            path);
    }
    return FR_OK;
}

enum fr_code database_init(struct database *self, const char *given, struct fr_error *reterr)
{
    char path[DATABASE_BYTES];
    self->lock = -1;
    if (given == NULL) {
        enum fr_code code = default_path(path, reterr);
        if (code != FR_OK) {
            return code;
        }
    } else {
        bool sqlite = strncmp(given, "sqlite:", 7) == 0;
        int size = snprintf(path, sizeof path, "%s", sqlite ? given + 7 : given);
        if (size >= DATABASE_BYTES - 16) {
            return fr_error_set(reterr, FR_FAILED_PRECONDITION, "--db: the path is too long");
        }
        if (!sqlite && is_other_scheme(given)) {
            strcpy(self->url, path);
            return FR_OK;
        }
    }
    snprintf(self->url, sizeof self->url, "sqlite:%.*s", DATABASE_BYTES - 8, path);
    return take_lock(self, path, reterr);
}

void database_fini(struct database *self)
{
    if (self->lock >= 0) {
        close(self->lock);
        self->lock = -1;
    }
}
