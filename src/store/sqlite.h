/* SPDX-License-Identifier: MIT */
/*
 * sqlite.h - what the SQLite files share; internal to this folder.
 */
#ifndef FR_STORE_SQLITE_H
#define FR_STORE_SQLITE_H

#include <pthread.h>

#include "store/operations.h"

#define FR_SQLITE_STATEMENTS_KEPT 64

struct sqlite3;
struct sqlite3_stmt;

/* Of writing: one connection of the process has it at a time. */
struct fr_sqlite_turn {
    pthread_mutex_t mu;
    pthread_cond_t free;
    bool taken; /* guarded by mu */
};

struct fr_sqlite_store {
    struct fr_store base;
    char *path; /* owned; never read as a URI or as ":memory:" by SQLite */
    struct fr_sqlite_turn turn; /* taken during a transaction */
};

struct fr_sqlite_statement {
    char *sql; /* owned */
    struct sqlite3_stmt *prepared;
};

struct fr_sqlite_connection {
    struct fr_store_connection base;
    const char *path; /* as errors name it; of the store, borrowed; NULL once connected: callers see them */
    struct fr_sqlite_turn *turn; /* of the store, borrowed */
    bool has_turn;
    uint64_t patience_us;
    struct sqlite3 *database;
    /* Idle statements, the most recently used last. One that runs is not here, so a nested run finds another.
     */
    struct fr_sqlite_statement statements[FR_SQLITE_STATEMENTS_KEPT];
    size_t statement_count;
    uint64_t version_at_begin; /* marks above it belong to the transaction under way */
};

/* sqlite_open.c */
enum fr_code fr_sqlite_open(const char *path, struct fr_store **ret_store, struct fr_error *reterr);
void fr_sqlite_free(struct fr_store *store);
enum fr_code fr_sqlite_connect(struct fr_store *store, struct fr_store_connection **ret_connection,
                               struct fr_error *reterr);
void fr_sqlite_connection_free(struct fr_store_connection *connection);
void fr_sqlite_set_patience(struct fr_store_connection *connection, uint64_t patience_us);

/* sqlite_error.c: the error that the connection's last call left, in words for a person. */
enum fr_code fr_sqlite_error(const struct fr_sqlite_connection *self, struct fr_error *reterr);

/* The same for what is found without a call of SQLite. */
enum fr_code fr_sqlite_not_a_database(const char *path, const char *cause, struct fr_error *reterr);
enum fr_code fr_sqlite_read_only(const char *path, struct fr_error *reterr);

/* sqlite_tracking.c */
extern const char fr_sqlite_tracking_schema[];
enum fr_code fr_sqlite_track(struct fr_store_connection *connection, const char *table, const char *kind,
                             const char *columns, struct fr_error *reterr);

#endif
