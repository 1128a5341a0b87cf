/* SPDX-License-Identifier: MIT */
/*
 * test_store_threads.c - several writers at once, each with a connection of its own.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "store/fixture.h"

#define WRITERS       4
#define WRITES        40
#define ROWS_PER_LOOP 3

struct writer {
    const char *url;
    struct fr_store *store;
    unsigned number;
    pthread_t thread;
    unsigned wrong; /* commits whose marks were not exactly their own */
    char problem[FR_ERROR_MESSAGE_BYTES];
};

static bool wrote(enum fr_code code, const struct fr_error *error, struct writer *self)
{
    if (code != FR_OK) {
        snprintf(self->problem, sizeof self->problem, "%s", error->message);
    }
    return code == FR_OK;
}

/* Marks of rows "N-0" … "N-2" for writer N, with rising versions. */
static bool are_own(const struct fr_store_marks *marks, unsigned writer)
{
    bool own = marks->count == ROWS_PER_LOOP;
    for (size_t i = 0; own && i < marks->count; i++) {
        char expected[40];
        snprintf(expected, sizeof expected, "%u-%zu", writer, i);
        own = strcmp(marks->items[i].reference, expected) == 0 &&
              (i == 0 || marks->items[i].version > marks->items[i - 1].version);
    }
    return own;
}

static bool write_once(struct writer *self, struct fr_store_connection *connection)
{
    struct fr_error error;
    struct fr_store_marks marks;
    if (!wrote(fr_store_begin(connection, &error), &error, self)) {
        return false;
    }
    for (int row = 0; row < ROWS_PER_LOOP; row++) {
        char id[16];
        snprintf(id, sizeof id, "%u-%d", self->number, row);
        struct fr_store_value value = fr_store_text(id);
        if (!wrote(fr_store_run(
                       connection,
                       "INSERT INTO rows(id) VALUES ($1) ON CONFLICT(id) DO UPDATE SET count = count + 1",
                       &value, 1, NULL, NULL, NULL, &error),
                   &error, self)) {
            return false;
        }
    }
    if (!wrote(fr_store_commit(connection, &marks, &error), &error, self)) {
        return false;
    }
    self->wrong += !are_own(&marks, self->number);
    bool cleared = wrote(fr_store_clear(connection, marks.items, 1, &error), &error, self);
    fr_store_marks_fini(&marks);
    return cleared;
}

static void *write_often(void *argument)
{
    struct writer *self = argument;
    struct fr_error error;
    struct fr_store_connection *connection;
    if (wrote(fr_store_connect(self->store, &connection, &error), &error, self)) {
        for (int i = 0; i < WRITES && write_once(self, connection); i++) {
        }
        fr_store_connection_free(connection);
    }
    return NULL;
}

static void commit_returns_exactly_its_own_marks_among_concurrent_writers(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    struct writer writers[WRITERS] = {0};
    check(fr_store_migrate(self->connection,
                           "CREATE TABLE rows(id TEXT PRIMARY KEY, count INTEGER DEFAULT 1, version INTEGER)",
                           &error),
          &error);
    check(fr_store_track(self->connection, "rows", "row", "id", &error), &error);
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i].store = self->store;
        writers[i].number = i;
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_often, &writers[i]), 0);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        pthread_join(writers[i].thread, NULL);
        assert_string_equal(writers[i].problem, "");
        assert_int_equal(writers[i].wrong, 0);
    }
    assert_int_equal(number(self->connection, "SELECT sum(count) FROM rows"),
                     WRITERS * WRITES * ROWS_PER_LOOP);
    assert_int_equal(number(self->connection, "SELECT count(DISTINCT version) FROM rows"),
                     WRITERS * ROWS_PER_LOOP);
    assert_int_equal(number(self->connection, "SELECT count(*) FROM dirty"), WRITERS * (ROWS_PER_LOOP - 1));
}

static void *open_new_database(void *argument)
{
    struct writer *self = argument;
    struct fr_store *store;
    struct fr_error error;
    if (wrote(fr_store_open(self->url, &store, &error), &error, self)) {
        fr_store_free(store);
    }
    return NULL;
}

static void several_may_open_a_new_database_at_once(void **state)
{
    struct fixture *self = *state;
    struct writer openers[WRITERS] = {0};
    for (unsigned i = 0; i < WRITERS; i++) {
        openers[i].url = self->url;
        assert_int_equal(pthread_create(&openers[i].thread, NULL, open_new_database, &openers[i]), 0);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        pthread_join(openers[i].thread, NULL);
        assert_string_equal(openers[i].problem, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(commit_returns_exactly_its_own_marks_among_concurrent_writers,
                                        fixture_store, fixture_remove),
        cmocka_unit_test_setup_teardown(several_may_open_a_new_database_at_once, fixture_folder,
                                        fixture_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
