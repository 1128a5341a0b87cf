/* SPDX-License-Identifier: MIT */
/*
 * sqlite_open.c - opens SQLite files and sets their connections up.
 *
 * What can be wrong with a file is found here, at fr_store_open, and not at the first call that needs it.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/condition.h"
#include "store/sqlite.h"

#define WAL_RETRY_MS 10

/* No SQLite file is smaller than its smallest page, unless it is empty. */
#define SMALLEST_BYTES 512

void fr_sqlite_connection_free(struct fr_store_connection *connection)
{
    struct fr_sqlite_connection *self = (struct fr_sqlite_connection *)connection;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < self->statement_count; i++) {
        sqlite3_finalize(self->statements[i].prepared);
        free(self->statements[i].sql);
    }
    sqlite3_close(self->database);
    free(self);
}

void fr_sqlite_set_patience(struct fr_store_connection *connection, uint64_t patience_us)
{
    struct fr_sqlite_connection *self = (struct fr_sqlite_connection *)connection;
    self->patience_us = patience_us;
    sqlite3_busy_timeout(self->database, (int)(patience_us / FR_MILLISECOND_US));
}

static bool first_text_is_wal(void *argument, const struct fr_store_row *row)
{
    struct fr_store_value mode = fr_store_row_get(row, 0);
    *(bool *)argument = fr_bytes_equal(mode.bytes, fr_bytes_of("wal"));
    return true;
}

/* Two programs that convert a new file at once can meet a lock for which SQLite does not call its busy
 * handler. */
static enum fr_code use_write_ahead_log(struct fr_sqlite_connection *self, struct fr_error *reterr)
{
    uint64_t deadline_us = fr_clock_now_us() + self->patience_us;
    bool wal = false;
    enum fr_code code;
    while ((code = fr_store_run(&self->base, "PRAGMA journal_mode = WAL", NULL, 0, first_text_is_wal, &wal,
                                NULL, reterr)) == FR_UNAVAILABLE &&
           fr_clock_now_us() < deadline_us) {
        sqlite3_sleep(WAL_RETRY_MS);
    }
    if (code == FR_OK && !wal) {
        code = fr_error_set(reterr, FR_FAILED_PRECONDITION,
                            "'%.100s' cannot use a write-ahead log; pass a --db on a local disk", self->path);
    }
    return code;
}

static enum fr_code set_up(struct fr_sqlite_connection *self, struct fr_error *reterr)
{
    sqlite3_extended_result_codes(self->database, 1);
    fr_sqlite_set_patience(&self->base, FR_STORE_PATIENCE_US);
    if (sqlite3_db_readonly(self->database, "main") == 1) {
        return fr_sqlite_read_only(self->path, reterr);
    }
    enum fr_code code = use_write_ahead_log(self, reterr);
    if (code == FR_OK) {
        code = self->base.operations->script(&self->base,
                                             "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON", reterr);
    }
    return code;
}

/* Its errors name the file. */
static enum fr_code connect(struct fr_store *store, struct fr_sqlite_connection **ret_connection,
                            struct fr_error *reterr)
{
    struct fr_sqlite_store *owner = (struct fr_sqlite_store *)store;
    struct fr_sqlite_connection *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return fr_error_no_memory(reterr);
    }
    self->base.operations = store->operations;
    self->base.location = owner->path;
    self->path = owner->path;
    self->turn = &owner->turn;
    int result = sqlite3_open_v2(owner->path, &self->database,
                                 SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    enum fr_code code = result == SQLITE_OK ? set_up(self, reterr) : fr_sqlite_error(self, reterr);
    if (code != FR_OK) {
        fr_sqlite_connection_free(&self->base);
        return code;
    }
    *ret_connection = self;
    return FR_OK;
}

enum fr_code fr_sqlite_connect(struct fr_store *store, struct fr_store_connection **ret_connection,
                               struct fr_error *reterr)
{
    struct fr_sqlite_connection *self;
    enum fr_code code = connect(store, &self, reterr);
    if (code == FR_OK) {
        self->path = NULL;
        *ret_connection = &self->base;
    }
    return code;
}

static bool first_integer(void *argument, const struct fr_store_row *row)
{
    *(int64_t *)argument = fr_store_row_get(row, 0).integer;
    return true;
}

