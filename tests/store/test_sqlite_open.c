/* SPDX-License-Identifier: MIT */
/*
 * test_sqlite_open.c - what can be wrong with a database file is said when it is opened, with what to do.
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/fixture.h"

#define NOBODY 65534

static void write_file(const char *path, const char *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* Opening url fails with code and a message that holds both texts. */
static void refuses(const char *url, enum fr_code code, const char *cause, const char *advice)
{
    struct fr_error error = {0};
    struct fr_store *store = NULL;
    enum fr_code found = fr_store_open(url, &store, &error);
    assert_null(store);
    if (found != code || strstr(error.message, cause) == NULL || strstr(error.message, advice) == NULL) {
        fail_msg("%s: %s (wanted %s: %s … %s)", fr_code_name(found), error.message, fr_code_name(code), cause,
                 advice);
    }
}

/* root may do anything with a file; the rights of files matter to another user. */
static void become_nobody(void)
{
    if (geteuid() == 0) {
        assert_int_equal(seteuid(NOBODY), 0);
    }
}

static void become_again(void)
{
    assert_int_equal(seteuid(getuid()), 0);
}

static void a_url_that_is_none_is_refused(void **state)
{
    (void)state;
    refuses("", FR_INVALID_ARGUMENT, "not a database URL", "sqlite:PATH");
    refuses("sqlite:", FR_INVALID_ARGUMENT, "not a database URL", "sqlite:PATH");
    refuses("/x/y.db", FR_INVALID_ARGUMENT, "/x/y.db", "sqlite:PATH");
    refuses("postgres://x", FR_INVALID_ARGUMENT, "postgres://x", "sqlite:PATH");
}

static void a_missing_folder_is_named(void **state)
{
    struct fixture *self = *state;
    char url[256];
    snprintf(url, sizeof url, "sqlite:%s/nowhere/x.db", self->folder);
    refuses(url, FR_FAILED_PRECONDITION, "its folder does not exist", "create it or pass another --db");
    refuses("sqlite:/nowhere-at-all/y.db", FR_FAILED_PRECONDITION, "'/nowhere-at-all/y.db'", "another --db");
}

static void a_file_as_folder_is_named(void **state)
{
    struct fixture *self = *state;
    char url[256];
    write_file(self->path, "x", 1);
    snprintf(url, sizeof url, "sqlite:%s/x.db", self->path);
    refuses(url, FR_FAILED_PRECONDITION, "not a folder", "another --db");
}

static void a_folder_as_file_is_named(void **state)
{
    struct fixture *self = *state;
    assert_int_equal(mkdir(self->path, 0700), 0);
    refuses(self->url, FR_FAILED_PRECONDITION, "it is a folder", "pass a file");
}

static void a_file_of_garbage_is_named(void **state)
{
    struct fixture *self = *state;
    char garbage[8192];
    memset(garbage, 'g', sizeof garbage);
    const size_t sizes[] = {1, 99, 100, 1024, sizeof garbage};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        write_file(self->path, garbage, sizes[i]);
        refuses(self->url, FR_FAILED_PRECONDITION, "is not a SQLite database (or is corrupt)",
                "move it away");
    }
}

static void a_database_with_a_damaged_schema_is_named(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    char garbage[4000];
    check(fr_store_open(self->url, &self->store, &error), &error);
    memset(garbage, 'g', sizeof garbage);
    int file = open(self->path, O_WRONLY);
    assert_int_equal(pwrite(file, garbage, sizeof garbage, 96), sizeof garbage);
    close(file);
    refuses(self->url, FR_FAILED_PRECONDITION, "is not a SQLite database (or is corrupt)", "move it away");
}

static void a_read_only_file_is_named(void **state)
{
    struct fixture *self = *state;
    shell_once(self, "CREATE TABLE t(a)");
    assert_int_equal(chmod(self->folder, 0777), 0);
    assert_int_equal(chmod(self->path, 0444), 0);
    become_nobody();
    refuses(self->url, FR_FAILED_PRECONDITION, "is read-only", "another --db");
    become_again();
}

static void an_unreadable_file_is_named(void **state)
{
    struct fixture *self = *state;
    shell_once(self, "CREATE TABLE t(a)");
    assert_int_equal(chmod(self->folder, 0777), 0);
    assert_int_equal(chmod(self->path, 0), 0);
    become_nobody();
    refuses(self->url, FR_FAILED_PRECONDITION, "permission denied", "another --db");
    become_again();
}

static void a_read_only_folder_is_named(void **state)
{
    struct fixture *self = *state;
    assert_int_equal(chmod(self->folder, 0555), 0);
    become_nobody();
    refuses(self->url, FR_FAILED_PRECONDITION, "its folder is not writable", "another --db");
    become_again();
    shell_once(self, "CREATE TABLE t(a)"); /* with a file that is writable itself */
    assert_int_equal(chmod(self->path, 0666), 0);
    become_nobody();
    refuses(self->url, FR_FAILED_PRECONDITION, "folder", "writable");
    become_again();
    assert_int_equal(chmod(self->folder, 0755), 0);
}

