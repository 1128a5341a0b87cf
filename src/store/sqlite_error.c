/* SPDX-License-Identifier: MIT */
/*
 * sqlite_error.c - turns SQLite's errors into codes and messages that say what to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/sqlite.h"

#define SHOWN_PATH_BYTES 100

/*
 * The database as messages show it: its path, of which a long one loses its front, so that the cause behind it still
 * fits. Without a path (NULL) it is "the database".
 */
struct shown_path {
    char text[SHOWN_PATH_BYTES + 6];
};

static struct shown_path show(const char *path)
{
    struct shown_path shown = {"the database"};
    size_t size = path == NULL ? 0 : strlen(path);
    if (path == NULL) {
        return shown;
    }
    const char *from = size > SHOWN_PATH_BYTES ? path + size - SHOWN_PATH_BYTES : path;
    while (((unsigned char)*from & 0xC0) == 0x80) {
        from++; /* not into the middle of a character */
    }
    snprintf(shown.text, sizeof shown.text, "'%s%s'", size > SHOWN_PATH_BYTES ? "..." : "", from);
    return shown;
}

/* Cuts path down to its folder. */
static void folder_of(const char *path, char *folder, size_t size)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        snprintf(folder, size, ".");
    } else {
        snprintf(folder, size, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    }
}

static bool may(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0;
}

/* SQLite says only that it cannot open the file; looks for the cause. */
static enum fr_code cannot_open(const char *path, int system_errno, struct fr_error *reterr)
{
    const char *cause;
    char folder[4096];
    struct stat file;
    struct stat around;
    folder_of(path, folder, sizeof folder);
    bool exists = stat(path, &file) == 0;
    int folder_errno = stat(folder, &around) == 0 ? 0 : errno;
    if (exists && S_ISDIR(file.st_mode)) {
        cause = "it is a folder; pass a file with --db";
    } else if (exists && !may(path, R_OK)) {
        cause = "permission denied; make it readable and writable or pass another --db";
    } else if (folder_errno == ENOENT) {
        cause = "its folder does not exist; create it or pass another --db";
    } else if (folder_errno == ENOTDIR || (folder_errno == 0 && !S_ISDIR(around.st_mode))) {
        cause = "a part of its path is not a folder; pass another --db";
    } else if (!may(folder, W_OK | X_OK)) {
        cause = "its folder is not writable; make it so or pass another --db";
    } else {
        cause = system_errno != 0 ? strerrordesc_np(system_errno) : "SQLite cannot open it";
    }
    return fr_error_set(reterr, FR_FAILED_PRECONDITION, "cannot open %s: %s", show(path).text, cause);
}

/* "UNIQUE constraint failed: users.email" */
static enum fr_code constraint_failed(int extended, const char *message, struct fr_error *reterr)
{
    bool unique = extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY ||
                  extended == SQLITE_CONSTRAINT_ROWID;
    if (!unique) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "%s", message);
    }
    const char *column = strstr(message, ": ");
    return fr_error_set(reterr, FR_ALREADY_EXISTS, "another row holds this value of %s",
                        column != NULL ? column + 2 : "a unique column");
}

enum fr_code fr_sqlite_not_a_database(const char *path, const char *cause, struct fr_error *reterr)
{
    return fr_error_set(
        reterr, FR_FAILED_PRECONDITION,
        "%s is not a SQLite database (or is corrupt): %.60s; move it away or pass another --db",
        show(path).text, cause);
}

enum fr_code fr_sqlite_read_only(const char *path, struct fr_error *reterr)
{
    return fr_error_set(reterr, FR_FAILED_PRECONDITION,
                        "%s is read-only; make it and its folder writable or pass another --db",
                        show(path).text);
}

/* Something is wrong with the file itself. Once it has been opened that is not for the caller to mend. */
static enum fr_code bad_file(const struct fr_sqlite_connection *self, int result, struct fr_error *reterr)
{
    const char *message = sqlite3_errmsg(self->database);
    if (self->path == NULL) {
        return fr_error_set(reterr, FR_INTERNAL, "the database: %s", message);
    }
    switch (result) {
    case SQLITE_READONLY:
        return fr_sqlite_read_only(self->path, reterr);
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return fr_sqlite_not_a_database(self->path, message, reterr);
    default:
        return cannot_open(self->path, sqlite3_system_errno(self->database), reterr);
    }
}

enum fr_code fr_sqlite_error(const struct fr_sqlite_connection *self, struct fr_error *reterr)
{
    const char *path = self->path;
    const char *message = sqlite3_errmsg(self->database);
    int extended = sqlite3_extended_errcode(self->database);
    switch (extended & 0xFF) {
    case SQLITE_CONSTRAINT:
        return constraint_failed(extended, message, reterr);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return fr_error_set(reterr, FR_UNAVAILABLE,
                            "%s is locked by another program for more than %g s; end its transaction",
                            show(path).text, (double)self->patience_us / FR_SECOND_US);
    case SQLITE_READONLY:
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return bad_file(self, extended & 0xFF, reterr);
    case SQLITE_FULL:
        return fr_error_set(reterr, FR_RESOURCE_EXHAUSTED, "no space left for %s; free some",
                            show(path).text);
    case SQLITE_NOMEM:
        return fr_error_no_memory(reterr);
    case SQLITE_TOOBIG:
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "a value is too large for the database");
    default:
        return fr_error_set(reterr, FR_INTERNAL, "%s: %s", show(path).text, message);
    }
}
