/* SPDX-License-Identifier: MIT */
/*
 * main.c - freshet-data: reads the database for whoever missed the cache.
 */
#include "data/user_data.h"
#include "users/schema.h"

static uint64_t seed_users;

static enum fr_code migrate(struct fr_store_connection *connection, struct fr_error *reterr)
{
    return fr_users_migrate(connection, seed_users, reterr);
}

int main(int argc, char **argv)
{
    static const struct fr_option options[] = {
        {.name = "seed-users", .environment = "FRESHET_DATA_SEED_USERS", .type = FR_OPTION_NUMBER, .argument = "N",
         .default_value = "0", .help = "Make sure that user-1000 and the N - 1 after it exist", .max = FR_USERS_SEED_MAX,
         .value = &seed_users},
    };
    static const struct fr_service_definition definition = {
        .program = "freshet-data",
        .summary = "serves users.v1.UserData: loads from the database and fills the cache",
        .listen_default = "tcp://127.0.0.1:7002",
        .variable_listen = "FRESHET_DATA_LISTEN",
        .variable_db = "FRESHET_DATA_DB",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .migrate = migrate,
        .start = fr_data_users_register,
    };
    return fr_service_main(&definition, argc, argv);
}
