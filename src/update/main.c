/* SPDX-License-Identifier: MIT */
/*
 * main.c - freshet-update: commits writes and announces what they made old.
 */
#include "update/user_updates.h"
#include "users/schema.h"

static enum fr_code migrate(struct fr_store_connection *connection, struct fr_error *reterr)
{
    return fr_users_migrate(connection, 0, reterr);
}

int main(int argc, char **argv)
{
    static const struct fr_service_definition definition = {
        .program = "freshet-update",
        .summary = "serves users.v1.UserUpdates: commits writes and invalidates what they made old",
        .listen_default = "tcp://127.0.0.1:7003",
        .variable_listen = "FRESHET_UPDATE_LISTEN",
        .variable_db = "FRESHET_UPDATE_DB",
        .migrate = migrate,
        .start = fr_update_users_register,
    };
    return fr_service_main(&definition, argc, argv);
}
