/* SPDX-License-Identifier: MIT */
/*
 * database.h - which database `freshet up` uses, and the lock that keeps a second `up` from it.
 *
 * Two installations on one SQLite file with a Redis each would serve stale values: a write through one leaves
 * the other's Redis untouched.
 */
#ifndef FRESHET_DATABASE_H
#define FRESHET_DATABASE_H

#include "base/error.h"

#define DATABASE_BYTES 1024

struct database {
    char url[DATABASE_BYTES]; /* "sqlite:PATH" */
    int lock;                 /* open as long as the file is ours; -1: nothing is locked */
};

/*
 * given: "sqlite:PATH", or NULL for freshet/freshet.db in $XDG_STATE_HOME (else ~/.local/state), whose folder
 * is made.
 *   FR_INVALID_ARGUMENT     given is something else
 *   FR_FAILED_PRECONDITION  another one holds the lock, or there is no folder or lock file
 */
FR_MUST_CHECK enum fr_code database_init(struct database *self, const char *given, struct fr_error *reterr);
/* Removes the lock file. */
void database_fini(struct database *self);

#endif
