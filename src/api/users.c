/* SPDX-License-Identifier: MIT */
/*
 * users.c - the service users.v1.Users: reads through the cache, writes passed on to update.
 */
#include "api/users.h"

#include "cached/consumer.h"
#include "users/batch.h"
#include "users/policy.h"
#include "users/users_v1.h"

static struct fr_consumer get_user;
static struct fr_forward create_user, update_user, update_preference, delete_user;

static void read_one(void *context, const struct fr_key *key, const Users__V1__GetUserRequest *request,
                     struct fr_bytes encoded_request, uint64_t deadline_us,
                     void (*on_read)(void *argument, const struct fr_read_result *result), void *argument)
{
    (void)request;
    fr_consumer_read(context, key, encoded_request, deadline_us, on_read, argument);
}

static void batch_get_users(struct fr_call *call, void *context)
{
    fr_users_batch_handle(call, read_one, context);
}

enum fr_code fr_api_users_register(struct fr_service *service, struct fr_channel *data, struct fr_channel *update,
                                   struct fr_error *reterr)
{
    get_user = (struct fr_consumer){
        .loop = service->loop,
        .shared = service->shared,
        .policy = &fr_user_policy,
        .origin = data,
        .origin_method = users_v1_user_data_get_user_method.name,
    };
    create_user = (struct fr_forward){update, users_v1_user_updates_create_user_method.name};
    update_user = (struct fr_forward){update, users_v1_user_updates_update_user_method.name};
    update_preference = (struct fr_forward){update, users_v1_user_updates_update_preference_method.name};
    delete_user = (struct fr_forward){update, users_v1_user_updates_delete_user_method.name};
    const struct fr_server_method methods[] = {
        {&users_v1_users_get_user_method, fr_consumer_handle, &get_user},
        {&users_v1_users_batch_get_users_method, batch_get_users, &get_user},
        {&users_v1_users_create_user_method, fr_forward_handle, &create_user},
        {&users_v1_users_update_user_method, fr_forward_handle, &update_user},
        {&users_v1_users_update_preference_method, fr_forward_handle, &update_preference},
        {&users_v1_users_delete_user_method, fr_forward_handle, &delete_user},
    };
    return fr_server_register(service->server, "users.v1.Users", methods, sizeof methods / sizeof methods[0],
                              reterr);
}
