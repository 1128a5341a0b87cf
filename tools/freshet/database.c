/* SPDX-License-Identifier: MIT */
/*
 * database.c - which database `freshet up` uses, and the lock that keeps a second `up` from it.
 */
#include "freshet/database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/state_folder.h"

#define SCHEME     "sqlite:"
#define LOCK_BYTES (DATABASE_BYTES + 8)

/* In freshet-data's words. */
static enum fr_code cannot_lock(const char *path, int cause_errno, struct fr_error *reterr)
{
    const char *cause = strerrordesc_np(cause_errno), *advice = "pass another --db";
    if (cause_errno == ENOENT) {
        cause = "its folder does not exist";
        advice = "create it or pass another --db";
    } else if (cause_errno == ENOTDIR) {
        cause = "a part of its path is not a folder";
    } else if (cause_errno == EACCES || cause_errno == EPERM || cause_errno == EROFS) {
        cause = "its folder is not writable";
        advice = "make it so or pass another --db";
    }
    return fr_error_set(reterr, FR_FAILED_PRECONDITION, "cannot open '%.140s': %s; %s", path, cause, advice);
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
            return cannot_lock(path, errno, reterr);
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
        enum fr_code code = fr_default_database(path, sizeof path - 16, reterr);
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
    return take_lock(self, reterr);
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
