/* SPDX-License-Identifier: MIT */
/*
 * test_tracking.c - which writes leave which marks, and with which versions.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "store/fixture.h"

/* people: with a rowid, two kinds. */
static int set_up(void **state)
{
    struct fr_error error;
    fixture_store(state);
    struct fixture *self = *state;
    struct fr_store_connection *c = self->connection;
    check(fr_store_migrate(
              c, "CREATE TABLE people(id TEXT PRIMARY KEY, email TEXT UNIQUE, city TEXT, version INTEGER)",
              &error),
          &error);
    check(fr_store_track(c, "people", "person", "id", &error), &error);
    check(fr_store_track(c, "people", "person_by_email", "email", &error), &error);
    run(c, "INSERT INTO people(id, email, city) VALUES ('a', 'a@x', 'Bonn'), ('b', 'b@x', 'Rome')");
    forget_marks(c);
    return 0;
}

static int64_t sequence(struct fr_store_connection *c)
{
    return number(c, "SELECT value FROM freshet_sequence");
}

static void an_insert_marks_every_kind_with_one_version(void **state)
{
    struct fixture *self = *state;
    int64_t before = sequence(self->connection);
    run(self->connection, "INSERT INTO people(id, email) VALUES ('c', 'c@x')");
    assert_int_equal(sequence(self->connection), before + 1);
    assert_int_equal(number(self->connection, "SELECT version FROM people WHERE id = 'c'"), before + 1);
    assert_int_equal(mark_version(self->connection, "person", "c"), before + 1);
    assert_int_equal(mark_version(self->connection, "person_by_email", "c@x"), before + 1);
}

static void each_row_of_a_statement_draws_its_own_version(void **state)
{
    struct fixture *self = *state;
    int64_t before = sequence(self->connection);
    run(self->connection, "UPDATE people SET city = 'Oslo'");
    assert_int_equal(sequence(self->connection), before + 2);
    assert_int_equal(number(self->connection, "SELECT count(DISTINCT version) FROM people"), 2);
}

static void an_update_typed_in_another_program_leaves_a_mark_with_a_rising_version(void **state)
{
    struct fixture *self = *state;
    int64_t before = sequence(self->connection);
    shell_once(self, "UPDATE people SET city = 'Oslo' WHERE id = 'a'");
    assert_int_equal(mark_version(self->connection, "person", "a"), before + 1);
    assert_int_equal(number(self->connection, "SELECT version FROM people WHERE id = 'a'"), before + 1);
    shell_once(self, "UPDATE people SET city = 'Lima' WHERE id = 'a'");
    assert_int_equal(mark_version(self->connection, "person", "a"), before + 2);
    assert_string_equal(marks_text(self->connection), "person/a person_by_email/a@x");
}

static void one_write_is_one_draw_with_recursive_triggers_too(void **state)
{
    struct fixture *self = *state;
    int64_t before = sequence(self->connection);
    shell_once(self, "PRAGMA recursive_triggers = ON; UPDATE people SET city = 'Oslo' WHERE id = 'a';"
                     "INSERT INTO people(id) VALUES ('z'); DELETE FROM people WHERE id = 'z'");
    assert_int_equal(sequence(self->connection), before + 3);
}

static void a_version_typed_by_hand_is_overwritten(void **state)
{
    struct fixture *self = *state;
    const char *const typed[] = {"1",      "0", "NULL", "99999", "(SELECT value FROM freshet_sequence)",
                                 "version"};
    for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++) {
        char sql[128];
        int64_t before = sequence(self->connection);
        snprintf(sql, sizeof sql, "UPDATE people SET version = %s WHERE id = 'a'", typed[i]);
        shell_once(self, sql);
        assert_int_equal(number(self->connection, "SELECT version FROM people WHERE id = 'a'"), before + 1);
        assert_int_equal(mark_version(self->connection, "person", "a"), before + 1);
        snprintf(sql, sizeof sql,
                 "PRAGMA recursive_triggers = ON; UPDATE people SET version = %s WHERE id = 'a'", typed[i]);
        shell_once(self, sql);
        assert_int_equal(mark_version(self->connection, "person", "a"), before + 2);
    }
}

static void versions_rise_over_delete_and_create(void **state)
{
    struct fixture *self = *state;
    int64_t first = number(self->connection, "SELECT version FROM people WHERE id = 'a'");
    shell_once(self, "DELETE FROM people WHERE id = 'a'");
    uint64_t deleted = mark_version(self->connection, "person", "a");
    assert_true(deleted > (uint64_t)first);
    shell_once(self, "INSERT INTO people(id, version) VALUES ('a', 1)");
    assert_true(mark_version(self->connection, "person", "a") > deleted);
    assert_true(number(self->connection, "SELECT version FROM people WHERE id = 'a'") > (int64_t)deleted);
}

