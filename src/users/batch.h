/* SPDX-License-Identifier: MIT */
/*
 * batch.h - BatchGetUsers over the cached method that reads one user, for api and for data.
 */
#ifndef FR_USERS_BATCH_H
#define FR_USERS_BATCH_H

#include "cached/serve.h"
#include "users/v1/users.pb-c.h"

#define FR_USERS_MAX_BATCH 1000 /* ids in one BatchGetUsers */

/*
 * Answers call with users in the order asked for and the ids that are missing. get_user is the method that reads one,
 * registered with cached.
 */
void fr_users_batch_handle(struct fr_call *call, const Users__V1__BatchGetUsersRequest *request,
                           struct fr_cached *cached, const struct fr_method *get_user);

#endif
