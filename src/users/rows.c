/* SPDX-License-Identifier: MIT */
/*
 * rows.c - users between the database and messages.
 */
#include "users/rows.h"

#include "base/clock.h"

struct selection {
    struct fr_arena *arena;
    Users__V1__User *user; /* NULL: no row yet */
    bool failed;           /* no memory */
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

static bool on_row(void *argument, const struct fr_store_row *row)
{
    struct selection *selection = argument;
    Users__V1__User *user = fr_arena_alloc(selection->arena, sizeof *user);
    if (user == NULL) {
        selection->failed = true;
        return false;
    }
    users__v1__user__init(user);
    user->id = copy(selection, row, 0);
    user->name = copy(selection, row, 1);
    user->email = copy(selection, row, 2);
    user->preference = copy(selection, row, 3);
    user->version = (uint64_t)fr_store_row_get(row, 4).integer;
    user->create_time = timestamp(selection, row, 5);
    user->update_time = timestamp(selection, row, 6);
    selection->user = user;
    return false;
}

enum fr_code fr_users_select(struct fr_store_connection *connection, const char *id, struct fr_arena *arena,
                             Users__V1__User **ret_user, struct fr_error *reterr)
{
    static const char sql[] = "SELECT id, name, email, preference, version, create_time_us, update_time_us "
                              "FROM users WHERE id = $1";
    struct selection selection = {.arena = arena};
    struct fr_store_value parameter = fr_store_text(id);
    enum fr_code code = fr_store_run(connection, sql, &parameter, 1, on_row, &selection, NULL, reterr);
    if (code != FR_OK) {
        return code;
    }
    if (selection.failed) {
        return fr_error_no_memory(reterr);
    }
    if (selection.user == NULL) {
        return fr_error_set(reterr, FR_NOT_FOUND, "user '%.200s' does not exist", id);
    }
    *ret_user = selection.user;
    return FR_OK;
}
