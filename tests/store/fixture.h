/* SPDX-License-Identifier: MIT */
/*
 * fixture.h - a database in a folder of its own for each test, and a second program that writes to it.
 */
#ifndef FR_TESTS_STORE_FIXTURE_H
#define FR_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>

#include "store/store.h"

struct sqlite3;

struct fixture {
    char folder[64];
    char path[128]; /* of the database: folder/test.db */
    char url[160];
    struct fr_store *store;
    struct fr_store_connection *connection;
};

/* cmocka set-ups: a folder alone, or with an open database; and the tear-down of both. */
int fixture_folder(void **state);
int fixture_store(void **state);
int fixture_remove(void **state);

/* Fails the test with the error's message unless code is FR_OK. */
void check(enum fr_code code, const struct fr_error *error);

/* The database as another program sees it, with nothing but SQLite's defaults. */
struct sqlite3 *shell_open(const struct fixture *self);
/* Types SQL into it; it must work. */
void shell(struct sqlite3 *database, const char *sql);
/* Opens, types and closes. */
void shell_once(const struct fixture *self, const char *sql);

/* The first value of a query; -1 for none or NULL. */
int64_t number(struct fr_store_connection *connection, const char *sql);
/* Runs one statement, which must work. */
void run(struct fr_store_connection *connection, const char *sql);
/* The version of a mark, 0 when there is none. */
uint64_t mark_version(struct fr_store_connection *connection, const char *kind, const char *reference);
/* The marks as "kind/reference kind/reference", the oldest first. Borrowed until the next call. */
const char *marks_text(struct fr_store_connection *connection);
void forget_marks(struct fr_store_connection *connection);

#endif