static void a_long_path_leaves_room_for_the_cause(void **state)
{
    (void)state;
    char url[1024];
    memset(url, 'd', sizeof url);
    memcpy(url, "sqlite:/", 8);
    for (size_t i = 100; i < 900; i += 100) {
        url[i] = '/';
    }
    strcpy(url + 900, "/end.db");
    refuses(url, FR_FAILED_PRECONDITION, "end.db': its folder does not exist",
            "create it or pass another --db");
}

static void a_table_of_another_program_named_dirty_is_found_at_open(void **state)
{
    struct fixture *self = *state;
    shell_once(self, "CREATE TABLE dirty(laundry TEXT)");
    struct fr_error error;
    struct fr_store *store;
    assert_int_not_equal(fr_store_open(self->url, &store, &error), FR_OK);
}

static void marks_of_an_earlier_version_are_kept_and_have_no_time(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    shell_once(self, "CREATE TABLE dirty(kind TEXT NOT NULL, reference TEXT NOT NULL, version INTEGER NOT NULL,"
                     " PRIMARY KEY (kind, reference)) WITHOUT ROWID;"
                     "INSERT INTO dirty VALUES ('user', '1', 7)");
    for (unsigned round = 0; round < 2; round++) {
        struct fr_store_connection *connection;
        struct fr_store_marks marks;
        check(fr_store_open(self->url, &self->store, &error), &error);
        check(fr_store_connect(self->store, &connection, &error), &error);
        check(fr_store_dirty(connection, 10, &marks, &error), &error);
        assert_int_equal(marks.count, 1);
        assert_int_equal(marks.items[0].version, 7);
        assert_int_equal(marks.items[0].commit_time_us, 0);
        fr_store_marks_fini(&marks);
        fr_store_connection_free(connection);
        fr_store_free(self->store);
        self->store = NULL;
    }
}

static void a_locked_database_is_unavailable(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    struct fr_store_connection *connection;
    check(fr_store_open(self->url, &self->store, &error), &error);
    check(fr_store_connect(self->store, &connection, &error), &error);
    self->connection = connection;
    sqlite3 *other = shell_open(self);
    shell(other, "BEGIN IMMEDIATE");
    assert_int_equal(fr_store_begin(connection, &error), FR_UNAVAILABLE);
    assert_non_null(strstr(error.message, "the database is locked by another program for more than 5 s"));
    assert_null(strstr(error.message, self->folder)); /* it goes to callers */
    assert_string_equal(fr_store_location(connection), self->path);
    assert_int_equal(number(connection, "SELECT count(*) FROM dirty"), 0); /* reading goes on */
    shell(other, "ROLLBACK");
    check(fr_store_begin(connection, &error), &error);
    fr_store_rollback(connection);
    sqlite3_close(other);
}

static void names_that_sqlite_would_interpret_are_files(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    char before[512];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(self->folder), 0);
    const char *const names[] = {":memory:", "file:x.db?mode=memory", "plain.db"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char url[64];
        struct fr_store *store;
        snprintf(url, sizeof url, "sqlite:%s", names[i]);
        check(fr_store_open(url, &store, &error), &error);
        fr_store_free(store);
        assert_int_equal(access(names[i], F_OK), 0);
    }
    assert_int_equal(chdir(before), 0);
}

static void an_open_database_is_durable_and_has_a_write_ahead_log(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    check(fr_store_open(self->url, &self->store, &error), &error);
    check(fr_store_connect(self->store, &self->connection, &error), &error);
    assert_int_equal(number(self->connection, "PRAGMA synchronous"), 2);
    assert_int_equal(number(self->connection, "PRAGMA foreign_keys"), 1);
    assert_int_equal(number(self->connection, "PRAGMA busy_timeout"), 5000);
    assert_int_equal(number(self->connection, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, fixture_folder, fixture_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(a_url_that_is_none_is_refused),
        FACT(a_missing_folder_is_named),
        FACT(a_file_as_folder_is_named),
        FACT(a_folder_as_file_is_named),
        FACT(a_file_of_garbage_is_named),
        FACT(a_database_with_a_damaged_schema_is_named),
        FACT(a_read_only_file_is_named),
        FACT(an_unreadable_file_is_named),
        FACT(a_read_only_folder_is_named),
        FACT(a_long_path_leaves_room_for_the_cause),
        FACT(a_table_of_another_program_named_dirty_is_found_at_open),
        FACT(marks_of_an_earlier_version_are_kept_and_have_no_time),
        FACT(a_locked_database_is_unavailable),
        FACT(names_that_sqlite_would_interpret_are_files),
        FACT(an_open_database_is_durable_and_has_a_write_ahead_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
