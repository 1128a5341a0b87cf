/* SPDX-License-Identifier: MIT */
/*
 * test_products.c - a domain with no caching code is served through a real Redis, by two keys, one of which changes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cached/products.h"
#include "cached/relay.h"
#include "support/redis_server.h"
#include "support/wait.h"

static struct fr_redis_server redis;

struct fixture {
    char folder[64];
    struct fr_store *store;
    struct fr_store_connection *loader[1], *writer;
    struct fr_cache *cache;
    struct fr_worker_pool *pool;
    struct fr_relay *relay;
    struct fr_cached *cached, *other;
    struct fr_server *data_server, *api_server;
    struct fr_channel *data, *api;
    struct fr_wait wait;
    uint64_t ups, announced, answered; /* guarded by wait */
    /* The last answer; guarded by wait. */
    enum fr_code code;
    char message[FR_ERROR_MESSAGE_BYTES], source[16];
    uint64_t retry_after_us;
    Products__V1__Product product;
    char sku[32];
};

static void check(enum fr_code code, const struct fr_error *error)
{
    if (code != FR_OK) {
        fail_msg("%s: %s", fr_code_name(code), error->message);
    }
}

static void on_connection(void *argument, bool connected)
{
    struct fixture *self = argument;
    fr_wait_lock(&self->wait);
    self->ups += connected;
    fr_wait_unlock_changed(&self->wait);
}

static void open_database(struct fixture *self)
{
    struct fr_error error;
    char url[128];
    strcpy(self->folder, "/tmp/freshet-products-XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    snprintf(url, sizeof url, "sqlite:%s/test.db", self->folder);
    check(fr_store_open(url, &self->store, &error), &error);
    check(fr_store_connect(self->store, &self->loader[0], &error), &error);
    check(fr_store_connect(self->store, &self->writer, &error), &error);
    check(products_migrate(self->writer, &error), &error);
    check(fr_worker_pool_new(1, 64, &self->pool, &error), &error);
}

static void open_cache(struct fixture *self)
{
    struct fr_error error;
    const struct fr_cache_options options = {.url = redis.url,
                                             .name_space = self->folder + strlen("/tmp/"),
                                             .command_timeout_us = 5 * FR_SECOND_US,
                                             .on_connection = on_connection,
                                             .argument = self};
    check(fr_cache_new(&options, &self->cache, &error), &error);
    assert_true(fr_wait_for(&self->wait, &self->ups, 1, FR_TEST_PATIENCE_US));
    check(fr_relay_new(self->store, fr_cache_loop(self->cache), fr_cache_shared(self->cache), &self->relay, &error), &error);
    const struct fr_cached_options parts = {self->cache, self->pool, self->loader};
    check(fr_cached_new(&parts, &self->cached, &error), &error);
}

static struct fr_channel *serve(struct fr_server *server)
{
    struct fr_error error;
    struct fr_channel *channel;
    check(fr_server_listen(server, "tcp://127.0.0.1:0", &error), &error);
    check(fr_server_serve(server, &error), &error);
    check(fr_channel_new(fr_server_address(server), NULL, &channel, &error), &error);
    return channel;
}

static int open_fixture(void **state)
{
    struct fixture *self = calloc(1, sizeof *self);
    struct fr_error error;
    assert_non_null(self);
    fr_wait_init(&self->wait);
    open_database(self);
    open_cache(self);
    check(fr_server_new(&self->data_server, &error), &error);
    check(products_register_data(self->data_server, self->cached, &error), &error);
    self->data = serve(self->data_server);
    check(fr_server_new(&self->api_server, &error), &error);
    check(products_register_api(self->api_server, self->cached, self->data, &error), &error);
    self->api = serve(self->api_server);
    *state = self;
    return 0;
}

static void remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] != '.') {
            unlinkat(dirfd(folder), entry->d_name, 0);
        }
    }
    closedir(folder);
    assert_int_equal(rmdir(path), 0);
}

static int close_fixture(void **state)
{
    struct fixture *self = *state;
    if (self->other == NULL) {
        fr_cache_stop(self->cache);
    }
    fr_channel_free(self->api);
    fr_server_free(self->api_server);
    fr_channel_free(self->data);
    fr_server_free(self->data_server);
    fr_worker_pool_free(self->pool);
    fr_relay_free(self->relay);
    fr_cache_free(self->cache);
    fr_cached_free(self->cached);
    fr_cached_free(self->other);
    fr_store_connection_free(self->writer);
    fr_store_connection_free(self->loader[0]);
    fr_store_free(self->store);
    remove_folder(self->folder);
    fr_wait_fini(&self->wait);
    free(self);
    return 0;
}

static void on_announced(void *argument, struct fr_event_id newest)
{
    struct fixture *self = argument;
    (void)newest;
    fr_wait_lock(&self->wait);
    self->announced++;
    fr_wait_unlock_changed(&self->wait);
}

