/* SPDX-License-Identifier: MIT */
/*
 * users_v1.c - typed calls of the services in users/v1/users.proto.
 */
#include "users/users_v1.h"

#define DEFINE_METHOD(service, Service, method, Method, Request, request_, Response, response_, level)               \
    const struct fr_method users_v1_##service##_##method##_method = {                                                \
        .name = "users.v1." #Service "/" #Method,                                                                    \
        .request = &users__v1__##request_##__descriptor,                                                             \
        .response = &users__v1__##response_##__descriptor,                                                           \
        .idempotency = level,                                                                                        \
    };                                                                                                               \
    enum fr_code users_v1_##service##_##method(                                                                      \
        struct fr_channel *channel, const Users__V1__##Request *request, const struct fr_call_options *options,      \
        Users__V1__##Response **ret_response, struct fr_error *reterr)                                               \
    {                                                                                                                \
        struct ProtobufCMessage *response;                                                                           \
        enum fr_code code = fr_channel_call_message(channel, &users_v1_##service##_##method##_method,                \
                                                    &request->base, options, &response, reterr);                     \
        if (code == FR_OK) {                                                                                         \
            *ret_response = (Users__V1__##Response *)response;                                                       \
        }                                                                                                            \
        return code;                                                                                                 \
    }                                                                                                                \
    void users_v1_##service##_##method##_async(struct fr_channel *channel, const Users__V1__##Request *request,      \
                                               const struct fr_call_options *options, fr_message_done *done,         \
                                               void *argument, struct fr_pending **ret_pending)                      \
    {                                                                                                                \
        fr_channel_start_message(channel, &users_v1_##service##_##method##_method, &request->base, options, done,    \
                                 argument, ret_pending);                                                             \
    }                                                                                                                \
    void users_v1_##service##_reply_##method(struct fr_call *call, const Users__V1__##Response *response)            \
    {                                                                                                                \
        fr_call_reply_message(call, &response->base);                                                                \
    }

FR_USERS_V1_USERS(DEFINE_METHOD)
FR_USERS_V1_USER_DATA(DEFINE_METHOD)
FR_USERS_V1_USER_UPDATES(DEFINE_METHOD)
