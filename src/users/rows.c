/* SPDX-License-Identifier: MIT */
/*
 * rows.c - users between the database and messages.
 */
#include "users/rows.h"

#include "base/clock.h"

#define COLUMNS "u.id, u.name, u.email, u.preference, u.version, u.create_time_us, u.update_time_us"

/* What rows go to; those of a query for one have no index column. */
struct selection {
    struct fr_arena *arena;
    Users__V1__User **users; /* where each goes */
    size_t count;
    bool failed; /* no memory */
};

static char *copy(struct selection *selection, const struct fr_store_row *row, unsigned column)
{
    struct fr_bytes text = fr_store_row_get(row, column).bytes;
    char *copied = fr_arena_copy_text(selection->arena, (const char *)text.data, text.size);
    selection->failed = selection->failed || copied == NULL;
    return copied;
}

static Google__Protobuf__Timestamp *timestamp(struct selection *selection, const struct fr_store_row *row,
                                              unsigned column)
{
    int64_t time_us = fr_store_row_get(row, column).integer;
    Google__Protobuf__Timestamp *stamp = fr_arena_alloc(selection->arena, sizeof *stamp);
    if (stamp == NULL) {
        selection->failed = true;
        return NULL;
    }
    google__protobuf__timestamp__init(stamp);
    stamp->seconds = time_us / (int64_t)FR_SECOND_US;
    stamp->nanos = (int32_t)(time_us % (int64_t)FR_SECOND_US) * 1000;
    return stamp;
}

static Users__V1__User *read_user(struct selection *selection, const struct fr_store_row *row)
{
    Users__V1__User *user = fr_arena_alloc(selection->arena, sizeof *user);
    if (user == NULL) {
        selection->failed = true;
        return NULL;
    }
    users__v1__user__init(user);
    user->id = copy(selection, row, 0);
    user->name = copy(selection, row, 1);
    user->email = copy(selection, row, 2);
    user->preference = copy(selection, row, 3);
    user->version = (uint64_t)fr_store_row_get(row, 4).integer;
    user->create_time = timestamp(selection, row, 5);
    user->update_time = timestamp(selection, row, 6);
    return user;
}

static bool on_row(void *argument, const struct fr_store_row *row)
{
    struct selection *selection = argument;
    selection->users[0] = read_user(selection, row);
    return false;
}

static bool on_numbered_row(void *argument, const struct fr_store_row *row)
{
    struct selection *selection = argument;
    uint64_t index = (uint64_t)fr_store_row_get(row, 7).integer;
    FR_ASSERT(index < selection->count);
    selection->users[index] = read_user(selection, row);
    return !selection->failed;
}

enum fr_code fr_users_select(struct fr_store_connection *connection, const char *id, struct fr_arena *arena,
                             Users__V1__User **ret_user, struct fr_error *reterr)
{
    static const char sql[] = "SELECT " COLUMNS " FROM users AS u WHERE u.id = $1";
    Users__V1__User *user = NULL;
    struct selection selection = {.arena = arena, .users = &user, .count = 1};
    struct fr_store_value parameter = fr_store_text(id);
    enum fr_code code = fr_store_run(connection, sql, &parameter, 1, on_row, &selection, NULL, reterr);
    if (code != FR_OK) {
        return code;
    }
    if (selection.failed) {
        return fr_error_no_memory(reterr);
    }
    if (user == NULL) {
        return fr_error_set(reterr, FR_NOT_FOUND, "user '%.200s' does not exist", id);
    }
    *ret_user = user;
    return FR_OK;
}

/* As a JSON string; ids are UTF-8 without NUL. */
static void append_json(struct fr_buffer *out, const char *text)
{
    fr_buffer_append_text(out, "\"");
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\' || byte < ' ') {
            fr_buffer_append_format(out, "\\u%04x", byte);
        } else {
            fr_buffer_append(out, text, 1);
        }
    }
    fr_buffer_append_text(out, "\"");
}

/* One text whatever the count, so that the statement stays prepared; json_each tells which id a row belongs to. */
enum fr_code fr_users_select_many(struct fr_store_connection *connection, const char *const *ids, size_t count,
                                  struct fr_arena *arena, Users__V1__User **users, struct fr_error *reterr)
{
    static const char sql[] = "SELECT " COLUMNS ", j.key "
                              "FROM json_each($1) AS j CROSS JOIN users AS u ON u.id = j.value";
    struct selection selection = {.arena = arena, .users = users, .count = count};
    struct fr_buffer json = {0};
    for (size_t i = 0; i < count; i++) {
        fr_buffer_append_text(&json, i == 0 ? "[" : ",");
        append_json(&json, ids[i]);
    }
    fr_buffer_append_text(&json, count == 0 ? "[]" : "]");
    enum fr_code code = FR_RESOURCE_EXHAUSTED;
    const char *text = fr_buffer_text(&json);
    if (text != NULL) {
        struct fr_store_value parameter = fr_store_text(text);
        code = fr_store_run(connection, sql, &parameter, 1, on_numbered_row, &selection, NULL, reterr);
    }
    if (text == NULL || selection.failed) {
        code = fr_error_no_memory(reterr);
    }
    fr_buffer_fini(&json);
    return code;
}
