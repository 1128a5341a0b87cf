/* SPDX-License-Identifier: MIT */
/*
 * test_store.c - statements, transactions and marks.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/fixture.h"

static int set_up(void **state)
{
    struct fr_error error;
    fixture_store(state);
    struct fixture *self = *state;
    struct fr_store_connection *c = self->connection;
    check(fr_store_migrate(
              c,
              "CREATE TABLE users(id TEXT PRIMARY KEY, email TEXT UNIQUE, age INTEGER CHECK (age >= 0), "
              "photo BLOB, version INTEGER);",
              &error),
          &error);
    check(fr_store_track(c, "users", "user", "id", &error), &error);
    run(c, "INSERT INTO users(id, email) VALUES ('a', 'a@x'), ('b', 'b@x')");
    forget_marks(c);
    return 0;
}

struct copied_row {
    struct fr_store_value values[4];
    char text[4][64];
    size_t rows;
};

static bool copy_row(void *argument, const struct fr_store_row *row)
{
    struct copied_row *self = argument;
    for (unsigned i = 0; i < 4; i++) {
        self->values[i] = fr_store_row_get(row, i);
        if (self->values[i].bytes.size > 0) {
            memcpy(self->text[i], self->values[i].bytes.data, self->values[i].bytes.size);
        }
    }
    self->rows++;
    return true;
}

static void values_come_back_as_they_were_bound(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    struct copied_row row = {0};
    /* $4 stands before $1: parameters are bound by name, not by place. */
    struct fr_store_value values[] = {
        fr_store_text("it's"),
        fr_store_integer(INT64_MIN),
        {.kind = FR_STORE_BLOB, .bytes = {(const uint8_t *)"\0\1", 2}},
        {.kind = FR_STORE_NULL},
    };
    check(fr_store_run(self->connection, "SELECT $4, $3, $2, $1", values, 4, copy_row, &row, NULL, &error),
          &error);
    assert_int_equal(row.rows, 1);
    assert_int_equal(row.values[0].kind, FR_STORE_NULL);
    assert_int_equal(row.values[1].kind, FR_STORE_BLOB);
    assert_int_equal(row.values[1].bytes.size, 2);
    assert_memory_equal(row.text[1], "\0\1", 2);
    assert_int_equal(row.values[2].integer, INT64_MIN);
    assert_int_equal(row.values[3].kind, FR_STORE_TEXT);
    assert_string_equal(row.text[3], "it's");
}

static void empty_text_is_not_null(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    struct copied_row row = {0};
    struct fr_store_value values[] = {{.kind = FR_STORE_TEXT}, {.kind = FR_STORE_BLOB}};
    check(fr_store_run(self->connection, "SELECT $1, $2, 0, 0", values, 2, copy_row, &row, NULL, &error),
          &error);
    assert_int_equal(row.values[0].kind, FR_STORE_TEXT);
    assert_int_equal(row.values[1].kind, FR_STORE_BLOB);
}

static void a_wrong_number_of_parameters_is_an_error(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    struct fr_store_value value = fr_store_integer(1);
    assert_int_equal(fr_store_run(self->connection, "SELECT $1, $2", &value, 1, NULL, NULL, NULL, &error),
                     FR_INTERNAL);
    assert_int_equal(fr_store_run(self->connection, "SELECT $2", &value, 1, NULL, NULL, NULL, &error),
                     FR_INTERNAL);
    assert_non_null(strstr(error.message, "$1"));
    assert_int_equal(fr_store_run(self->connection, "SELECT 1; SELECT 2", NULL, 0, NULL, NULL, NULL, &error),
                     FR_INTERNAL);
    assert_int_equal(fr_store_run(self->connection, "", NULL, 0, NULL, NULL, NULL, &error), FR_INTERNAL);
}

