/* SPDX-License-Identifier: MIT */
/*
 * batch.h - BatchGetUsers over any way of reading one user, for api and for data.
 */
#ifndef FR_USERS_BATCH_H
#define FR_USERS_BATCH_H

#include "cached/reader.h"
#include "rpc/server.h"
#include "users/v1/users.pb-c.h"

/* Starts the read of one id; one and only one on_read(argument, result) must follow. request lives until then. */
typedef void fr_users_read_one(void *context, const struct fr_key *key, const Users__V1__GetUserRequest *request,
                               struct fr_bytes encoded_request, uint64_t deadline_us,
                               void (*on_read)(void *argument, const struct fr_read_result *result), void *argument);

/* Answers a BatchGetUsers call with users in the order asked for and the ids that are missing. */
void fr_users_batch_handle(struct fr_call *call, fr_users_read_one *read_one, void *context);

#endif