static void delete_of_all_rows_marks_each(void **state)
{
    struct fixture *self = *state;
    shell_once(self, "DELETE FROM people");
    assert_string_equal(marks_text(self->connection),
                        "person/a person_by_email/a@x person/b person_by_email/b@x");
}

static void a_changed_key_marks_the_old_and_the_new_one(void **state)
{
    struct fixture *self = *state;
    shell_once(self, "UPDATE people SET email = 'new@x' WHERE id = 'a'");
    assert_string_equal(marks_text(self->connection), "person/a person_by_email/a@x person_by_email/new@x");
    assert_int_equal(number(self->connection, "SELECT count(DISTINCT version) FROM dirty"), 1);
    forget_marks(self->connection);
    shell_once(self, "UPDATE people SET id = 'A' WHERE id = 'a'");
    assert_string_equal(marks_text(self->connection), "person/A person/a person_by_email/new@x");
}

static void a_null_key_leaves_no_mark(void **state)
{
    struct fixture *self = *state;
    run(self->connection, "UPDATE people SET email = NULL WHERE id = 'a'");
    assert_string_equal(marks_text(self->connection), "person/a person_by_email/a@x");
    forget_marks(self->connection);
    run(self->connection, "UPDATE people SET email = 'back@x' WHERE id = 'a'");
    assert_string_equal(marks_text(self->connection), "person/a person_by_email/back@x");
}

static void a_rolled_back_write_leaves_no_mark(void **state)
{
    struct fixture *self = *state;
    shell_once(self, "BEGIN; UPDATE people SET city = 'Oslo'; ROLLBACK");
    assert_string_equal(marks_text(self->connection), "");
}

static void replace_marks_the_row_that_it_removes(void **state)
{
    struct fixture *self = *state;
    shell_once(self, "INSERT OR REPLACE INTO people(id, email) VALUES ('c', 'a@x')");
    assert_true(mark_version(self->connection, "person", "a") > 0);
    assert_true(mark_version(self->connection, "person", "c") >
                mark_version(self->connection, "person", "a"));
    forget_marks(self->connection);
    shell_once(self, "UPDATE OR REPLACE people SET email = 'b@x' WHERE id = 'c'");
    assert_true(mark_version(self->connection, "person", "b") > 0);
    assert_int_equal(number(self->connection, "SELECT count(*) FROM people"), 1);
}

static void conflict_clauses_of_the_statement_do_not_silence_marks(void **state)
{
    struct fixture *self = *state;
    const char *const clauses[] = {"OR IGNORE", "OR REPLACE", "OR FAIL", "OR ROLLBACK", "OR ABORT", ""};
    run(self->connection, "UPDATE people SET city = 'Oslo' WHERE id = 'a'"); /* so the mark exists already */
    for (size_t i = 0; i < sizeof clauses / sizeof clauses[0]; i++) {
        char sql[128];
        uint64_t before = mark_version(self->connection, "person", "a");
        snprintf(sql, sizeof sql, "UPDATE %s people SET city = 'Lima' WHERE id = 'a'", clauses[i]);
        shell_once(self, sql);
        assert_int_equal(mark_version(self->connection, "person", "a"), before + 1);
        snprintf(sql, sizeof sql, "DELETE FROM people WHERE id = 'a'; INSERT %s INTO people(id) VALUES ('a')",
                 clauses[i]);
        shell_once(self, sql);
        assert_int_equal(mark_version(self->connection, "person", "a"), before + 3);
    }
}

static void an_upsert_marks_the_row_that_it_updates(void **state)
{
    struct fixture *self = *state;
    shell_once(
        self,
        "INSERT INTO people(id, city) VALUES ('a', 'Kiel') ON CONFLICT(id) DO UPDATE SET city = 'Kiel'");
    assert_int_equal(mark_version(self->connection, "person", "a"),
                     number(self->connection, "SELECT version FROM people WHERE id = 'a'"));
    assert_int_equal(mark_version(self->connection, "person", "a"), sequence(self->connection));
}

