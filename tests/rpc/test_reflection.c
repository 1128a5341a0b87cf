/* SPDX-License-Identifier: MIT */
/*
 * test_reflection.c - a server tells its services and their descriptors, each file once.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "freshet/reflection/v1/reflection.freshet.h"
#include "message/message.h"
#include "message/schema.h"
#include "rpc/reflection.h"
#include "support/wait.h"
#include "users/v1/users.freshet.h"

static Freshet__Reflection__V1__DescribeResponse *describe(struct fr_server *server)
{
    const struct fr_call_options patient = {.timeout_us = FR_TEST_PATIENCE_US};
    Freshet__Reflection__V1__DescribeRequest request = FRESHET__REFLECTION__V1__DESCRIBE_REQUEST__INIT;
    Freshet__Reflection__V1__DescribeResponse *response = NULL;
    struct fr_channel *channel;
    assert_int_equal(fr_server_listen(server, "tcp://127.0.0.1:0", NULL), FR_OK);
    assert_int_equal(fr_server_serve(server, NULL), FR_OK);
    assert_int_equal(fr_channel_new(fr_server_address(server), NULL, &channel, NULL), FR_OK);
    assert_int_equal(freshet_reflection_v1_reflection_describe(channel, &request, &patient, &response, NULL), FR_OK);
    fr_channel_free(channel);
    return response;
}

static void a_server_tells_its_services_and_their_files(void **state)
{
    static const struct fr_method undescribed = {
        .name = "a.Plain/Do", .request = &users__v1__user__descriptor, .response = &users__v1__user__descriptor};
    const struct fr_server_method plain = {.method = &undescribed};
    struct fr_server *server;
    (void)state;
    assert_int_equal(fr_server_new(&server, NULL), FR_OK);
    assert_int_equal(users_v1_users_register(server, NULL, NULL), FR_OK);
    assert_int_equal(users_v1_user_data_register(server, NULL, NULL), FR_OK);
    assert_int_equal(fr_server_register(server, "a.Plain", &plain, 1, NULL), FR_OK);
    assert_int_equal(fr_reflection_register(server, NULL), FR_OK);
    Freshet__Reflection__V1__DescribeResponse *response = describe(server);

    static const char *const services[] = {"a.Plain", "freshet.reflection.v1.Reflection", "grpc.health.v1.Health",
                                           "users.v1.UserData", "users.v1.Users"};
    assert_int_equal(response->n_services, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(response->services[i], services[i]);
    }
    for (size_t i = 0; i < response->files->n_file; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(response->files->file[i]->name, response->files->file[j]->name);
        }
    }
    struct fr_buffer set = {0};
    struct fr_schema *schema;
    struct fr_error error;
    fr_message_pack(&response->files->base, &set);
    if (fr_schema_new(fr_buffer_bytes(&set), &schema, &error) != FR_OK) {
        fail_msg("%s", error.message);
    }
    assert_non_null(fr_schema_find_method(schema, "users.v1.Users/GetUser"));
    assert_non_null(fr_schema_find_method(schema, "grpc.health.v1.Health/Check"));
    assert_non_null(fr_schema_find_method(schema, "freshet.reflection.v1.Reflection/Describe"));
    fr_schema_free(schema);
    fr_buffer_fini(&set);
    freshet__reflection__v1__describe_response__free_unpacked(response, NULL);
    fr_server_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_tells_its_services_and_their_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
