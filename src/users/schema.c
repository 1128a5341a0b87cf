/* SPDX-License-Identifier: MIT */
/*
 * schema.c - the table of user accounts and its first rows.
 */
#include "users/schema.h"

#include <inttypes.h>

/* Microseconds since the epoch; SQLite's clock has milliseconds. */
#define NOW_US                                                                                               \
    "(CAST(strftime('%s', 'now') AS INTEGER) * 1000000 + CAST(substr(strftime('%f', 'now'), 4) AS INTEGER) " \
    "* 1000)"

/* version and update_time_us are set by the triggers of fr_store_track. */
static const char create_table[] = "CREATE TABLE users(\n"
                                   "  id TEXT PRIMARY KEY NOT NULL CHECK (id <> ''),\n"
                                   "  name TEXT NOT NULL DEFAULT '',\n"
                                   "  email TEXT UNIQUE,\n"
                                   "  preference TEXT NOT NULL DEFAULT '',\n"
                                   "  version INTEGER NOT NULL DEFAULT 0,\n"
                                   "  create_time_us INTEGER NOT NULL DEFAULT " NOW_US ",\n"
                                   "  update_time_us INTEGER NOT NULL DEFAULT " NOW_US "\n"
                                   ") WITHOUT ROWID;\n";

static const char first_users[] = "INSERT INTO users(id, name, email, preference) VALUES\n"
                                  "  ('user-123', 'Alice', 'alice@example.com', 'dark_mode'),\n"
                                  "  ('user-456', 'Bob', 'bob@example.com', 'light_mode'),\n"
                                  "  ('user-789', 'Charlie', 'charlie@example.com', 'dark_mode');\n";

/* What is there already is left out before the INSERT: one that is ignored would still mark its row. */
static const char seed[] =
    "WITH RECURSIVE numbers(n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < 1000 + $1) "
    "INSERT INTO users(id, name, email, preference) "
    "SELECT 'user-' || n, 'User ' || n, 'user-' || n || '@example.com', "
    "CASE n % 2 WHEN 0 THEN 'dark_mode' ELSE 'light_mode' END FROM numbers "
    "WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = 'user-' || n OR email = 'user-' || n || "
    "'@example.com')";

/* Every row drew one version; when no other was ever drawn, the database is new. */
static const char forget_first_marks[] = "DELETE FROM dirty WHERE kind = 'user' AND "
                                         "(SELECT value FROM freshet_sequence) = (SELECT count(*) FROM users)";

static bool found_one(void *argument, const struct fr_store_row *row)
{
    (void)row;
    *(bool *)argument = true;
    return false;
}

static enum fr_code migrate(struct fr_store_connection *connection, uint64_t seed_users,
                            struct fr_error *reterr)
{
    bool exists = false;
    enum fr_code code =
        fr_store_run(connection, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'users'", NULL,
                     0, found_one, &exists, NULL, reterr);
    if (code == FR_OK && !exists) {
        code = fr_store_migrate(connection, create_table, reterr);
    }
    if (code == FR_OK) {
        code = fr_store_track(connection, "users", "user", "id", reterr);
    }
    if (code == FR_OK && !exists) {
        code = fr_store_migrate(connection, first_users, reterr);
    }
    if (code == FR_OK && seed_users > 0) {
        struct fr_store_value count = fr_store_integer((int64_t)seed_users);
        code = fr_store_run(connection, seed, &count, 1, NULL, NULL, NULL, reterr);
    }
    if (code == FR_OK && !exists) {
        /* A database that has seen no write before this transaction has nothing in any cache. */
        code = fr_store_run(connection, forget_first_marks, NULL, 0, NULL, NULL, NULL, reterr);
    }
    return code;
}

enum fr_code fr_users_migrate(struct fr_store_connection *connection, uint64_t seed_users,
                              struct fr_error *reterr)
{
    if (seed_users > FR_USERS_SEED_MAX) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "cannot seed %" PRIu64 " users; at most %" PRIu64,
                            seed_users, FR_USERS_SEED_MAX);
    }
    enum fr_code code = fr_store_begin(connection, reterr);
    if (code != FR_OK) {
        return code;
    }
    code = migrate(connection, seed_users, reterr);
    if (code != FR_OK) {
        fr_store_rollback(connection);
        return code;
    }
    return fr_store_commit(connection, NULL, reterr);
}