static void a_write_made_by_a_users_own_trigger_is_marked(void **state)
{
    struct fixture *self = *state;
    shell_once(self, "CREATE TRIGGER follow AFTER UPDATE ON people WHEN NEW.id = 'a' BEGIN "
                     "UPDATE people SET city = NEW.city WHERE id = 'b'; END;"
                     "UPDATE people SET city = 'Oslo' WHERE id = 'a'");
    assert_int_equal(number(self->connection, "SELECT count(*) FROM people WHERE city = 'Oslo'"), 2);
    assert_true(mark_version(self->connection, "person", "a") > 0);
    assert_true(mark_version(self->connection, "person", "b") > 0);
    assert_int_equal(number(self->connection, "SELECT stamping FROM freshet_sequence"), 0);
}

static void references_are_percent_encoded(void **state)
{
    struct fixture *self = *state;
    static const char bytes[] = "50%:a b\x01\t\n\x1f\x7f~\xc3\xa9%3A";
    struct fr_store_value id = fr_store_text(bytes);
    struct fr_error error;
    check(fr_store_run(self->connection, "INSERT INTO people(id) VALUES ($1)", &id, 1, NULL, NULL, NULL,
                       &error),
          &error);
    assert_string_equal(marks_text(self->connection), "person/50%25%3Aa%20b%01%09%0A%1F%7F~\xc3\xa9%253A");
}

static void every_special_byte_is_encoded_and_no_other(void **state)
{
    struct fixture *self = *state;
    for (int byte = 1; byte < 0x80; byte++) {
        char text[3] = {'x', (char)byte, '\0'};
        char expected[32];
        struct fr_store_value id = fr_store_text(text);
        struct fr_error error;
        bool special = byte <= ' ' || byte == ':' || byte == '%' || byte == 0x7f;
        snprintf(expected, sizeof expected, special ? "person/x%%%02X" : "person/x%c", byte);
        forget_marks(self->connection);
        check(fr_store_run(self->connection, "INSERT INTO people(id) VALUES ($1)", &id, 1, NULL, NULL, NULL,
                           &error),
              &error);
        assert_string_equal(marks_text(self->connection), expected);
    }
}

static void a_nul_byte_in_a_key_is_refused(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    struct fr_store_value id = {.kind = FR_STORE_TEXT, .bytes = {(const uint8_t *)"a\0b", 3}};
    assert_int_equal(fr_store_run(self->connection, "INSERT INTO people(id) VALUES ($1)", &id, 1, NULL, NULL,
                                  NULL, &error),
                     FR_INVALID_ARGUMENT);
    assert_string_equal(error.message, "people.id must not hold a NUL byte");
    assert_string_equal(marks_text(self->connection), "");
}

static void a_kind_may_have_several_columns_and_integers(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    struct fr_store_connection *c = self->connection;
    check(fr_store_migrate(c,
                           "CREATE TABLE seats(row INTEGER, letter TEXT, guest TEXT, version INTEGER, "
                           "PRIMARY KEY (row, letter)) WITHOUT ROWID",
                           &error),
          &error);
    check(fr_store_track(c, "seats", "seat", "row,letter", &error), &error);
    shell_once(self, "INSERT INTO seats(row, letter) VALUES (-12, 'a:b'), (7, '')");
    assert_string_equal(marks_text(c), "seat/-12:a%3Ab seat/7:");
    forget_marks(c);
    shell_once(self,
               "UPDATE seats SET guest = 'Eve', row = 8 WHERE row = 7; DELETE FROM seats WHERE row = -12;"
               "INSERT OR REPLACE INTO seats(row, letter) VALUES (8, '')");
    assert_string_equal(marks_text(c), "seat/7: seat/-12:a%3Ab seat/8:");
    assert_int_equal(number(c, "SELECT version FROM seats WHERE row = 8"), sequence(c));
}

static void tracking_again_writes_nothing(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    sqlite3 *other = shell_open(self);
    uint64_t before;
    uint64_t after;
    struct fr_store_connection *watcher;
    check(fr_store_connect(self->store, &watcher, &error), &error);
    check(fr_store_change_count(watcher, &before, &error), &error);
    check(fr_store_track(self->connection, "people", "person", "id", &error), &error);
    check(fr_store_track(self->connection, "People", "person_by_email", "email", &error), &error);
    check(fr_store_change_count(watcher, &after, &error), &error);
    assert_int_equal(before, after);
    fr_store_connection_free(watcher);
    sqlite3_close(other);
}

