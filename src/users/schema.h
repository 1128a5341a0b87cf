/* SPDX-License-Identifier: MIT */
/*
 * schema.h - the table of user accounts and its first rows.
 */
#ifndef FR_USERS_SCHEMA_H
#define FR_USERS_SCHEMA_H

#include <stdint.h>

#include "store/store.h"

/* The most that seed_users may ask for. */
#define FR_USERS_SEED_MAX UINT64_C(10000000)

/*
 * Creates the table "users" where it is missing and tracks it as kind "user" by "id". A new table gets Alice
 * (user-123), Bob (user-456) and Charlie (user-789). seed_users more, user-1000 and on, are added where
 * missing. A user without an email holds NULL there, since the column is unique. One transaction, so several
 * programs may do it at once. Not within a transaction.
 *   FR_INVALID_ARGUMENT  seed_users is above FR_USERS_SEED_MAX
 * and the errors of fr_store_run.
 */
FR_MUST_CHECK enum fr_code fr_users_migrate(struct fr_store_connection *connection, uint64_t seed_users,
                                            struct fr_error *reterr);

#endif