/* Databases of earlier versions have marks without a time. Whoever finds it missing may find it there once it has the lock. */
static enum fr_code add_time(struct fr_store_connection *connection, struct fr_error *reterr)
{
    static const char has_time[] = "SELECT count(*) FROM pragma_table_info('dirty') WHERE name = 'time_us'";
    int64_t found = 0;
    enum fr_code code = fr_store_run(connection, has_time, NULL, 0, first_integer, &found, NULL, reterr);
    if (code != FR_OK || found > 0) {
        return code;
    }
    code = fr_store_begin(connection, reterr);
    if (code != FR_OK) {
        return code;
    }
    code = fr_store_run(connection, has_time, NULL, 0, first_integer, &found, NULL, reterr);
    if (code == FR_OK && found == 0) {
        code = fr_store_run(connection, "ALTER TABLE dirty ADD COLUMN time_us INTEGER NOT NULL DEFAULT 0", NULL, 0,
                            NULL, NULL, NULL, reterr);
    }
    if (code != FR_OK) {
        fr_store_rollback(connection);
        return code;
    }
    return fr_store_commit(connection, NULL, reterr);
}

/* Reads the schema, which finds garbage and damage, and adds the tables of tracking where they are missing.
 */
static enum fr_code prepare_file(struct fr_store_connection *connection, struct fr_error *reterr)
{
    int64_t found = 0;
    enum fr_code code = fr_store_run(connection,
                                     "SELECT count(*) FROM sqlite_master WHERE name IN "
                                     "('freshet_sequence', 'freshet_tracked', 'dirty', 'dirty_by_version')",
                                     NULL, 0, first_integer, &found, NULL, reterr);
    if (code == FR_OK && found < 4) {
        code = connection->operations->script(connection, fr_sqlite_tracking_schema, reterr);
        if (code != FR_OK) {
            connection->operations->rollback(connection);
        }
    }
    if (code == FR_OK) {
        code = add_time(connection, reterr);
    }
    if (code == FR_OK) {
        code = fr_store_run(connection, "SELECT kind, reference, version, time_us FROM dirty LIMIT 1", NULL, 0, NULL,
                            NULL, NULL, reterr);
    }
    return code;
}

/* SQLite takes a file too small to hold its header for an empty one, and would overwrite it. */
static enum fr_code refuse_small_file(const char *path, struct fr_error *reterr)
{
    struct stat file;
    if (stat(path, &file) == 0 && S_ISREG(file.st_mode) && file.st_size > 0 &&
        file.st_size < SMALLEST_BYTES) {
        return fr_sqlite_not_a_database(path, "file is too small", reterr);
    }
    return FR_OK;
}

/* SQLite reads "file:x" as a URI and ":memory:" as no file at all; "./" in front of a relative path prevents
 * both. */
static char *plain_path(const char *path)
{
    char *plain = NULL;
    bool special = strncmp(path, "file:", 5) == 0 || path[0] == ':';
    return asprintf(&plain, "%s%s", special ? "./" : "", path) < 0 ? NULL : plain;
}

enum fr_code fr_sqlite_open(const char *path, struct fr_store **ret_store, struct fr_error *reterr)
{
    struct fr_sqlite_connection *connection = NULL;
    struct fr_sqlite_store *self = calloc(1, sizeof *self);
    char *plain = plain_path(path);
    enum fr_code code;
    if (self == NULL || plain == NULL) {
        free(plain);
        free(self);
        return fr_error_no_memory(reterr);
    }
    self->base.operations = &fr_sqlite_operations;
    self->path = plain;
    pthread_mutex_init(&self->turn.mu, NULL);
    fr_condition_init(&self->turn.free);
    code = refuse_small_file(plain, reterr);
    if (code == FR_OK) {
        code = connect(&self->base, &connection, reterr);
    }
    if (code == FR_OK) {
        code = prepare_file(&connection->base, reterr);
        fr_store_connection_free(&connection->base);
    }
    if (code != FR_OK) {
        fr_sqlite_free(&self->base);
        return code;
    }
    *ret_store = &self->base;
    return FR_OK;
}

void fr_sqlite_free(struct fr_store *store)
{
    struct fr_sqlite_store *self = (struct fr_sqlite_store *)store;
    pthread_cond_destroy(&self->turn.free);
    pthread_mutex_destroy(&self->turn.mu);
    free(self->path);
    free(self);
}
