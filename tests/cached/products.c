/* SPDX-License-Identifier: MIT */
/*
 * products.c - a whole cached domain as a user of Freshet writes it: a table, two queries, and nothing about caches.
 */
#include "cached/products.h"

enum fr_code products_migrate(struct fr_store_connection *connection, struct fr_error *reterr)
{
    static const char table[] = "CREATE TABLE products(id INTEGER PRIMARY KEY, shop TEXT NOT NULL, sku TEXT NOT NULL,"
                                " price_cents INTEGER NOT NULL, version INTEGER NOT NULL DEFAULT 0, UNIQUE(shop, sku));";
    enum fr_code code = fr_store_migrate(connection, table, reterr);
    code = code != FR_OK ? code : fr_store_track(connection, "products", "product", "id", reterr);
    return code != FR_OK ? code : fr_store_track(connection, "products", "product_by_sku", "shop,sku", reterr);
}

struct selection {
    struct fr_arena *arena;
    Products__V1__Product *product; /* NULL: no row */
    uint64_t version;
    bool failed; /* no memory */
};

static bool on_row(void *argument, const struct fr_store_row *row)
{
    struct selection *self = argument;
    struct fr_bytes shop = fr_store_row_get(row, 1).bytes;
    struct fr_bytes sku = fr_store_row_get(row, 2).bytes;
    self->product = fr_arena_alloc(self->arena, sizeof *self->product);
    if (self->product != NULL) {
        products__v1__product__init(self->product);
        self->product->id = fr_store_row_get(row, 0).integer;
        self->product->shop = fr_arena_copy_text(self->arena, (const char *)shop.data, shop.size);
        self->product->sku = fr_arena_copy_text(self->arena, (const char *)sku.data, sku.size);
        self->product->price_cents = (uint32_t)fr_store_row_get(row, 3).integer;
        self->version = (uint64_t)fr_store_row_get(row, 4).integer;
    }
    self->failed = self->product == NULL || self->product->shop == NULL || self->product->sku == NULL;
    return false;
}

static enum fr_code select_one(struct fr_store_connection *connection, const char *sql,
                               const struct fr_store_value *values, size_t count, struct fr_arena *arena,
                               Products__V1__Product **ret_product, uint64_t *ret_version, struct fr_error *reterr)
{
    struct selection selection = {.arena = arena};
    enum fr_code code = fr_store_run(connection, sql, values, count, on_row, &selection, NULL, reterr);
    if (code != FR_OK) {
        return code;
    }
    if (selection.failed) {
        return fr_error_no_memory(reterr);
    }
    if (selection.product == NULL) {
        return fr_error_set(reterr, FR_NOT_FOUND, "there is no such product");
    }
    *ret_product = selection.product;
    *ret_version = selection.version;
    return FR_OK;
}

#define SELECT "SELECT id, shop, sku, price_cents, version FROM products WHERE "

static enum fr_code get_product(struct fr_store_connection *connection, const Products__V1__GetProductRequest *request,
                                struct fr_arena *arena, Products__V1__Product **ret_product, uint64_t *ret_version,
                                struct fr_error *reterr)
{
    const struct fr_store_value id = fr_store_integer(request->id);
    return select_one(connection, SELECT "id = $1", &id, 1, arena, ret_product, ret_version, reterr);
}

static enum fr_code find_product(struct fr_store_connection *connection,
                                 const Products__V1__FindProductRequest *request, struct fr_arena *arena,
                                 Products__V1__Product **ret_product, uint64_t *ret_version, struct fr_error *reterr)
{
    const struct fr_store_value values[] = {fr_store_text(request->shop), fr_store_text(request->sku)};
    return select_one(connection, SELECT "shop = $1 AND sku = $2", values, 2, arena, ret_product, ret_version, reterr);
}

enum fr_code products_register_data(struct fr_server *server, struct fr_cached *cached, struct fr_error *reterr)
{
    static const struct products_v1_product_data_sources sources = {
        .get_product = get_product,
        .find_product = find_product,
    };
    return products_v1_product_data_register_cached(server, NULL, NULL, cached, &sources, reterr);
}

enum fr_code products_register_api(struct fr_server *server, struct fr_cached *cached, struct fr_channel *data,
                                   struct fr_error *reterr)
{
    const struct products_v1_products_sources sources = {.get_product = data, .find_product = data};
    return products_v1_products_register_cached(server, NULL, NULL, cached, &sources, reterr);
}
