/* SPDX-License-Identifier: MIT */
/*
 * test_address.c - default addresses, and addresses as people type them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "freshet/address.h"

static void each_service_has_its_port(void **state)
{
    (void)state;
    assert_string_equal(address_of_service("users.v1.Users"), "tcp://127.0.0.1:7001");
    assert_string_equal(address_of_service("users.v1.UserData"), "tcp://127.0.0.1:7002");
    assert_string_equal(address_of_service("users.v1.UserUpdates"), "tcp://127.0.0.1:7003");
    assert_string_equal(address_of_service("grpc.health.v1.Health"), "tcp://127.0.0.1:7001");
    assert_null(address_of_service("users.v1.Nobody"));
    assert_null(address_of_service(""));
}

static void an_address_may_be_short(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"tcp://127.0.0.1:7001", "tcp://127.0.0.1:7001"},
        {"localhost:80", "tcp://localhost:80"},
        {":7001", "tcp://127.0.0.1:7001"},
        {"7001", "tcp://127.0.0.1:7001"},
        {"tcp://:7001", "tcp://127.0.0.1:7001"},
        {"[::1]:7001", "tcp://[::1]:7001"},
        {"a-b.example:65535", "tcp://a-b.example:65535"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char address[ADDRESS_BYTES];
        assert_int_equal(address_parse(pairs[i][0], address, NULL), FR_OK);
        assert_string_equal(address, pairs[i][1]);
    }
}

static void what_is_no_address_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",     "70001",        "localhost",   "localhost:",  "localhost:0", "h:65536", "h:70a",
        "h:-1", "ipc:///tmp/x", "http://h:80", "tcp://h/x:1", "a b:1",       "::1:7001"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char address[ADDRESS_BYTES];
        struct fr_error error;
        assert_int_equal(address_parse(wrong[i], address, &error), FR_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, wrong[i]));
    }
}

static void a_host_that_is_too_long_is_refused(void **state)
{
    (void)state;
    char text[ADDRESS_BYTES * 2], address[ADDRESS_BYTES];
    memset(text, 'a', sizeof text);
    strcpy(text + 256, ":7001");
    assert_int_equal(address_parse(text, address, NULL), FR_INVALID_ARGUMENT);
    strcpy(text + 255, ":7001");
    assert_int_equal(address_parse(text, address, NULL), FR_OK);
    assert_int_equal(strlen(address), 6 + 255 + 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_service_has_its_port),
        cmocka_unit_test(an_address_may_be_short),
        cmocka_unit_test(what_is_no_address_is_refused_by_name),
        cmocka_unit_test(a_host_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
