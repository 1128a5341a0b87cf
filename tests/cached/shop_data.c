/* SPDX-License-Identifier: MIT */
/*
 * shop_data.c - freshet-shop-data: a stranger's program that loads products from its database.
 */
#include "cached/products.h"
#include "service/service.h"

static enum fr_code start(struct fr_service *service, struct fr_error *reterr)
{
    return products_register_data(service->server, service->cached, reterr);
}

static void stop(void)
{
}

int main(int argc, char **argv)
{
    static const struct fr_service_definition definition = {
        .program = "freshet-shop-data",
        .summary = "serves products.v1.ProductData",
        .listen_default = "tcp://127.0.0.1:0",
        .variable_listen = "SHOP_DATA_LISTEN",
        .variable_db = "SHOP_DATA_DB",
        .migrate = products_migrate,
        .start = start,
        .stop = stop,
    };
    return fr_service_main(&definition, argc, argv);
}
