/* SPDX-License-Identifier: MIT */
/*
 * users_v1.h - typed calls of the services in users/v1/users.proto.
 *
 * For each method M of a service S: users_v1_S_M (a blocking call), users_v1_S_M_async, users_v1_S_reply_M for its
 * handler, and users_v1_S_M_method to register it. See rpc/channel.h and rpc/server.h for ownership and errors.
 */
#ifndef FR_USERS_USERS_V1_H
#define FR_USERS_USERS_V1_H

#include "rpc/channel.h"
#include "rpc/server.h"
#include "users/v1/users.pb-c.h"

/* X(service, Service, method, Method, Request, request, Response, response, idempotency) */
#define FR_USERS_READS(X, service, Service)                                                                          \
    X(service, Service, get_user, GetUser, GetUserRequest, get_user_request, User, user, FR_NO_SIDE_EFFECTS)         \
    X(service, Service, batch_get_users, BatchGetUsers, BatchGetUsersRequest, batch_get_users_request,               \
      BatchGetUsersResponse, batch_get_users_response, FR_NO_SIDE_EFFECTS)

#define FR_USERS_WRITES(X, service, Service)                                                                         \
    X(service, Service, create_user, CreateUser, CreateUserRequest, create_user_request, User, user,                 \
      FR_IDEMPOTENCY_UNKNOWN)                                                                                        \
    X(service, Service, update_user, UpdateUser, UpdateUserRequest, update_user_request, User, user,                 \
      FR_IDEMPOTENCY_UNKNOWN)                                                                                        \
    X(service, Service, update_preference, UpdatePreference, UpdatePreferenceRequest, update_preference_request,     \
      User, user, FR_IDEMPOTENCY_UNKNOWN)                                                                            \
    X(service, Service, delete_user, DeleteUser, DeleteUserRequest, delete_user_request, DeleteUserResponse,         \
      delete_user_response, FR_IDEMPOTENCY_UNKNOWN)

#define FR_USERS_V1_USERS(X)        FR_USERS_READS(X, users, Users) FR_USERS_WRITES(X, users, Users)
#define FR_USERS_V1_USER_DATA(X)    FR_USERS_READS(X, user_data, UserData)
#define FR_USERS_V1_USER_UPDATES(X) FR_USERS_WRITES(X, user_updates, UserUpdates)

#define FR_DECLARE_METHOD(service, Service, method, Method, Request, request_, Response, response_, level)           \
    extern const struct fr_method users_v1_##service##_##method##_method;                                            \
    FR_MUST_CHECK enum fr_code users_v1_##service##_##method(                                                        \
        struct fr_channel *channel, const Users__V1__##Request *request, const struct fr_call_options *options,      \
        Users__V1__##Response **ret_response, struct fr_error *reterr);                                              \
    void users_v1_##service##_##method##_async(struct fr_channel *channel, const Users__V1__##Request *request,      \
                                               const struct fr_call_options *options, fr_message_done *done,         \
                                               void *argument, struct fr_pending **ret_pending);                     \
    void users_v1_##service##_reply_##method(struct fr_call *call, const Users__V1__##Response *response);

FR_USERS_V1_USERS(FR_DECLARE_METHOD)
FR_USERS_V1_USER_DATA(FR_DECLARE_METHOD)
FR_USERS_V1_USER_UPDATES(FR_DECLARE_METHOD)

#endif
