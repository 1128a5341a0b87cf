/* SPDX-License-Identifier: MIT */
/*
 * sqlite.c - statements and transactions on SQLite.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/condition.h"
#include "store/sqlite.h"

static struct fr_sqlite_connection *of(struct fr_store_connection *connection)
{
    return (struct fr_sqlite_connection *)connection;
}

/* ---- statements ---- */

static bool only_space(const char *text)
{
    return text[strspn(text, " \t\r\n;")] == '\0';
}

static enum fr_code prepare(struct fr_sqlite_connection *self, const char *sql,
                            struct fr_sqlite_statement *ret_statement, struct fr_error *reterr)
{
    struct fr_sqlite_statement statement = {.sql = strdup(sql)};
    const char *rest;
    enum fr_code code;
    if (statement.sql == NULL) {
        return fr_error_no_memory(reterr);
    }
    if (sqlite3_prepare_v3(self->database, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement.prepared, &rest) !=
        SQLITE_OK) {
        code = fr_sqlite_error(self, reterr);
    } else if (statement.prepared == NULL || !only_space(rest)) {
        code = fr_error_set(reterr, FR_INTERNAL, "not one SQL statement: %.120s", sql);
    } else {
        *ret_statement = statement;
        return FR_OK;
    }
    sqlite3_finalize(statement.prepared);
    free(statement.sql);
    return code;
}

/* Takes an idle statement of this text out, or prepares one. */
static enum fr_code take(struct fr_sqlite_connection *self, const char *sql,
                         struct fr_sqlite_statement *ret_statement, struct fr_error *reterr)
{
    for (size_t i = self->statement_count; i-- > 0;) {
        if (strcmp(self->statements[i].sql, sql) == 0) {
            *ret_statement = self->statements[i];
            self->statement_count--;
            memmove(&self->statements[i], &self->statements[i + 1],
                    (self->statement_count - i) * sizeof self->statements[0]);
            return FR_OK;
        }
    }
    return prepare(self, sql, ret_statement, reterr);
}

/* Makes a statement idle again; the one not used for longest goes when there are too many. */
static void give_back(struct fr_sqlite_connection *self, struct fr_sqlite_statement statement)
{
    sqlite3_reset(statement.prepared);
    sqlite3_clear_bindings(statement.prepared);
    if (self->statement_count == FR_SQLITE_STATEMENTS_KEPT) {
        sqlite3_finalize(self->statements[0].prepared);
        free(self->statements[0].sql);
        self->statement_count--;
        memmove(&self->statements[0], &self->statements[1],
                self->statement_count * sizeof self->statements[0]);
    }
    self->statements[self->statement_count++] = statement;
}

static int bind_value(sqlite3_stmt *prepared, int index, const struct fr_store_value *value)
{
    /* NULL as data would bind NULL, not an empty value. */
    const void *data = value->bytes.size > 0 ? (const void *)value->bytes.data : "";
    switch (value->kind) {
    case FR_STORE_INTEGER:
        return sqlite3_bind_int64(prepared, index, value->integer);
    case FR_STORE_TEXT:
        return sqlite3_bind_text64(prepared, index, data, value->bytes.size, SQLITE_STATIC, SQLITE_UTF8);
    case FR_STORE_BLOB:
        return sqlite3_bind_blob64(prepared, index, data, value->bytes.size, SQLITE_STATIC);
    case FR_STORE_NULL:
        break;
    }
    return sqlite3_bind_null(prepared, index);
}

static enum fr_code bind(struct fr_sqlite_connection *self, const struct fr_sqlite_statement *statement,
                         const struct fr_store_value *parameters, size_t count, struct fr_error *reterr)
{
    if ((size_t)sqlite3_bind_parameter_count(statement->prepared) != count) {
        return fr_error_set(reterr, FR_INTERNAL, "%zu parameters given for: %.120s", count, statement->sql);
    }
    for (size_t i = 0; i < count; i++) {
        char name[24];
        snprintf(name, sizeof name, "$%zu", i + 1);
        int index = sqlite3_bind_parameter_index(statement->prepared, name);
        if (index == 0) {
            return fr_error_set(reterr, FR_INTERNAL, "no parameter %s in: %.120s", name, statement->sql);
        }
        if (bind_value(statement->prepared, index, &parameters[i]) != SQLITE_OK) {
            return fr_sqlite_error(self, reterr);
        }
    }
    return FR_OK;
}

