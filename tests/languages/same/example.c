/* SPDX-License-Identifier: MIT */
/*
 * example.c - reads a user, changes her preference and reads her again: example ADDRESS
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "users/v1/users.freshet.h"

/* Returns the user's version. */
static uint64_t print(enum fr_code code, Users__V1__User **user, const struct fr_error *error)
{
    if (code != FR_OK) {
        fprintf(stderr, "%s: %s\n", fr_code_name(code), error->message);
        exit(1);
    }
    printf("%s: %s\n", (*user)->name, (*user)->preference);
    uint64_t version = (*user)->version;
    users__v1__user__free_unpacked(*user, NULL);
    return version;
}

int main(int argc, char **argv)
{
    struct fr_call_options options = {.timeout_us = 10000000};
    Users__V1__GetUserRequest get = USERS__V1__GET_USER_REQUEST__INIT;
    Users__V1__UpdatePreferenceRequest update = USERS__V1__UPDATE_PREFERENCE_REQUEST__INIT;
    Users__V1__User *user = NULL;
    struct fr_channel *channel;
    struct fr_error error = {0};
    char version[24];
    get.id = update.id = "user-123";
    update.preference = "light_mode";
    if (fr_channel_new(argc > 1 ? argv[1] : "tcp://127.0.0.1:7001", NULL, &channel, &error) != FR_OK) {
        print(error.code, NULL, &error);
    }
    print(users_v1_users_get_user(channel, &get, &options, &user, &error), &user, &error);
    snprintf(version, sizeof version, "%" PRIu64,
             print(users_v1_users_update_preference(channel, &update, &options, &user, &error), &user, &error));
    const struct fr_metadata_entry read_my_write = {fr_bytes_of("x-cache-min-version"), fr_bytes_of(version)};
    options.metadata = (struct fr_metadata){&read_my_write, 1};
    print(users_v1_users_get_user(channel, &get, &options, &user, &error), &user, &error);
    fr_channel_free(channel);
}