/* One committed statement, and all that it made old announced. */
static void write_row(struct fixture *self, const char *sql)
{
    struct fr_store_marks marks;
    struct fr_error error;
    fr_wait_lock(&self->wait);
    uint64_t announced = self->announced;
    fr_wait_unlock_changed(&self->wait);
    check(fr_store_begin(self->writer, &error), &error);
    check(fr_store_run(self->writer, sql, NULL, 0, NULL, NULL, NULL, &error), &error);
    check(fr_store_commit(self->writer, &marks, &error), &error);
    fr_relay_announce(self->relay, &marks, on_announced, self);
    assert_true(fr_wait_for(&self->wait, &self->announced, announced + 1, FR_TEST_PATIENCE_US));
}

static void on_product(void *argument, const struct fr_result *result, const Products__V1__Product *product)
{
    struct fixture *self = argument;
    struct fr_bytes source = fr_metadata_find(result->metadata, "x-cache");
    fr_wait_lock(&self->wait);
    self->code = result->code;
    self->retry_after_us = result->retry_after_us;
    snprintf(self->message, sizeof self->message, "%s", result->message);
    snprintf(self->source, sizeof self->source, "%.*s", (int)source.size, source.size == 0 ? "" : (const char *)source.data);
    if (product != NULL) {
        self->product = *product;
        snprintf(self->sku, sizeof self->sku, "%s", product->sku);
    }
    self->answered++;
    fr_wait_unlock_changed(&self->wait);
}

static const struct fr_call_options patient = {.timeout_us = FR_TEST_PATIENCE_US};

static void get_from(struct fixture *self, int64_t id, enum fr_code code, const char *source)
{
    Products__V1__GetProductRequest request = PRODUCTS__V1__GET_PRODUCT_REQUEST__INIT;
    uint64_t answered = self->answered;
    request.id = id;
    products_v1_products_get_product_async(self->api, &request, &patient, on_product, self, NULL);
    assert_true(fr_wait_for(&self->wait, &self->answered, answered + 1, FR_TEST_PATIENCE_US));
    assert_int_equal(self->code, code);
    assert_string_equal(self->source, source);
}

static void find_from(struct fixture *self, const char *shop, const char *sku, enum fr_code code, const char *source)
{
    Products__V1__FindProductRequest request = PRODUCTS__V1__FIND_PRODUCT_REQUEST__INIT;
    uint64_t answered = self->answered;
    request.shop = (char *)shop;
    request.sku = (char *)sku;
    products_v1_products_find_product_async(self->api, &request, &patient, on_product, self, NULL);
    assert_true(fr_wait_for(&self->wait, &self->answered, answered + 1, FR_TEST_PATIENCE_US));
    assert_int_equal(self->code, code);
    assert_string_equal(self->source, source);
}

static void a_write_makes_both_keys_miss_once(void **state)
{
    struct fixture *self = *state;
    write_row(self, "INSERT INTO products(id, shop, sku, price_cents) VALUES (7, 'north', 'lamp', 1999)");
    for (int round = 0; round < 2; round++) {
        get_from(self, 7, FR_OK, round == 0 ? "origin" : "redis");
        find_from(self, "north", "lamp", FR_OK, round == 0 ? "origin" : "redis");
        assert_int_equal(self->product.price_cents, 1999);
    }
    write_row(self, "UPDATE products SET price_cents = 2499 WHERE id = 7");
    for (int round = 0; round < 2; round++) {
        get_from(self, 7, FR_OK, round == 0 ? "origin" : "redis");
        assert_int_equal(self->product.price_cents, 2499);
        find_from(self, "north", "lamp", FR_OK, round == 0 ? "origin" : "redis");
        assert_int_equal(self->product.price_cents, 2499);
    }
}

static void a_changed_key_is_fresh_under_its_old_and_its_new_value(void **state)
{
    struct fixture *self = *state;
    write_row(self, "INSERT INTO products(id, shop, sku, price_cents) VALUES (7, 'north', 'lamp', 1999)");
    find_from(self, "north", "lamp", FR_OK, "origin");
    find_from(self, "north", "lamp: red", FR_NOT_FOUND, "origin");
    find_from(self, "north", "lamp: red", FR_NOT_FOUND, "redis");
    get_from(self, 7, FR_OK, "origin");
    write_row(self, "UPDATE products SET sku = 'lamp: red' WHERE id = 7");
    find_from(self, "north", "lamp", FR_NOT_FOUND, "origin");
    find_from(self, "north", "lamp: red", FR_OK, "origin");
    assert_int_equal(self->product.id, 7);
    find_from(self, "north", "lamp: red", FR_OK, "redis");
    get_from(self, 7, FR_OK, "origin");
    assert_string_equal(self->sku, "lamp: red");
    write_row(self, "INSERT INTO products(id, shop, sku, price_cents) VALUES (8, 'north', 'lamp', 5)");
    find_from(self, "north", "lamp", FR_OK, "origin");
    assert_int_equal(self->product.id, 8);
}