static void changes_count_the_rows_of_the_statement_only(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    uint64_t changes = 99;
    check(fr_store_run(self->connection, "UPDATE users SET age = 3", NULL, 0, NULL, NULL, &changes, &error),
          &error);
    assert_int_equal(changes, 2);
    check(fr_store_run(self->connection, "UPDATE users SET age = 3 WHERE id = 'nobody'", NULL, 0, NULL, NULL,
                       &changes, &error),
          &error);
    assert_int_equal(changes, 0);
    changes = 99;
    check(fr_store_run(self->connection, "SELECT 1", NULL, 0, NULL, NULL, &changes, &error), &error);
    assert_int_equal(changes, 0);
}

struct nested {
    struct fr_store_connection *connection;
    unsigned depth, rows;
};

static bool query_again(void *argument, const struct fr_store_row *row)
{
    struct nested *self = argument;
    struct nested inner = {self->connection, self->depth + 1, 0};
    (void)row;
    self->rows++;
    if (self->depth < 3) {
        check(
            fr_store_run(self->connection, "SELECT id FROM users", NULL, 0, query_again, &inner, NULL, NULL),
            NULL);
        assert_int_equal(inner.rows, 2);
    }
    return true;
}

static void a_row_callback_may_run_the_same_statement(void **state)
{
    struct fixture *self = *state;
    struct nested outer = {self->connection, 0, 0};
    check(fr_store_run(self->connection, "SELECT id FROM users", NULL, 0, query_again, &outer, NULL, NULL),
          NULL);
    assert_int_equal(outer.rows, 2);
}

static void more_statements_than_are_kept_still_work(void **state)
{
    struct fixture *self = *state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++) {
            char sql[32];
            snprintf(sql, sizeof sql, "SELECT %d", i);
            assert_int_equal(number(self->connection, sql), i);
        }
    }
}

static void a_statement_outlives_a_change_of_the_table(void **state)
{
    struct fixture *self = *state;
    assert_int_equal(number(self->connection, "SELECT count(*) FROM users"), 2);
    shell_once(self, "ALTER TABLE users ADD COLUMN shoe TEXT");
    assert_int_equal(number(self->connection, "SELECT count(*) FROM users"), 2);
}

static void a_taken_unique_value_is_already_exists_and_names_the_column(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    assert_int_equal(fr_store_run(self->connection, "UPDATE users SET email = 'b@x' WHERE id = 'a'", NULL, 0,
                                  NULL, NULL, NULL, &error),
                     FR_ALREADY_EXISTS);
    assert_non_null(strstr(error.message, "users.email"));
    assert_int_equal(fr_store_run(self->connection, "INSERT INTO users(id) VALUES ('a')", NULL, 0, NULL, NULL,
                                  NULL, &error),
                     FR_ALREADY_EXISTS);
    assert_non_null(strstr(error.message, "users.id"));
}

static void another_constraint_is_invalid_argument(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    assert_int_equal(
        fr_store_run(self->connection, "UPDATE users SET age = -1", NULL, 0, NULL, NULL, NULL, &error),
        FR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "age"));
}

static void wrong_sql_is_internal_with_the_databases_words(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    assert_int_equal(
        fr_store_run(self->connection, "SELECT shoe FROM users", NULL, 0, NULL, NULL, NULL, &error),
        FR_INTERNAL);
    assert_non_null(strstr(error.message, "no such column: shoe"));
}

static void foreign_keys_are_enforced(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    check(fr_store_migrate(self->connection, "CREATE TABLE cars(owner TEXT REFERENCES users(id))", &error),
          &error);
    assert_int_equal(fr_store_run(self->connection, "INSERT INTO cars VALUES ('nobody')", NULL, 0, NULL, NULL,
                                  NULL, &error),
                     FR_INVALID_ARGUMENT);
}

static void a_failed_migration_leaves_nothing(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    assert_int_equal(
        fr_store_migrate(self->connection, "CREATE TABLE cars(id); CREATE TABLE users(id)", &error),
        FR_INTERNAL);
    assert_int_equal(number(self->connection, "SELECT count(*) FROM sqlite_master WHERE name = 'cars'"), 0);
}

