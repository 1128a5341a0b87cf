/* SPDX-License-Identifier: MIT */
/*
 * example.c - reads a user, changes her preference and reads her again: example ADDRESS
 */
#include <stdio.h>
#include <stdlib.h>

#include "users/v1/users.freshet.h"

static void print(enum fr_code code, Users__V1__User **user, const struct fr_error *error)
{
    if (code != FR_OK) {
        fprintf(stderr, "%s: %s\n", fr_code_name(code), error->message);
        exit(1);
    }
    printf("%s: %s\n", (*user)->name, (*user)->preference);
    users__v1__user__free_unpacked(*user, NULL);
}

int main(int argc, char **argv)
{
    const struct fr_call_options options = {.timeout_us = 10000000};
    Users__V1__GetUserRequest get = USERS__V1__GET_USER_REQUEST__INIT;
    Users__V1__UpdatePreferenceRequest update = USERS__V1__UPDATE_PREFERENCE_REQUEST__INIT;
    Users__V1__User *user = NULL;
    struct fr_channel *channel;
    struct fr_error error = {0};
    get.id = update.id = "user-123";
    update.preference = "light_mode";
    if (fr_channel_new(argc > 1 ? argv[1] : "tcp://127.0.0.1:7001", NULL, &channel, &error) != FR_OK) {
        print(error.code, NULL, &error);
    }
    print(users_v1_users_get_user(channel, &get, &options, &user, &error), &user, &error);
    print(users_v1_users_update_preference(channel, &update, &options, &user, &error), &user, &error);
    print(users_v1_users_get_user(channel, &get, &options, &user, &error), &user, &error);
    fr_channel_free(channel);
}
