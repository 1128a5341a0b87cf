/* SPDX-License-Identifier: MIT */
/*
 * user_updates.c - the service users.v1.UserUpdates: every write of a user.
 *
 * Each function runs within a transaction; the version comes from the table's trigger.
 */
#include "update/user_updates.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "cached/policy.h"
#include "service/commit.h"
#include "users/rows.h"
#include "users/v1/users.freshet.h"

#define MAX_FIELD_BYTES 65536
#define RANDOM_ID_BYTES 40

/* The user as it stands now, in this transaction: the response of most methods. */
static enum fr_code respond_with_user(struct fr_store_connection *connection, const char *id, struct fr_arena *arena,
                                      struct ProtobufCMessage **ret_response, struct fr_error *reterr)
{
    Users__V1__User *user;
    enum fr_code code = fr_users_select(connection, id, arena, &user, reterr);
    if (code == FR_OK) {
        *ret_response = &user->base;
    }
    return code;
}

/* An id must make a cache key, and a field must be of a sane size. */
static enum fr_code check_id(const char *id, struct fr_error *reterr)
{
    Users__V1__GetUserRequest request = USERS__V1__GET_USER_REQUEST__INIT;
    struct fr_key key;
    request.id = (char *)id;
    return fr_policy_key(users_v1_user_data_get_user_method.cached, &request.base, &key, reterr);
}

static enum fr_code check_field(const char *name, const char *value, struct fr_error *reterr)
{
    if (strlen(value) > MAX_FIELD_BYTES) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "%s has more than %d bytes", name, MAX_FIELD_BYTES);
    }
    return FR_OK;
}

/* Only what would make two lines or words of it elsewhere is refused: only the mail server can tell if it is an address. */
static bool is_address(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7f) {
            return false;
        }
    }
    return strchr(text, '@') != NULL;
}

static enum fr_code check_email(const char *email, struct fr_error *reterr)
{
    if (!is_address(email)) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "email must be an address such as alice@example.com");
    }
    return check_field("email", email, reterr);
}

/* Says which unique field was taken, in words of the service. */
static enum fr_code explain_conflict(enum fr_code code, const Users__V1__User *user, struct fr_error *reterr)
{
    if (code != FR_ALREADY_EXISTS || reterr == NULL) {
        return code;
    }
    if (strstr(reterr->message, "users.email") != NULL) {
        return fr_error_set(reterr, code, "another user has the email '%.150s'", user->email);
    }
    return fr_error_set(reterr, code, "user '%.150s' exists already", user->id);
}

static enum fr_code create_user(struct fr_store_connection *connection, const struct ProtobufCMessage *message,
                                struct fr_arena *arena, struct ProtobufCMessage **ret_response,
                                struct fr_error *reterr)
{
    static const char sql[] = "INSERT INTO users (id, name, email, preference, create_time_us, update_time_us) "
                              "VALUES ($1, $2, $3, $4, $5, $5)";
    const Users__V1__User *user = ((const Users__V1__CreateUserRequest *)message)->user;
    char random_id[RANDOM_ID_BYTES];
    if (user == NULL) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "user must be set");
    }
    snprintf(random_id, sizeof random_id, "user-%016" PRIx64, fr_random_u64());
    const char *id = user->id[0] != '\0' ? user->id : random_id;
    enum fr_code code = check_id(id, reterr);
    code = code != FR_OK ? code : check_email(user->email, reterr);
    code = code != FR_OK ? code : check_field("name", user->name, reterr);
    code = code != FR_OK ? code : check_field("preference", user->preference, reterr);
    if (code != FR_OK) {
        return code;
    }
    const struct fr_store_value values[] = {
        fr_store_text(id),         fr_store_text(user->name), fr_store_text(user->email), fr_store_text(user->preference),
        fr_store_integer((int64_t)fr_clock_wall_us()),
    };
    code = fr_store_run(connection, sql, values, 5, NULL, NULL, NULL, reterr);
    if (code != FR_OK) {
        return explain_conflict(code, user, reterr);
    }
    return respond_with_user(connection, id, arena, ret_response, reterr);
}

/* Writes all three fields; what is not to change has its present value. */
static enum fr_code write_user(struct fr_store_connection *connection, const Users__V1__User *user,
                               struct fr_error *reterr)
{
    static const char sql[] =
        "UPDATE users SET name = $2, email = $3, preference = $4, update_time_us = $5 WHERE id = $1";
    const struct fr_store_value values[] = {
        fr_store_text(user->id),         fr_store_text(user->name), fr_store_text(user->email),
        fr_store_text(user->preference), fr_store_integer((int64_t)fr_clock_wall_us()),
    };
    return explain_conflict(fr_store_run(connection, sql, values, 5, NULL, NULL, NULL, reterr), user, reterr);
}

/* Copies one field that a path of the mask names. */
static enum fr_code apply_path(const char *path, const Users__V1__User *from, Users__V1__User *to,
                               struct fr_error *reterr)
{
    if (strcmp(path, "name") == 0) {
        to->name = from->name;
        return check_field("name", from->name, reterr);
    }
    if (strcmp(path, "email") == 0) {
        to->email = from->email;
        return check_email(from->email, reterr);
    }
    if (strcmp(path, "preference") == 0) {
        to->preference = from->preference;
        return check_field("preference", from->preference, reterr);
    }
    return fr_error_set(reterr, FR_INVALID_ARGUMENT,
                        "update_mask: '%.100s' cannot be updated; name, email and preference can", path);
}