static void commit_returns_what_this_transaction_made_old(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    struct fr_store_marks marks;
    shell_once(self, "UPDATE users SET age = 1 WHERE id = 'b'"); /* a mark that is not ours */
    check(fr_store_begin(self->connection, &error), &error);
    run(self->connection, "UPDATE users SET age = 2 WHERE id = 'a'");
    run(self->connection, "UPDATE users SET age = 3 WHERE id = 'a'");
    run(self->connection, "INSERT INTO users(id) VALUES ('c')");
    check(fr_store_commit(self->connection, &marks, &error), &error);
    assert_int_equal(marks.count, 2);
    assert_string_equal(marks.items[0].kind, "user");
    assert_string_equal(marks.items[0].reference, "a");
    assert_int_equal(marks.items[0].version,
                     number(self->connection, "SELECT version FROM users WHERE id = 'a'"));
    assert_string_equal(marks.items[1].reference, "c");
    fr_store_marks_fini(&marks);
    assert_string_equal(marks_text(self->connection), "user/b user/a user/c");
}

/* Or each write would announce it, and none could be told from a failed one. */
static void commit_does_not_take_a_mark_made_by_hand_for_its_own(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    struct fr_store_marks marks;
    shell_once(self, "INSERT INTO dirty(kind, reference, version) VALUES ('user', 'x', 1 << 60)");
    check(fr_store_begin(self->connection, &error), &error);
    run(self->connection, "UPDATE users SET age = 1 WHERE id = 'a'");
    check(fr_store_commit(self->connection, &marks, &error), &error);
    assert_int_equal(marks.count, 1);
    assert_string_equal(marks.items[0].reference, "a");
    fr_store_marks_fini(&marks);
}

static void a_transaction_that_wrote_nothing_has_no_marks(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    struct fr_store_marks marks = {.count = 9};
    shell_once(self, "UPDATE users SET age = 1");
    check(fr_store_begin(self->connection, &error), &error);
    check(fr_store_commit(self->connection, &marks, &error), &error);
    assert_int_equal(marks.count, 0);
    assert_null(marks.items);
}

static void rollback_undoes_rows_and_marks(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    check(fr_store_begin(self->connection, &error), &error);
    run(self->connection, "DELETE FROM users");
    fr_store_rollback(self->connection);
    fr_store_rollback(self->connection); /* harmless */
    assert_int_equal(number(self->connection, "SELECT count(*) FROM users"), 2);
    assert_string_equal(marks_text(self->connection), "");
}

static void a_transaction_that_the_database_rolled_back_cannot_commit(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    struct fr_store_marks marks;
    check(fr_store_begin(self->connection, &error), &error);
    run(self->connection, "UPDATE users SET age = 1");
    assert_int_equal(fr_store_run(self->connection, "INSERT OR ROLLBACK INTO users(id) VALUES ('a')", NULL, 0,
                                  NULL, NULL, NULL, &error),
                     FR_ALREADY_EXISTS);
    assert_int_equal(fr_store_commit(self->connection, &marks, &error), FR_ABORTED);
    check(fr_store_begin(self->connection, &error), &error);
    check(fr_store_commit(self->connection, &marks, &error), &error);
    fr_store_marks_fini(&marks);
}

static void clear_takes_the_marks_of_the_same_version(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    struct fr_store_marks marks;
    shell_once(self, "UPDATE users SET age = 1");
    check(fr_store_dirty(self->connection, 10, &marks, &error), &error);
    assert_int_equal(marks.count, 2);
    check(fr_store_clear(self->connection, marks.items, marks.count, &error), &error);
    check(fr_store_clear(self->connection, marks.items, marks.count, &error),
          &error); /* again: nothing to do */
    check(fr_store_clear(self->connection, NULL, 0, &error), &error);
    assert_string_equal(marks_text(self->connection), "");
    fr_store_marks_fini(&marks);
}