static void tracking_repairs_a_trigger_that_was_changed(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    shell_once(self, "DROP TRIGGER freshet_people_after_update;"
                     "CREATE TRIGGER freshet_people_after_update AFTER UPDATE ON people BEGIN SELECT 1; END;"
                     "UPDATE people SET version = 5000 WHERE id = 'b'");
    check(fr_store_track(self->connection, "people", "person", "id", &error), &error);
    shell_once(self, "UPDATE people SET city = 'Oslo' WHERE id = 'a'");
    assert_int_equal(mark_version(self->connection, "person", "a"), 5001);
}

static void tracking_follows_a_kind_whose_columns_changed(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    check(fr_store_track(self->connection, "people", "person_by_email", "email,city", &error), &error);
    shell_once(self, "UPDATE people SET city = 'Oslo' WHERE id = 'a'");
    assert_string_equal(marks_text(self->connection),
                        "person/a person_by_email/a@x:Bonn person_by_email/a@x:Oslo");
}

static void versions_start_above_those_of_rows_that_were_there_before(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    shell_once(self,
               "CREATE TABLE old(id TEXT PRIMARY KEY, version INTEGER); INSERT INTO old VALUES ('x', 700)");
    check(fr_store_track(self->connection, "old", "old", "id", &error), &error);
    shell_once(self, "UPDATE old SET id = id");
    assert_int_equal(mark_version(self->connection, "old", "x"), 701);
}

static void names_that_are_no_identifiers_are_refused(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    const char *const wrong[] = {"", "a b", "a\"b", "1a", "a;", "\xc3\xa9", "a-b"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(fr_store_track(self->connection, wrong[i], "k", "id", &error), FR_INVALID_ARGUMENT);
        assert_int_equal(fr_store_track(self->connection, "people", wrong[i], "id", &error),
                         FR_INVALID_ARGUMENT);
        assert_int_equal(fr_store_track(self->connection, "people", "k", wrong[i], &error),
                         FR_INVALID_ARGUMENT);
    }
    const char *const lists[] = {",", "id,", ",id", "id,,email", "id, email"};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        assert_int_equal(fr_store_track(self->connection, "people", "k", lists[i], &error),
                         FR_INVALID_ARGUMENT);
    }
}

static void what_cannot_be_tracked_is_named_and_breaks_nothing(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    shell_once(self, "CREATE TABLE plain(id TEXT PRIMARY KEY)");
    assert_int_equal(fr_store_track(self->connection, "nowhere", "k", "id", &error), FR_FAILED_PRECONDITION);
    assert_non_null(strstr(error.message, "nowhere"));
    assert_int_equal(fr_store_track(self->connection, "plain", "k", "id", &error), FR_FAILED_PRECONDITION);
    assert_non_null(strstr(error.message, "no column version"));
    assert_int_equal(fr_store_track(self->connection, "people", "k", "id,shoe", &error),
                     FR_FAILED_PRECONDITION);
    assert_non_null(strstr(error.message, "no column shoe"));
    shell_once(self, "UPDATE people SET city = 'Oslo'");
    assert_int_equal(number(self->connection, "SELECT count(*) FROM freshet_tracked"), 2);
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(an_insert_marks_every_kind_with_one_version),
        FACT(each_row_of_a_statement_draws_its_own_version),
        FACT(an_update_typed_in_another_program_leaves_a_mark_with_a_rising_version),
        FACT(one_write_is_one_draw_with_recursive_triggers_too),
        FACT(a_version_typed_by_hand_is_overwritten),
        FACT(versions_rise_over_delete_and_create),
        FACT(delete_of_all_rows_marks_each),
        FACT(a_changed_key_marks_the_old_and_the_new_one),
        FACT(a_null_key_leaves_no_mark),
        FACT(a_rolled_back_write_leaves_no_mark),
        FACT(replace_marks_the_row_that_it_removes),
        FACT(conflict_clauses_of_the_statement_do_not_silence_marks),
        FACT(an_upsert_marks_the_row_that_it_updates),
        FACT(a_write_made_by_a_users_own_trigger_is_marked),
        FACT(references_are_percent_encoded),
        FACT(every_special_byte_is_encoded_and_no_other),
        FACT(a_nul_byte_in_a_key_is_refused),
        FACT(a_kind_may_have_several_columns_and_integers),
        FACT(tracking_again_writes_nothing),
        FACT(tracking_repairs_a_trigger_that_was_changed),
        FACT(tracking_follows_a_kind_whose_columns_changed),
        FACT(versions_start_above_those_of_rows_that_were_there_before),
        FACT(names_that_are_no_identifiers_are_refused),
        FACT(what_cannot_be_tracked_is_named_and_breaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