static void fields_of_a_key_do_not_run_together(void **state)
{
    struct fixture *self = *state;
    write_row(self, "INSERT INTO products(id, shop, sku, price_cents) VALUES (1, 'a:b', 'c', 1), (2, 'a', 'b:c', 2),"
                    " (-3, 'a', 'b', 3)");
    find_from(self, "a:b", "c", FR_OK, "origin");
    assert_int_equal(self->product.id, 1);
    find_from(self, "a", "b:c", FR_OK, "origin");
    assert_int_equal(self->product.id, 2);
    get_from(self, -3, FR_OK, "origin");
    get_from(self, -3, FR_OK, "redis");
    write_row(self, "DELETE FROM products WHERE id = -3");
    get_from(self, -3, FR_NOT_FOUND, "origin");
    get_from(self, -3, FR_NOT_FOUND, "redis");
    assert_string_equal(self->message, "product '-3' does not exist");
}

static void a_request_without_a_key_is_refused(void **state)
{
    struct fixture *self = *state;
    find_from(self, "north", "", FR_INVALID_ARGUMENT, "");
    assert_string_equal(self->message, "sku must not be empty");
}

static void a_key_that_is_too_long_is_refused_in_the_callers_words(void **state)
{
    struct fixture *self = *state;
    char sku[600];
    memset(sku, 's', sizeof sku - 1);
    sku[sizeof sku - 1] = '\0';
    find_from(self, "north", sku, FR_INVALID_ARGUMENT, "");
    assert_non_null(strstr(self->message, "shop with the other fields of the key is too long"));
}

static void a_method_without_source_and_handler_is_unimplemented(void **state)
{
    struct fixture *self = *state;
    Products__V1__GetProductRequest request = PRODUCTS__V1__GET_PRODUCT_REQUEST__INIT;
    Products__V1__Product *product = NULL;
    struct fr_error error;
    assert_int_equal(products_v1_products_recall_product(self->api, &request, &patient, &product, &error),
                     FR_UNIMPLEMENTED);
    assert_string_equal(error.message, "this server has no method 'products.v1.Products/RecallProduct'");
}

static void a_load_needs_a_database(void **state)
{
    struct fixture *self = *state;
    const struct fr_cached_options parts = {.cache = self->cache};
    struct fr_cached *cached;
    struct fr_server *server;
    struct fr_error error;
    check(fr_cached_new(&parts, &cached, &error), &error);
    check(fr_server_new(&server, &error), &error);
    assert_int_equal(products_register_data(server, cached, &error), FR_FAILED_PRECONDITION);
    fr_server_free(server);
    fr_cached_free(cached);
}

/* What protocol.md promises of overload, from the service behind to api's caller. */
static void who_finds_no_worker_is_told_when_to_come_again(void **state)
{
    struct fixture *self = *state;
    struct fr_channel *data = self->data, *api = self->api;
    struct fr_server *data_server, *api_server;
    struct fr_worker_pool *full;
    struct fr_cached *cached;
    struct fr_error error;
    check(fr_worker_pool_new(1, 0, &full, &error), &error);
    check(fr_cached_new(&(struct fr_cached_options){self->cache, full, self->loader}, &cached, &error),
          &error);
    check(fr_server_new(&data_server, &error), &error);
    check(products_register_data(data_server, cached, &error), &error);
    self->data = serve(data_server);
    check(fr_server_new(&api_server, &error), &error);
    check(products_register_api(api_server, cached, self->data, &error), &error);
    self->api = serve(api_server);
    get_from(self, 7, FR_RESOURCE_EXHAUSTED, "");
    assert_int_equal(self->retry_after_us, FR_OVERLOAD_PAUSE_US);
    fr_channel_free(self->api);
    fr_server_free(api_server);
    fr_cache_stop(self->cache);
    fr_channel_free(self->data);
    fr_server_free(data_server);
    fr_worker_pool_free(full);
    self->data = data;
    self->api = api;
    self->other = cached; /* its kinds are the cache's until that is freed */
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(a_write_makes_both_keys_miss_once),
        FACT(a_changed_key_is_fresh_under_its_old_and_its_new_value),
        FACT(fields_of_a_key_do_not_run_together),
        FACT(a_request_without_a_key_is_refused),
        FACT(a_key_that_is_too_long_is_refused_in_the_callers_words),
        FACT(a_method_without_source_and_handler_is_unimplemented),
        FACT(a_load_needs_a_database),
        FACT(who_finds_no_worker_is_told_when_to_come_again),
    };
    fr_redis_server_start(&redis, NULL);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fr_redis_server_stop(&redis);
    return failed;
}
