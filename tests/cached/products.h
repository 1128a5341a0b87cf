/* SPDX-License-Identifier: MIT */
/*
 * products.h - a whole cached domain as a user of Freshet writes it: a table, two queries, and nothing about caches.
 */
#ifndef FR_TESTS_CACHED_PRODUCTS_H
#define FR_TESTS_CACHED_PRODUCTS_H

#include "products/v1/products.freshet.h"
#include "products/v1/product_data.freshet.h"

/* Creates and tracks the table. */
FR_MUST_CHECK enum fr_code products_migrate(struct fr_store_connection *connection, struct fr_error *reterr);
/* Registers ProductData, which loads from the database. */
FR_MUST_CHECK enum fr_code products_register_data(struct fr_server *server, struct fr_cached *cached,
                                                  struct fr_error *reterr);
/* Registers Products, which clients call; data is a channel to the other one. */
FR_MUST_CHECK enum fr_code products_register_api(struct fr_server *server, struct fr_cached *cached,
                                                 struct fr_channel *data, struct fr_error *reterr);

#endif
