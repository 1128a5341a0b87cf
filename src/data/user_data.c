/* SPDX-License-Identifier: MIT */
/*
 * user_data.c - the service users.v1.UserData: loads users from the database and fills the cache.
 */
#include "data/user_data.h"

#include "users/batch.h"
#include "users/rows.h"
#include "users/v1/users.freshet.h"

static enum fr_code load_user(struct fr_store_connection *connection, const Users__V1__GetUserRequest *request,
                              struct fr_arena *arena, Users__V1__User **ret_user, uint64_t *ret_version,
                              struct fr_error *reterr)
{
    enum fr_code code = fr_users_select(connection, request->id, arena, ret_user, reterr);
    if (code == FR_OK) {
        *ret_version = (*ret_user)->version;
    }
    return code;
}

static enum fr_code load_users(struct fr_store_connection *connection, const Users__V1__GetUserRequest *const *requests,
                               size_t count, struct fr_arena *arena, Users__V1__User **users, uint64_t *versions,
                               struct fr_error *reterr)
{
    const char **ids = fr_arena_alloc(arena, count * sizeof ids[0]);
    if (ids == NULL) {
        return fr_error_no_memory(reterr);
    }
    for (size_t i = 0; i < count; i++) {
        ids[i] = requests[i]->id;
    }
    enum fr_code code = fr_users_select_many(connection, ids, count, arena, users, reterr);
    for (size_t i = 0; i < count && code == FR_OK; i++) {
        versions[i] = users[i] != NULL ? users[i]->version : 0;
    }
    return code;
}

static void batch_get_users(struct fr_call *call, const Users__V1__BatchGetUsersRequest *request, void *context)
{
    fr_users_batch_handle(call, request, context, &users_v1_user_data_get_user_method);
}

enum fr_code fr_data_users_register(struct fr_service *service, struct fr_error *reterr)
{
    static const struct users_v1_user_data_service handlers = {.batch_get_users = batch_get_users};
    static const struct users_v1_user_data_sources sources = {.get_user = load_user, .get_user_many = load_users};
    return users_v1_user_data_register_cached(service->server, &handlers, service->cached, service->cached, &sources,
                                              reterr);
}
