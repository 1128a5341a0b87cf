/* SPDX-License-Identifier: MIT */
/*
 * shop_api.c - freshet-shop-api: a stranger's program that serves products from the caches.
 */
#include "cached/products.h"
#include "service/service.h"

static const char *data_address;
static struct fr_channel *data;

static enum fr_code start(struct fr_service *service, struct fr_error *reterr)
{
    enum fr_code code = fr_channel_new(data_address, NULL, &data, reterr);
    return code == FR_OK ? products_register_api(service->server, service->cached, data, reterr) : code;
}

static void stop(void)
{
    fr_channel_free(data);
}

int main(int argc, char **argv)
{
    static const struct fr_option options[] = {
        {.name = "data", .argument = "ADDRESS", .help = "Where freshet-shop-data serves", .value = &data_address},
    };
    static const struct fr_service_definition definition = {
        .program = "freshet-shop-api",
        .summary = "serves products.v1.Products",
        .listen_default = "tcp://127.0.0.1:0",
        .variable_listen = "SHOP_API_LISTEN",
        .subscribes = true,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .start = start,
        .stop = stop,
    };
    return fr_service_main(&definition, argc, argv);
}
