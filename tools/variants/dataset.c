/* SPDX-License-Identifier: MIT */
/*
 * dataset.c - the data sets: users, and pages of 100 of them. Orders stand in dataset_order.c.
 */
#include "variants/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shapes.pb-c.h>
#include <users/v1/users.pb-c.h>

#include "message/json.h"
#include "message/schema.h"
#include "payload/shapes.h"
#include "variants/rows.h"

#define COLUMNS "id, name, email, preference, version, create_time_us, update_time_us"

static const char user_tables[] = "CREATE TABLE users(\n"
                                  "  number INTEGER PRIMARY KEY,\n"
                                  "  id TEXT UNIQUE NOT NULL,\n"
                                  "  name TEXT NOT NULL,\n"
                                  "  email TEXT UNIQUE NOT NULL,\n"
                                  "  preference TEXT NOT NULL,\n"
                                  "  version INTEGER NOT NULL,\n"
                                  "  create_time_us INTEGER NOT NULL,\n"
                                  "  update_time_us INTEGER NOT NULL\n"
                                  ");\n";

/* Where the users of a query go. */
struct users {
    struct rows rows;
    Users__V1__User **items;
    size_t count, most;
    uint64_t version; /* the highest */
};

static bool on_user(void *argument, const struct fr_store_row *row)
{
    struct users *users = argument;
    struct rows *rows = &users->rows;
    Users__V1__User *user = rows_take(rows, sizeof *user);
    if (user == NULL || users->count == users->most) {
        return false;
    }
    users__v1__user__init(user);
    user->id = rows_text(rows, row, 0);
    user->name = rows_text(rows, row, 1);
    user->email = rows_text(rows, row, 2);
    user->preference = rows_text(rows, row, 3);
    user->version = (uint64_t)fr_store_row_get(row, 4).integer;
    user->create_time = rows_time(rows, row, 5);
    user->update_time = rows_time(rows, row, 6);
    users->items[users->count++] = user;
    users->version = user->version > users->version ? user->version : users->version;
    return !rows->failed;
}

static enum fr_code read_users(struct fr_store_connection *connection, const char *sql, struct fr_store_value key,
                               const char *id, struct users *users, struct fr_error *reterr)
{
    enum fr_code code = fr_store_run(connection, sql, &key, 1, on_user, users, NULL, reterr);
    if (code == FR_OK && users->rows.failed) {
        return fr_error_no_memory(reterr);
    }
    return code == FR_OK && users->count == 0 ? fr_error_set(reterr, FR_NOT_FOUND, "'%s' does not exist", id) : code;
}

static enum fr_code select_user(struct fr_store_connection *connection, const char *id, struct fr_arena *arena,
                                ProtobufCMessage **ret_message, uint64_t *ret_version, struct fr_error *reterr)
{
    static const char sql[] = "SELECT " COLUMNS " FROM users WHERE id = $1";
    Users__V1__User *user = NULL;
    struct users users = {.rows = {.arena = arena}, .items = &user, .most = 1};
    enum fr_code code = read_users(connection, sql, fr_store_text(id), id, &users, reterr);
    if (code == FR_OK) {
        *ret_message = &user->base;
        *ret_version = users.version;
    }
    return code;
}

static enum fr_code select_list(struct fr_store_connection *connection, const char *id, struct fr_arena *arena,
                                ProtobufCMessage **ret_message, uint64_t *ret_version, struct fr_error *reterr)
{
    static const char sql[] = "SELECT " COLUMNS " FROM users WHERE number >= $1 ORDER BY number LIMIT 100";
    struct users users = {.rows = {.arena = arena}, .most = SHAPE_LIST_USERS};
    Users__V1__BatchGetUsersResponse *list = rows_take(&users.rows, sizeof *list);
    users.items = rows_take(&users.rows, SHAPE_LIST_USERS * sizeof users.items[0]);
    if (users.rows.failed) {
        return fr_error_no_memory(reterr);
    }
    const char *number = strrchr(id, '-');
    struct fr_store_value first = fr_store_integer(number == NULL ? 0 : strtol(number + 1, NULL, 10));
    enum fr_code code = read_users(connection, sql, first, id, &users, reterr);
    if (code == FR_OK) {
        users__v1__batch_get_users_response__init(list);
        list->users = users.items;
        list->n_users = users.count;
        *ret_message = &list->base;
        *ret_version = users.version;
    }
    return code;
}