static enum fr_code step_all(struct fr_sqlite_connection *self, sqlite3_stmt *prepared,
                             fr_store_on_row *on_row, void *argument, struct fr_error *reterr)
{
    const struct fr_store_row row = {self->base.operations, prepared};
    int result;
    while ((result = sqlite3_step(prepared)) == SQLITE_ROW) {
        if (on_row != NULL && !on_row(argument, &row)) {
            return FR_OK;
        }
    }
    return result == SQLITE_DONE ? FR_OK : fr_sqlite_error(self, reterr);
}

static enum fr_code run(struct fr_store_connection *connection, const char *sql,
                        const struct fr_store_value *parameters, size_t parameter_count,
                        fr_store_on_row *on_row, void *argument, uint64_t *ret_changes,
                        struct fr_error *reterr)
{
    struct fr_sqlite_connection *self = of(connection);
    struct fr_sqlite_statement statement = {0}; /* GCC 12 does not see that take sets it */
    enum fr_code code = take(self, sql, &statement, reterr);
    if (code != FR_OK) {
        return code;
    }
    code = bind(self, &statement, parameters, parameter_count, reterr);
    if (code == FR_OK) {
        code = step_all(self, statement.prepared, on_row, argument, reterr);
    }
    if (code == FR_OK && ret_changes != NULL) {
        *ret_changes =
            sqlite3_stmt_readonly(statement.prepared) ? 0 : (uint64_t)sqlite3_changes64(self->database);
    }
    give_back(self, statement);
    return code;
}

static struct fr_store_value row_get(const struct fr_store_row *row, unsigned column)
{
    sqlite3_stmt *prepared = row->statement;
    int index = (int)column;
    struct fr_store_value value = {.kind = FR_STORE_NULL};
    switch (sqlite3_column_type(prepared, index)) {
    case SQLITE_NULL:
        break;
    case SQLITE_INTEGER:
        value.kind = FR_STORE_INTEGER;
        value.integer = sqlite3_column_int64(prepared, index);
        break;
    case SQLITE_BLOB:
        value.kind = FR_STORE_BLOB;
        value.bytes.data = sqlite3_column_blob(prepared, index);
        value.bytes.size = (size_t)sqlite3_column_bytes(prepared, index);
        break;
    default: /* a floating-point number is given as its text */
        value.kind = FR_STORE_TEXT;
        value.bytes.data = sqlite3_column_text(prepared, index);
        value.bytes.size = (size_t)sqlite3_column_bytes(prepared, index);
        break;
    }
    return value;
}

static enum fr_code script(struct fr_store_connection *connection, const char *sql, struct fr_error *reterr)
{
    struct fr_sqlite_connection *self = of(connection);
    return sqlite3_exec(self->database, sql, NULL, NULL, NULL) == SQLITE_OK ? FR_OK
                                                                            : fr_sqlite_error(self, reterr);
}

/* ---- transactions ---- */

static bool first_number(void *argument, const struct fr_store_row *row)
{
    *(uint64_t *)argument = (uint64_t)fr_store_row_get(row, 0).integer;
    return true;
}

/*
 * Writers of one process take turns here, not at SQLite's lock of the file: its waiters pause longer each time, up to
 * 100 ms, so that under a steady load of writes one is overtaken again and again, for seconds.
 */
