/* SPDX-License-Identifier: MIT */
/*
 * users.c - the service users.v1.Users: reads through the cache, writes passed on to update.
 */
#include "api/users.h"

#include "cached/forward.h"
#include "users/batch.h"
#include "users/v1/users.freshet.h"

static struct fr_cache *cache;
static struct fr_cached *cached;
static struct fr_channel *writer;

/* GetUser has no handler: it is declared as cached. */
static void batch_get_users(struct fr_call *call, const Users__V1__BatchGetUsersRequest *request, void *context)
{
    (void)context;
    fr_users_batch_handle(call, request, cached, &users_v1_users_get_user_method);
}

static void pass_on(struct fr_call *call, const struct fr_method *method)
{
    fr_forward_handle(call, &(struct fr_forward){writer, method->name, cache});
}

static void create_user(struct fr_call *call, const Users__V1__CreateUserRequest *request, void *context)
{
    (void)request, (void)context;
    pass_on(call, &users_v1_user_updates_create_user_method);
}

static void update_user(struct fr_call *call, const Users__V1__UpdateUserRequest *request, void *context)
{
    (void)request, (void)context;
    pass_on(call, &users_v1_user_updates_update_user_method);
}

static void update_preference(struct fr_call *call, const Users__V1__UpdatePreferenceRequest *request, void *context)
{
    (void)request, (void)context;
    pass_on(call, &users_v1_user_updates_update_preference_method);
}

static void delete_user(struct fr_call *call, const Users__V1__DeleteUserRequest *request, void *context)
{
    (void)request, (void)context;
    pass_on(call, &users_v1_user_updates_delete_user_method);
}

enum fr_code fr_api_users_register(struct fr_service *service, struct fr_channel *data, struct fr_channel *update,
                                   struct fr_error *reterr)
{
    static const struct users_v1_users_service handlers = {
        .batch_get_users = batch_get_users,
        .create_user = create_user,
        .update_user = update_user,
        .update_preference = update_preference,
        .delete_user = delete_user,
    };
    const struct users_v1_users_sources sources = {.get_user = data};
    cache = service->cache;
    cached = service->cached;
    writer = update;
    return users_v1_users_register_cached(service->server, &handlers, NULL, cached, &sources, reterr);
}