static enum fr_code insert_user(struct fr_store_connection *connection, unsigned number, const Users__V1__User *user,
                                struct fr_error *reterr)
{
    static const char sql[] = "INSERT INTO users(number, " COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    const struct fr_store_value values[] = {fr_store_integer(number),
                                            fr_store_text(user->id),
                                            fr_store_text(user->name),
                                            fr_store_text(user->email),
                                            fr_store_text(user->preference),
                                            fr_store_integer((int64_t)user->version),
                                            rows_time_value(user->create_time),
                                            rows_time_value(user->update_time)};
    return fr_store_run(connection, sql, values, sizeof values / sizeof values[0], NULL, NULL, NULL, reterr);
}

const struct dataset datasets[] = {
    {"user", "the services' own record", "users.v1.User", &users__v1__user__descriptor, "user-%u", 1000,
     shape_put_user, select_user},
    {"order", "messages nested three deep", "payload.v1.Order", &payload__v1__order__descriptor, "order-2024-%06u",
     815, shape_put_order, dataset_order_select},
    {"list", "100 users", "users.v1.BatchGetUsersResponse", &users__v1__batch_get_users_response__descriptor,
     "page-%u", 0, shape_put_list, select_list},
};

const size_t dataset_count = sizeof datasets / sizeof datasets[0];

void dataset_id(const struct dataset *self, unsigned number, char ret_id[DATASET_ID_BYTES])
{
    snprintf(ret_id, DATASET_ID_BYTES, self->id, self->first + number);
}

enum fr_code dataset_message(const struct dataset *self, const struct pack_type *type, unsigned number,
                             struct fr_arena *arena, ProtobufCMessage **ret_message, struct fr_error *reterr)
{
    struct fr_buffer text = {0};
    self->put(&text, number);
    enum fr_code code = text.failed ? fr_error_no_memory(reterr)
                                    : pack_decode(PACK_JSON, type, fr_buffer_bytes(&text), arena, ret_message, reterr);
    fr_buffer_fini(&text);
    return code;
}

/* A user for every list's last one too. */
static enum fr_code insert_all(struct fr_store_connection *connection, struct pack_type *const types[2], unsigned count,
                               struct fr_arena *arena, struct fr_error *reterr)
{
    ProtobufCMessage *message;
    enum fr_code code = FR_OK;
    for (unsigned i = 0; i < count + SHAPE_LIST_USERS - 1 && code == FR_OK; i++) {
        code = dataset_message(&datasets[0], types[0], i, arena, &message, reterr);
        if (code == FR_OK) {
            code = insert_user(connection, i, (const Users__V1__User *)message, reterr);
        }
        if (code == FR_OK && i < count) {
            code = dataset_message(&datasets[1], types[1], i, arena, &message, reterr);
        }
        if (code == FR_OK && i < count) {
            code = dataset_order_insert(connection, message, reterr);
        }
        fr_arena_reset(arena);
    }
    return code;
}

static enum fr_code store_all(struct fr_store_connection *connection, struct pack_type *const types[2], unsigned count,
                              struct fr_error *reterr)
{
    struct fr_arena *arena = fr_arena_new((size_t)16 << 10);
    enum fr_code code = arena == NULL ? fr_error_no_memory(reterr) : fr_store_begin(connection, reterr);
    if (code == FR_OK) {
        code = insert_all(connection, types, count, arena, reterr);
        if (code == FR_OK) {
            code = fr_store_commit(connection, NULL, reterr);
        } else {
            fr_store_rollback(connection);
        }
    }
    fr_arena_free(arena);
    return code;
}

enum fr_code datasets_store(struct fr_store_connection *connection, const struct fr_schema *schema, unsigned count,
                            struct fr_error *reterr)
{
    struct pack_type *types[2] = {NULL, NULL};
    enum fr_code code = fr_store_migrate(connection, user_tables, reterr);
    if (code == FR_OK) {
        code = fr_store_migrate(connection, dataset_order_tables, reterr);
    }
    for (int i = 0; i < 2 && code == FR_OK; i++) {
        code = pack_type_new(schema, datasets[i].message, datasets[i].descriptor, &types[i], reterr);
    }
    if (code == FR_OK) {
        code = store_all(connection, types, count, reterr);
    }
    pack_type_free(types[0]);
    pack_type_free(types[1]);
    return code;
}
