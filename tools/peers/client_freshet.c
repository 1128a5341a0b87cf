/* SPDX-License-Identifier: MIT */
/*
 * client_freshet.c - the load over Freshet, as a program with stubs would call: typed, and each User decoded.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/placement.h"
#include "peers/load.h"
#include "users/v1/users.freshet.h"

#define CONNECT_US   (3 * FR_SECOND_US)
#define SAMPLE_EVERY 64 /* answers between two whose source is noted */

static struct fr_channel **channels;
static size_t channel_count;

static bool connect_channel(const char *address, struct fr_channel **ret_channel)
{
    const struct fr_call_options options = {.timeout_us = CONNECT_US};
    Users__V1__GetUserRequest request = USERS__V1__GET_USER_REQUEST__INIT;
    Users__V1__User *user;
    struct fr_error error;
    request.id = "user-1000";
    if (fr_channel_new(address, NULL, ret_channel, &error) != FR_OK ||
        users_v1_users_get_user(*ret_channel, &request, &options, &user, &error) != FR_OK) {
        fprintf(stderr, "peer-client-freshet: %s\n", error.message);
        return false;
    }
    users__v1__user__free_unpacked(user, NULL);
    return true;
}

static bool open_channels(const char *address, const char *mode, size_t count, size_t slots)
{
    (void)slots;
    fr_placement_set_compact(strcmp(mode, "system") != 0);
    channels = calloc(count, sizeof(struct fr_channel *));
    for (size_t i = 0; channels != NULL && i < count; i++) {
        channel_count = i + 1;
        if (!connect_channel(address, &channels[i])) {
            return false;
        }
    }
    return channels != NULL;
}

static void note_source(const struct fr_result *result)
{
    static _Thread_local unsigned answers;
    if (answers++ % SAMPLE_EVERY == 0) {
        struct fr_bytes source = fr_metadata_find(result->metadata, "x-cache");
        if (source.size > 0) {
            load_count_source((const char *)source.data, source.size);
        }
    }
}

static void done(void *argument, const struct fr_result *result, const Users__V1__User *user)
{
    size_t slot = (size_t)(uintptr_t)argument;
    if (result->code != FR_OK) {
        load_failed(slot, result->message);
        return;
    }
    note_source(result);
    load_done(slot, user->id, strlen(user->id));
}

static void start(size_t slot)
{
    Users__V1__GetUserRequest request = USERS__V1__GET_USER_REQUEST__INIT;
    size_t length;
    request.id = (char *)load_id(slot, &length);
    users_v1_users_get_user_async(channels[load_channel(slot)], &request, NULL, done, (void *)(uintptr_t)slot,
                                  NULL);
}

static void close_channels(void)
{
    for (size_t i = 0; i < channel_count; i++) {
        fr_channel_free(channels[i]);
    }
    free(channels);
}

int main(int argc, char **argv)
{
    static const struct load_client client = {
        .program = "peer-client-freshet",
        .summary = "Asks a Freshet server for users; ADDRESS is tcp://host:port, the mode 'system' places no threads.",
        .open = open_channels,
        .start = start,
        .close = close_channels};
    return load_main(&client, argc, argv);
}
