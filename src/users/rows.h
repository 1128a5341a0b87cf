/* SPDX-License-Identifier: MIT */
/*
 * rows.h - users between the database and messages.
 */
#ifndef FR_USERS_ROWS_H
#define FR_USERS_ROWS_H

#include "message/arena.h"
#include "store/store.h"
#include "users/v1/users.pb-c.h"

/*
 * Reads one user into arena.
 *   FR_NOT_FOUND  there is none; otherwise as fr_store_run
 */
FR_MUST_CHECK enum fr_code fr_users_select(struct fr_store_connection *connection, const char *id,
                                           struct fr_arena *arena, Users__V1__User **ret_user,
                                           struct fr_error *reterr);

/*
 * Reads many users in one query: users[i], set to NULL before, becomes the one of ids[i] where there is one. Errors as
 * fr_store_run.
 */
FR_MUST_CHECK enum fr_code fr_users_select_many(struct fr_store_connection *connection, const char *const *ids,
                                                size_t count, struct fr_arena *arena, Users__V1__User **users,
                                                struct fr_error *reterr);

#endif
