/* SPDX-License-Identifier: MIT */
/*
 * test_datasets.c - what comes out of the tables is what was put into them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "message/schema.h"
#include "variants/dataset.h"

#define COUNT 40

static struct fr_schema *schema;
static struct fr_arena *arena;
static struct fr_store *store;
static struct fr_store_connection *connection;
static char folder[] = "/tmp/freshet-test-XXXXXX";
static char path[sizeof folder + 16];

static int set_up(void **state)
{
    char url[sizeof path + 8];
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    snprintf(path, sizeof path, "%s/test.db", folder);
    snprintf(url, sizeof url, "sqlite:%s", path);
    arena = fr_arena_new((size_t)16 << 10);
    return arena != NULL && pack_schema_new(&schema, NULL) == FR_OK && fr_store_open(url, &store, NULL) == FR_OK &&
                   fr_store_connect(store, &connection, NULL) == FR_OK &&
                   datasets_store(connection, schema, COUNT, NULL) == FR_OK
               ? 0
               : 1;
}

static int tear_down(void **state)
{
    (void)state;
    fr_store_connection_free(connection);
    fr_store_free(store);
    fr_arena_free(arena);
    fr_schema_free(schema);
    unlink(path);
    rmdir(folder);
    return 0;
}

static void check(const struct dataset *dataset, const struct pack_type *type, unsigned number)
{
    char id[DATASET_ID_BYTES];
    struct ProtobufCMessage *stored, *made;
    struct fr_error error;
    uint64_t version = 0;
    dataset_id(dataset, number, id);
    if (dataset->select(connection, id, arena, &stored, &version, &error) != FR_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(dataset_message(dataset, type, number, arena, &made, NULL), FR_OK);
    assert_int_equal(pack_sum(PACK_PROTOBUF, type, stored, true), pack_sum(PACK_PROTOBUF, type, made, true));
    assert_true(version > 0);
    fr_arena_reset(arena);
}

static void every_value_comes_out_of_the_tables_as_it_was_made(void **state)
{
    (void)state;
    assert_int_equal(dataset_count, 3);
    for (size_t i = 0; i < dataset_count; i++) {
        struct pack_type *type;
        assert_int_equal(pack_type_new(schema, datasets[i].message, datasets[i].descriptor, &type, NULL), FR_OK);
        for (unsigned number = 0; number < COUNT; number++) {
            check(&datasets[i], type, number);
        }
        pack_type_free(type);
    }
}

static void what_is_not_there_is_not_found(void **state)
{
    static const char *const ids[] = {"user-999", "order-2024-000814", "page-1000000"};
    (void)state;
    for (size_t i = 0; i < dataset_count; i++) {
        struct ProtobufCMessage *message;
        struct fr_error error;
        uint64_t version;
        assert_int_equal(datasets[i].select(connection, ids[i], arena, &message, &version, &error), FR_NOT_FOUND);
        assert_non_null(error.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_comes_out_of_the_tables_as_it_was_made),
        cmocka_unit_test(what_is_not_there_is_not_found),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
