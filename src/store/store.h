/* SPDX-License-Identifier: MIT */
/*
 * store.h - a relational database behind one small interface, with tracked tables.
 *
 * A tracked table draws the version of every write from one sequence of the database and leaves a mark in
 * dirty(kind, reference, version, time_us) in the same transaction, by trigger: also for writes made by other
 * programs. Statements use $1, $2, … for parameters.
 *
 * The stamp follows the write: "RETURNING version" gives the old one, so take the new one from the marks of
 * fr_store_commit or from a SELECT within the transaction.
 */
#ifndef FR_STORE_STORE_H
#define FR_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

#define FR_STORE_PATIENCE_US UINT64_C(5000000)

struct fr_store;            /* a database; thread-safe */
struct fr_store_connection; /* one thread at a time */
struct fr_store_row;        /* borrowed within the row callback */

struct fr_store_value {
    enum { FR_STORE_NULL, FR_STORE_INTEGER, FR_STORE_TEXT, FR_STORE_BLOB } kind;
    int64_t integer;
    struct fr_bytes bytes; /* borrowed; for TEXT and BLOB */
};

/* One cache key that a transaction made old. */
struct fr_store_mark {
    char *kind, *reference; /* "user" and "user-123"; percent-encoded as in a cache key */
    uint64_t version;
    /*
     * When it was written, microseconds since the epoch on the clock of whoever wrote; 0: not known. For the marks of
     * fr_store_commit right after the commit, for others that of the statement, which the commit followed.
     */
    uint64_t commit_time_us;
};

struct fr_store_marks {
    struct fr_store_mark *items; /* owned */
    size_t count;
};

void fr_store_marks_fini(struct fr_store_marks *self);

/*
 * url is "sqlite:PATH". The file is created when it is not there; its folder is created only for the default
 * path by the programs. *ret_store is owned.
 *   FR_INVALID_ARGUMENT     not such a URL
 *   FR_FAILED_PRECONDITION  the folder is missing, the file is read-only, corrupt or no database: the message says
 *                           which and what to do
 *   FR_UNAVAILABLE          locked for too long
 */
FR_MUST_CHECK enum fr_code fr_store_open(const char *url, struct fr_store **ret_store,
                                         struct fr_error *reterr);
/* After its connections. NULL is fine. */
void fr_store_free(struct fr_store *self);

FR_MUST_CHECK enum fr_code
fr_store_connect(struct fr_store *self, struct fr_store_connection **ret_connection, struct fr_error *reterr);
void fr_store_connection_free(struct fr_store_connection *self);
/* How long a statement or a transaction waits while others write, at first FR_STORE_PATIENCE_US; then UNAVAILABLE. */
void fr_store_set_patience(struct fr_store_connection *self, uint64_t patience_us);
/*
 * Where the database is, such as its path; borrowed until the store is freed. For logs: the errors of a connection do
 * not name it, since they go to callers.
 */
const char *fr_store_location(const struct fr_store_connection *self);

/*
 * Runs a script of statements in one transaction, such as CREATE TABLE IF NOT EXISTS. Within a transaction it
 * joins that one, which its owner must roll back after an error; so do fr_store_track and fr_store_clear.
 */
FR_MUST_CHECK enum fr_code fr_store_migrate(struct fr_store_connection *self, const char *script,
                                            struct fr_error *reterr);

/*
 * Tracks a table that has an integer column "version". columns is "id" or "a,b": the key of kind. One table
 * may have several kinds, which share the version of a write. Idempotent: writes nothing when all is as it
 * should be. Call it again after a change of the table's columns or unique indexes.
 *
 * An UPDATE that leaves the column update_time_us, where there is one, as it was sets it to the current time.
 * A row with NULL in a key column has no such key and leaves no mark. A NUL byte in a key column is refused.
 * INSERT OR REPLACE and UPDATE OR REPLACE also mark the rows that they remove, except for a conflict in a
 * partial index or an index on expressions: do not use them there.
 *   FR_INVALID_ARGUMENT     a name is no identifier: [A-Za-z_][A-Za-z0-9_]*
 *   FR_FAILED_PRECONDITION  there is no such table, or it lacks one of the columns
 */
FR_MUST_CHECK enum fr_code fr_store_track(struct fr_store_connection *self, const char *table,
                                          const char *kind, const char *columns, struct fr_error *reterr);

/* Returning false ends the query early. */
typedef bool fr_store_on_row(void *argument, const struct fr_store_row *row);

/*
 * Runs one prepared statement (kept for reuse by its text, so let texts be few). sql and parameters are
 * borrowed. on_row may be NULL; it may run other statements on this connection. A floating-point column is
 * given as text. ret_changes (may be NULL): rows written, not counting what triggers wrote.
 *   FR_ALREADY_EXISTS    a unique column holds that value; the message names table and column ("users.email")
 *   FR_INVALID_ARGUMENT  another constraint
 *   FR_UNAVAILABLE       locked for too long
 *   FR_INTERNAL          anything else, with the database's words
 */
FR_MUST_CHECK enum fr_code fr_store_run(struct fr_store_connection *self, const char *sql,
                                        const struct fr_store_value *parameters, size_t parameter_count,
                                        fr_store_on_row *on_row, void *argument, uint64_t *ret_changes,
                                        struct fr_error *reterr);

struct fr_store_value fr_store_row_get(const struct fr_store_row *self, unsigned column);

static inline struct fr_store_value fr_store_text(const char *text)
{
    return (struct fr_store_value){.kind = FR_STORE_TEXT, .bytes = fr_bytes_of(text)};
}

static inline struct fr_store_value fr_store_integer(int64_t integer)
{
    return (struct fr_store_value){.kind = FR_STORE_INTEGER, .integer = integer};
}

/* A write transaction; takes the write lock at once. End it with commit or rollback. */
FR_MUST_CHECK enum fr_code fr_store_begin(struct fr_store_connection *self, struct fr_error *reterr);
/*
 * *ret_marks (owned; fini it) is what this transaction made old, by rising version; ret_marks may be NULL.
 * On an error the transaction has been rolled back.
 */
FR_MUST_CHECK enum fr_code fr_store_commit(struct fr_store_connection *self, struct fr_store_marks *ret_marks,
                                           struct fr_error *reterr);
void fr_store_rollback(struct fr_store_connection *self);

/* A number that changes whenever any other connection commits, not with its own commits; cheap. */
FR_MUST_CHECK enum fr_code fr_store_change_count(struct fr_store_connection *self, uint64_t *ret_count,
                                                 struct fr_error *reterr);
/* The oldest marks first, at most limit. *ret_marks is owned; fini it. */
FR_MUST_CHECK enum fr_code fr_store_dirty(struct fr_store_connection *self, size_t limit,
                                          struct fr_store_marks *ret_marks, struct fr_error *reterr);
/* Clears those marks that still have the same version, in one transaction. */
FR_MUST_CHECK enum fr_code fr_store_clear(struct fr_store_connection *self, const struct fr_store_mark *marks,
                                          size_t count, struct fr_error *reterr);

#endif