static void clear_leaves_a_newer_mark(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    struct fr_store_marks marks;
    shell_once(self, "UPDATE users SET age = 1");
    check(fr_store_dirty(self->connection, 10, &marks, &error), &error);
    shell_once(self, "UPDATE users SET age = 2 WHERE id = 'a'");
    check(fr_store_clear(self->connection, marks.items, marks.count, &error), &error);
    assert_string_equal(marks_text(self->connection), "user/a");
    fr_store_marks_fini(&marks);
}

/* SQLite's clock has whole milliseconds. */
static void marks_know_when_they_were_written(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    struct fr_store_marks marks;
    uint64_t begun_us = fr_clock_wall_us();
    check(fr_store_begin(self->connection, &error), &error);
    run(self->connection, "UPDATE users SET age = 1 WHERE id = 'a'");
    check(fr_store_commit(self->connection, &marks, &error), &error);
    assert_in_range(marks.items[0].commit_time_us, begun_us, fr_clock_wall_us());
    fr_store_marks_fini(&marks);
    run(self->connection, "UPDATE dirty SET time_us = 1");
    shell_once(self, "UPDATE users SET age = 2 WHERE id = 'a'"); /* a mark that is raised takes the newer time */
    check(fr_store_dirty(self->connection, 1, &marks, &error), &error);
    assert_in_range(marks.items[0].commit_time_us, begun_us - FR_MILLISECOND_US, fr_clock_wall_us());
    fr_store_marks_fini(&marks);
}

static void dirty_gives_the_oldest_marks_first(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    struct fr_store_marks marks;
    shell_once(self, "UPDATE users SET age = 1 WHERE id = 'b'; UPDATE users SET age = 1 WHERE id = 'a'");
    check(fr_store_dirty(self->connection, 1, &marks, &error), &error);
    assert_int_equal(marks.count, 1);
    assert_string_equal(marks.items[0].reference, "b");
    fr_store_marks_fini(&marks);
}

static uint64_t change_count(struct fr_store_connection *connection)
{
    struct fr_error error;
    uint64_t count;
    check(fr_store_change_count(connection, &count, &error), &error);
    return count;
}

static void the_change_count_moves_with_the_writes_of_others(void **state)
{
    struct fixture *self = *state;
    uint64_t before = change_count(self->connection);
    assert_int_equal(change_count(self->connection), before);
    shell_once(self, "UPDATE users SET age = 1");
    assert_int_not_equal(change_count(self->connection), before);
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(values_come_back_as_they_were_bound),
        FACT(empty_text_is_not_null),
        FACT(a_wrong_number_of_parameters_is_an_error),
        FACT(changes_count_the_rows_of_the_statement_only),
        FACT(a_row_callback_may_run_the_same_statement),
        FACT(more_statements_than_are_kept_still_work),
        FACT(a_statement_outlives_a_change_of_the_table),
        FACT(a_taken_unique_value_is_already_exists_and_names_the_column),
        FACT(another_constraint_is_invalid_argument),
        FACT(wrong_sql_is_internal_with_the_databases_words),
        FACT(foreign_keys_are_enforced),
        FACT(a_failed_migration_leaves_nothing),
        FACT(commit_returns_what_this_transaction_made_old),
        FACT(commit_does_not_take_a_mark_made_by_hand_for_its_own),
        FACT(a_transaction_that_wrote_nothing_has_no_marks),
        FACT(rollback_undoes_rows_and_marks),
        FACT(a_transaction_that_the_database_rolled_back_cannot_commit),
        FACT(clear_takes_the_marks_of_the_same_version),
        FACT(clear_leaves_a_newer_mark),
        FACT(marks_know_when_they_were_written),
        FACT(dirty_gives_the_oldest_marks_first),
        FACT(the_change_count_moves_with_the_writes_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
