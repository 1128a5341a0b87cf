/* SPDX-License-Identifier: MIT */
/*
 * database.c - which database `freshet up` uses, and the lock that keeps a second `up` from it.
 */
#include "freshet/database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEME     "sqlite:"
#define LOCK_BYTES (DATABASE_BYTES + 8)

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

/* The folder of path, where it has one, must be there. */
static enum fr_code check_folder(const char *path, struct fr_error *reterr)
{
    struct stat status;
    const char *slash = strrchr(path, '/');
    char folder[DATABASE_BYTES];
    if (slash == NULL || slash == path) {
        return FR_OK;
    }
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    if (stat(folder, &status) == 0 && !S_ISDIR(status.st_mode)) {
        errno = ENOTDIR;
    } else if (access(folder, F_OK) == 0) {
        return FR_OK;
    }
    return fr_error_set(reterr, FR_FAILED_PRECONDITION, "the database's folder '%s': %s", folder,
                        strerror(errno));
}

/* Whether path still names the file that is open at fd: the one who had the lock removes it. */
static bool is_file_at(int fd, const char *path)
{
    struct stat open_one, named;
    return fstat(fd, &open_one) == 0 && stat(path, &named) == 0 && open_one.st_dev == named.st_dev &&
           open_one.st_ino == named.st_ino;
}

static enum fr_code take_lock(struct database *self, struct fr_error *reterr)
{
    const char *path = self->url + strlen(SCHEME);
    char lock[LOCK_BYTES];
    snprintf(lock, sizeof lock, "%s.lock", path);
    for (;;) {
        int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0) {
            return fr_error_set(reterr, FR_FAILED_PRECONDITION, "cannot open '%s': %s", lock,
                                strerror(errno));
        }
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            close(fd);
            return fr_error_set(reterr, FR_FAILED_PRECONDITION,
                                "another 'freshet up' uses the database '%s'; give this one its own --db and "
                                "--port-base",
                                path);
        }
        if (is_file_at(fd, lock)) {
            self->lock = fd;
            return FR_OK;
        }
        close(fd);
    }
}

enum fr_code database_init(struct database *self, const char *given, struct fr_error *reterr)
{
    char path[DATABASE_BYTES];
    size_t scheme = strlen(SCHEME);
    self->lock = -1;
    if (given == NULL) {
        enum fr_code code = default_path(path, reterr);
        if (code != FR_OK) {
            return code;
        }
    } else if (strncmp(given, SCHEME, scheme) != 0 || given[scheme] == '\0') {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "--db: '%s' is no database URL; write sqlite:PATH",
                            given);
    } else if (snprintf(path, sizeof path, "%s", given + scheme) >= DATABASE_BYTES - 16) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "--db: the path is too long");
    }
    snprintf(self->url, sizeof self->url, SCHEME "%.*s", DATABASE_BYTES - 8, path);
    enum fr_code code = check_folder(path, reterr);
    return code == FR_OK ? take_lock(self, reterr) : code;
}

void database_fini(struct database *self)
{
    char lock[LOCK_BYTES];
    if (self->lock >= 0) {
        snprintf(lock, sizeof lock, "%s.lock", self->url + strlen(SCHEME));
        unlink(lock);
        close(self->lock);
        self->lock = -1;
    }
}
