/* SPDX-License-Identifier: MIT */
/*
 * fixture.c - a database in a folder of its own for each test, and a second program that writes to it.
 */
#include "store/fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int fixture_folder(void **state)
{
    struct fixture *self = calloc(1, sizeof *self);
    assert_non_null(self);
    strcpy(self->folder, "/tmp/freshet-store-XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    snprintf(self->path, sizeof self->path, "%s/test.db", self->folder);
    snprintf(self->url, sizeof self->url, "sqlite:%s", self->path);
    *state = self;
    return 0;
}

int fixture_store(void **state)
{
    struct fr_error error;
    fixture_folder(state);
    struct fixture *self = *state;
    check(fr_store_open(self->url, &self->store, &error), &error);
    check(fr_store_connect(self->store, &self->connection, &error), &error);
    return 0;
}

int fixture_remove(void **state)
{
    struct fixture *self = *state;
    fr_store_connection_free(self->connection);
    fr_store_free(self->store);
    DIR *folder = opendir(self->folder);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] != '.') {
            assert_int_equal(
                unlinkat(dirfd(folder), entry->d_name, entry->d_type == DT_DIR ? AT_REMOVEDIR : 0), 0);
        }
    }
    closedir(folder);
    assert_int_equal(rmdir(self->folder), 0);
    free(self);
    return 0;
}

void check(enum fr_code code, const struct fr_error *error)
{
    if (code != FR_OK) {
        fail_msg("%s: %s", fr_code_name(code), error->message);
    }
}

struct sqlite3 *shell_open(const struct fixture *self)
{
    sqlite3 *database;
    assert_int_equal(sqlite3_open(self->path, &database), SQLITE_OK);
    sqlite3_busy_timeout(database, 10000);
    return database;
}

void shell(struct sqlite3 *database, const char *sql)
{
    if (sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(database));
    }
}

void shell_once(const struct fixture *self, const char *sql)
{
    sqlite3 *database = shell_open(self);
    shell(database, sql);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static bool first_number(void *argument, const struct fr_store_row *row)
{
    struct fr_store_value value = fr_store_row_get(row, 0);
    *(int64_t *)argument = value.kind == FR_STORE_INTEGER ? value.integer : -1;
    return false;
}

int64_t number(struct fr_store_connection *connection, const char *sql)
{
    struct fr_error error;
    int64_t found = -1;
    check(fr_store_run(connection, sql, NULL, 0, first_number, &found, NULL, &error), &error);
    return found;
}

void run(struct fr_store_connection *connection, const char *sql)
{
    struct fr_error error;
    check(fr_store_run(connection, sql, NULL, 0, NULL, NULL, NULL, &error), &error);
}

uint64_t mark_version(struct fr_store_connection *connection, const char *kind, const char *reference)
{
    struct fr_error error;
    struct fr_store_value parameters[] = {fr_store_text(kind), fr_store_text(reference)};
    int64_t found = 0;
    check(fr_store_run(connection, "SELECT version FROM dirty WHERE kind = $1 AND reference = $2", parameters,
                       2, first_number, &found, NULL, &error),
          &error);
    return (uint64_t)found;
}

const char *marks_text(struct fr_store_connection *connection)
{
    static _Thread_local char text[4096];
    struct fr_error error;
    struct fr_store_marks marks;
    size_t length = 0;
    text[0] = '\0';
    check(fr_store_dirty(connection, 1000, &marks, &error), &error);
    for (size_t i = 0; i < marks.count; i++) {
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%s/%s", i > 0 ? " " : "",
                                   marks.items[i].kind, marks.items[i].reference);
        assert_true(length < sizeof text);
    }
    fr_store_marks_fini(&marks);
    return text;
}

void forget_marks(struct fr_store_connection *connection)
{
    run(connection, "DELETE FROM dirty");
}
