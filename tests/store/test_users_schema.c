/* SPDX-License-Identifier: MIT */
/*
 * test_users_schema.c - the table of users: made once, seeded, tracked.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/fixture.h"
#include "users/schema.h"

#define MIGRATORS 4

static void migrate(struct fixture *self, uint64_t seed_users)
{
    struct fr_error error;
    check(fr_users_migrate(self->connection, seed_users, &error), &error);
}

static void a_new_database_has_three_users(void **state)
{
    struct fixture *self = *state;
    struct fr_store_connection *c = self->connection;
    migrate(self, 0);
    assert_int_equal(number(c, "SELECT count(*) FROM users"), 3);
    assert_int_equal(number(c, "SELECT count(*) FROM users WHERE id = 'user-123' AND name = 'Alice' AND "
                               "email = 'alice@example.com' AND preference = 'dark_mode' AND version > 0"),
                     1);
    assert_int_equal(number(c, "SELECT count(*) FROM users WHERE (id, name) IN (VALUES ('user-456', 'Bob'), "
                               "('user-789', 'Charlie'))"),
                     2);
}

static void migrating_again_changes_nothing(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    struct fr_store_connection *watcher;
    uint64_t before;
    uint64_t after;
    migrate(self, 10);
    shell_once(self, "DELETE FROM users WHERE id = 'user-456'");
    check(fr_store_connect(self->store, &watcher, &error), &error);
    check(fr_store_change_count(watcher, &before, &error), &error);
    migrate(self, 10);
    check(fr_store_change_count(watcher, &after, &error), &error);
    assert_int_equal(before, after);
    assert_int_equal(number(self->connection, "SELECT count(*) FROM users"), 12);
    fr_store_connection_free(watcher);
}

static void seeding_adds_what_is_missing(void **state)
{
    struct fixture *self = *state;
    migrate(self, 5);
    shell_once(
        self,
        "UPDATE users SET name = 'Kept' WHERE id = 'user-1000'; DELETE FROM users WHERE id = 'user-1002'");
    forget_marks(self->connection);
    migrate(self, 7);
    assert_int_equal(number(self->connection, "SELECT count(*) FROM users WHERE id GLOB 'user-100[0-6]'"), 7);
    assert_int_equal(number(self->connection, "SELECT count(*) FROM users WHERE name = 'Kept'"), 1);
    assert_string_equal(marks_text(self->connection), "user/user-1002 user/user-1005 user/user-1006");
}

static void many_users_have_a_version_each(void **state)
{
    struct fixture *self = *state;
    migrate(self, 10000);
    assert_int_equal(number(self->connection, "SELECT count(DISTINCT version) FROM users"), 10003);
}

static void a_new_table_leaves_no_marks(void **state)
{
    struct fixture *self = *state;
    migrate(self, 2);
    assert_int_equal(number(self->connection, "SELECT count(*) FROM users"), 5);
    assert_int_equal(number(self->connection, "SELECT count(*) FROM dirty"), 0);
}

static void too_many_users_are_refused(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    assert_int_equal(fr_users_migrate(self->connection, UINT64_MAX, &error), FR_INVALID_ARGUMENT);
}

static void a_hand_typed_update_moves_the_update_time(void **state)
{
    struct fixture *self = *state;
    struct fr_store_connection *c = self->connection;
    uint64_t wall_us = fr_clock_wall_us();
    migrate(self, 0);
    assert_in_range(number(c, "SELECT create_time_us FROM users WHERE id = 'user-123'"),
                    wall_us - FR_SECOND_US, wall_us + 60 * FR_SECOND_US);
    shell_once(self, "UPDATE users SET create_time_us = 1000, update_time_us = 1000");
    assert_int_equal(number(c, "SELECT update_time_us FROM users WHERE id = 'user-123'"), 1000);
    shell_once(self, "UPDATE users SET preference = 'x' WHERE id = 'user-123'");
    assert_in_range(number(c, "SELECT update_time_us FROM users WHERE id = 'user-123'"),
                    wall_us - FR_SECOND_US, wall_us + 60 * FR_SECOND_US);
    assert_int_equal(number(c, "SELECT create_time_us FROM users WHERE id = 'user-123'"), 1000);
}

static void a_taken_email_is_already_exists(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    migrate(self, 0);
    assert_int_equal(fr_store_run(self->connection,
                                  "INSERT INTO users(id, email) VALUES ('user-1', 'alice@example.com')", NULL,
                                  0, NULL, NULL, NULL, &error),
                     FR_ALREADY_EXISTS);
    assert_non_null(strstr(error.message, "users.email"));
}

/* Exit status 0 when a process of its own could open and migrate the database. */
static int migrate_alone(const struct fixture *self)
{
    struct fr_store *store;
    struct fr_store_connection *connection;
    struct fr_error error;
    if (fr_store_open(self->url, &store, &error) != FR_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    bool done = fr_store_connect(store, &connection, &error) == FR_OK;
    if (done) {
        done = fr_users_migrate(connection, 20, &error) == FR_OK;
        fr_store_connection_free(connection);
    }
    if (!done) {
        fprintf(stderr, "%s\n", error.message);
    }
    fr_store_free(store);
    return done ? 0 : 1;
}

static void several_processes_may_migrate_a_new_database_at_once(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    pid_t children[MIGRATORS];
    for (int i = 0; i < MIGRATORS; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            _exit(migrate_alone(self));
        }
    }
    for (int i = 0; i < MIGRATORS; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    check(fr_store_open(self->url, &self->store, &error), &error);
    check(fr_store_connect(self->store, &self->connection, &error), &error);
    assert_int_equal(number(self->connection, "SELECT count(*) FROM users"), 23);
    assert_int_equal(number(self->connection, "SELECT value FROM freshet_sequence"), 23);
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, fixture_store, fixture_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(a_new_database_has_three_users),
        FACT(migrating_again_changes_nothing),
        FACT(seeding_adds_what_is_missing),
        FACT(many_users_have_a_version_each),
        FACT(a_new_table_leaves_no_marks),
        FACT(too_many_users_are_refused),
        FACT(a_hand_typed_update_moves_the_update_time),
        FACT(a_taken_email_is_already_exists),
        cmocka_unit_test_setup_teardown(several_processes_may_migrate_a_new_database_at_once, fixture_folder,
                                        fixture_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