static enum fr_code apply_mask(const Users__V1__UpdateUserRequest *request, Users__V1__User *user,
                               struct fr_error *reterr)
{
    static const char *const all[] = {"name", "email", "preference"};
    size_t count = request->update_mask == NULL ? 0 : request->update_mask->n_paths;
    const char *const *paths = count == 0 ? all : (const char *const *)request->update_mask->paths;
    if (count == 0 || (count == 1 && strcmp(paths[0], "*") == 0)) {
        paths = all;
        count = sizeof all / sizeof all[0];
    }
    for (size_t i = 0; i < count; i++) {
        enum fr_code code = apply_path(paths[i], request->user, user, reterr);
        if (code != FR_OK) {
            return code;
        }
    }
    return FR_OK;
}

static enum fr_code update_user(struct fr_store_connection *connection, const struct ProtobufCMessage *message,
                                struct fr_arena *arena, struct ProtobufCMessage **ret_response,
                                struct fr_error *reterr)
{
    const Users__V1__UpdateUserRequest *request = (const Users__V1__UpdateUserRequest *)message;
    Users__V1__User *user;
    if (request->user == NULL) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "user must be set");
    }
    enum fr_code code = check_id(request->user->id, reterr);
    code = code != FR_OK ? code : fr_users_select(connection, request->user->id, arena, &user, reterr);
    code = code != FR_OK ? code : apply_mask(request, user, reterr);
    code = code != FR_OK ? code : write_user(connection, user, reterr);
    return code != FR_OK ? code : respond_with_user(connection, user->id, arena, ret_response, reterr);
}

static enum fr_code update_preference(struct fr_store_connection *connection, const struct ProtobufCMessage *message,
                                      struct fr_arena *arena, struct ProtobufCMessage **ret_response,
                                      struct fr_error *reterr)
{
    const Users__V1__UpdatePreferenceRequest *request = (const Users__V1__UpdatePreferenceRequest *)message;
    Users__V1__User *user;
    enum fr_code code = check_id(request->id, reterr);
    code = code != FR_OK ? code : check_field("preference", request->preference, reterr);
    code = code != FR_OK ? code : fr_users_select(connection, request->id, arena, &user, reterr);
    if (code == FR_OK) {
        user->preference = request->preference;
        code = write_user(connection, user, reterr);
    }
    return code != FR_OK ? code : respond_with_user(connection, request->id, arena, ret_response, reterr);
}

static bool on_version(void *argument, const struct fr_store_row *row)
{
    *(uint64_t *)argument = (uint64_t)fr_store_row_get(row, 0).integer;
    return false;
}

static enum fr_code delete_user(struct fr_store_connection *connection, const struct ProtobufCMessage *message,
                                struct fr_arena *arena, struct ProtobufCMessage **ret_response,
                                struct fr_error *reterr)
{
    const Users__V1__DeleteUserRequest *request = (const Users__V1__DeleteUserRequest *)message;
    struct fr_store_value id = fr_store_text(request->id);
    uint64_t changes = 0;
    Users__V1__DeleteUserResponse *response = fr_arena_alloc(arena, sizeof *response);
    if (response == NULL) {
        return fr_error_no_memory(reterr);
    }
    users__v1__delete_user_response__init(response);
    enum fr_code code = check_id(request->id, reterr);
    code = code != FR_OK
               ? code
               : fr_store_run(connection, "DELETE FROM users WHERE id = $1", &id, 1, NULL, NULL, &changes, reterr);
    if (code == FR_OK && changes == 0) {
        return fr_error_set(reterr, FR_NOT_FOUND, "user '%.200s' does not exist", request->id);
    }
    if (code == FR_OK) {
        code = fr_store_run(connection, "SELECT value FROM freshet_sequence", NULL, 0, on_version,
                            &response->version, NULL, reterr);
    }
    *ret_response = &response->base;
    return code;
}

/* ---- the handlers; context is the struct fr_service ---- */

static void handle_create_user(struct fr_call *call, const Users__V1__CreateUserRequest *request, void *context)
{
    fr_commit(context, call, &request->base, create_user);
}

static void handle_update_user(struct fr_call *call, const Users__V1__UpdateUserRequest *request, void *context)
{
    fr_commit(context, call, &request->base, update_user);
}

static void handle_update_preference(struct fr_call *call, const Users__V1__UpdatePreferenceRequest *request,
                                     void *context)
{
    fr_commit(context, call, &request->base, update_preference);
}

static void handle_delete_user(struct fr_call *call, const Users__V1__DeleteUserRequest *request, void *context)
{
    fr_commit(context, call, &request->base, delete_user);
}

enum fr_code fr_update_users_register(struct fr_service *service, struct fr_error *reterr)
{
    static const struct users_v1_user_updates_service handlers = {
        .create_user = handle_create_user,
        .update_user = handle_update_user,
        .update_preference = handle_update_preference,
        .delete_user = handle_delete_user,
    };
    enum fr_code code = users_v1_user_updates_register(service->server, &handlers, service);
    return code == FR_OK ? FR_OK : fr_error_no_memory(reterr);
}