static enum fr_code take_turn(struct fr_sqlite_connection *self, struct fr_error *reterr)
{
    struct fr_sqlite_turn *turn = self->turn;
    uint64_t until_us = fr_clock_now_us() + self->patience_us;
    pthread_mutex_lock(&turn->mu);
    while (turn->taken && fr_condition_wait(&turn->free, &turn->mu, until_us)) {
    }
    self->has_turn = !turn->taken;
    turn->taken = true;
    pthread_mutex_unlock(&turn->mu);
    if (!self->has_turn) {
        return fr_error_set(reterr, FR_UNAVAILABLE,
                            "the database was being written for more than %g s; try again",
                            (double)self->patience_us / FR_SECOND_US);
    }
    return FR_OK;
}

static void end_turn(struct fr_sqlite_connection *self)
{
    if (self->has_turn) {
        self->has_turn = false;
        pthread_mutex_lock(&self->turn->mu);
        self->turn->taken = false;
        pthread_cond_signal(&self->turn->free);
        pthread_mutex_unlock(&self->turn->mu);
    }
}

static void rollback(struct fr_store_connection *connection)
{
    struct fr_sqlite_connection *self = of(connection);
    /* SQLite has rolled back by itself after some errors, such as a full disk. */
    if (!sqlite3_get_autocommit(self->database)) {
        (void)sqlite3_exec(self->database, "ROLLBACK", NULL, NULL, NULL);
    }
    end_turn(self);
}

static enum fr_code begin(struct fr_store_connection *connection, struct fr_error *reterr)
{
    struct fr_sqlite_connection *self = of(connection);
    enum fr_code code = take_turn(self, reterr);
    if (code != FR_OK) {
        return code;
    }
    code = run(connection, "BEGIN IMMEDIATE", NULL, 0, NULL, NULL, NULL, reterr);
    if (code != FR_OK) {
        end_turn(self);
        return code;
    }
    code = run(connection, "SELECT value FROM freshet_sequence", NULL, 0, first_number,
               &self->version_at_begin, NULL, reterr);
    if (code != FR_OK) {
        rollback(connection);
    }
    return code;
}

/*
 * The write lock is held since begin, so every mark above version_at_begin is this transaction's, but for one above the
 * sequence, which somebody made by hand.
 */
static enum fr_code commit(struct fr_store_connection *connection, struct fr_store_marks *ret_marks,
                           struct fr_error *reterr)
{
    struct fr_sqlite_connection *self = of(connection);
    struct fr_store_marks marks = {0};
    if (sqlite3_get_autocommit(self->database)) {
        return fr_error_set(reterr, FR_ABORTED,
                            "the database had rolled the transaction back after an error");
    }
    enum fr_code code = FR_OK;
    if (ret_marks != NULL) {
        code = fr_store_marks_query(connection,
                                    "SELECT kind, reference, version, time_us FROM dirty WHERE version > $1 "
                                    "AND version <= (SELECT value FROM freshet_sequence) ORDER BY version",
                                    (int64_t)self->version_at_begin, &marks, reterr);
    }
    if (code == FR_OK) {
        code = run(connection, "COMMIT", NULL, 0, NULL, NULL, NULL, reterr);
    }
    if (code != FR_OK) {
        fr_store_marks_fini(&marks);
        return code;
    }
    end_turn(self);
    if (ret_marks != NULL) {
        uint64_t now_us = fr_clock_wall_us();
        for (size_t i = 0; i < marks.count; i++) {
            marks.items[i].commit_time_us = now_us;
        }
        *ret_marks = marks;
    }
    return code;
}

static enum fr_code change_count(struct fr_store_connection *connection, uint64_t *ret_count,
                                 struct fr_error *reterr)
{
    uint64_t count = 0;
    enum fr_code code = run(connection, "PRAGMA data_version", NULL, 0, first_number, &count, NULL, reterr);
    if (code == FR_OK) {
        *ret_count = count;
    }
    return code;
}

const struct fr_store_operations fr_sqlite_operations = {
    .scheme = "sqlite:",
    .open = fr_sqlite_open,
    .free = fr_sqlite_free,
    .connect = fr_sqlite_connect,
    .connection_free = fr_sqlite_connection_free,
    .set_patience = fr_sqlite_set_patience,
    .run = run,
    .row_get = row_get,
    .script = script,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .track = fr_sqlite_track,
    .change_count = change_count,
};
