/* SPDX-License-Identifier: MIT */
/*
 * user_data.c - the service users.v1.UserData: loads users from the database and fills the cache.
 */
#include "data/user_data.h"

#include "cached/origin.h"
#include "users/batch.h"
#include "users/policy.h"
#include "users/rows.h"
#include "users/users_v1.h"

#define ROW_ARENA_BYTES 1024

static enum fr_code load_user(struct fr_store_connection *connection, const struct ProtobufCMessage *message,
                              struct fr_buffer *payload, uint64_t *ret_version, struct fr_error *reterr)
{
    const Users__V1__GetUserRequest *request = (const Users__V1__GetUserRequest *)message;
    struct fr_arena *arena = fr_arena_new(ROW_ARENA_BYTES);
    Users__V1__User *user;
    enum fr_code code = arena == NULL ? fr_error_no_memory(reterr)
                                      : fr_users_select(connection, request->id, arena, &user, reterr);
    if (code == FR_OK) {
        fr_message_pack(&user->base, payload);
        *ret_version = user->version;
    }
    fr_arena_free(arena);
    return code;
}

static struct fr_origin get_user = {.policy = &fr_user_policy, .load = load_user};

static void read_one(void *context, const struct fr_key *key, const Users__V1__GetUserRequest *request,
                     struct fr_bytes encoded_request, uint64_t deadline_us,
                     void (*on_read)(void *argument, const struct fr_read_result *result), void *argument)
{
    (void)encoded_request;
    fr_origin_read(context, key, &request->base, deadline_us, on_read, argument);
}

static void batch_get_users(struct fr_call *call, void *context)
{
    fr_users_batch_handle(call, read_one, context);
}

enum fr_code fr_data_users_register(struct fr_service *service, struct fr_error *reterr)
{
    get_user.loop = service->loop;
    get_user.shared = service->shared;
    get_user.pool = service->pool;
    get_user.connections = service->connections;
    const struct fr_server_method methods[] = {
        {&users_v1_user_data_get_user_method, fr_origin_handle, &get_user},
        {&users_v1_user_data_batch_get_users_method, batch_get_users, &get_user},
    };
    return fr_server_register(service->server, "users.v1.UserData", methods, sizeof methods / sizeof methods[0],
                              reterr);
}
