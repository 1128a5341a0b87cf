/* SPDX-License-Identifier: MIT */
/*
 * main.c - freshet-api: what clients call.
 */
#include "api/users.h"
#include "rpc/address.h"

static const char *data_address, *update_address;
static struct fr_channel *data, *update;

static enum fr_code check(struct fr_error *reterr)
{
    enum fr_code code = fr_address_check(data_address, reterr);
    return code == FR_OK ? fr_address_check(update_address, reterr) : code;
}

static enum fr_code start(struct fr_service *service, struct fr_error *reterr)
{
    enum fr_code code =
        fr_channel_new(data_address, &(struct fr_channel_options){.name = "freshet-data"}, &data, reterr);
    if (code == FR_OK) {
        code = fr_channel_new(update_address, &(struct fr_channel_options){.name = "freshet-update"}, &update,
                              reterr);
    }
    return code == FR_OK ? fr_api_users_register(service, data, update, reterr) : code;
}

static void stop(void)
{
    fr_channel_free(data);
    fr_channel_free(update);
}

int main(int argc, char **argv)
{
    static const struct fr_option options[] = {
        {.name = "data", .environment = "FRESHET_API_DATA", .argument = "ADDRESS",
         .default_value = "tcp://127.0.0.1:7002", .help = "Where freshet-data serves", .value = &data_address},
        {.name = "update", .environment = "FRESHET_API_UPDATE", .argument = "ADDRESS",
         .default_value = "tcp://127.0.0.1:7003", .help = "Where freshet-update serves", .value = &update_address},
    };
    static const struct fr_service_definition definition = {
        .program = "freshet-api",
        .summary = "serves users.v1.Users from the cache, then from freshet-data; passes writes to freshet-update",
        .listen_default = "tcp://127.0.0.1:7001",
        .variable_listen = "FRESHET_API_LISTEN",
        .subscribes = true,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .check = check,
        .start = start,
        .stop = stop,
    };
    return fr_service_main(&definition, argc, argv);
}
