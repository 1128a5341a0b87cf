/* SPDX-License-Identifier: MIT */
/*
 * test_redis_url.c - Redis URLs, good and bad.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cache/redis_url.h"

static struct fr_redis_url parsed(const char *text)
{
    struct fr_redis_url url;
    struct fr_error error = {.code = FR_OK};
    if (fr_redis_url_parse(text, &url, &error) != FR_OK) {
        fail_msg("%s: %s", text, error.message);
    }
    return url;
}

static void host_port_and_database(void **state)
{
    (void)state;
    struct fr_redis_url url = parsed("redis://127.0.0.1:7000/3");
    assert_string_equal(url.host, "127.0.0.1");
    assert_int_equal(url.port, 7000);
    assert_int_equal(url.database, 3);
    assert_string_equal(url.address, "127.0.0.1:7000");
    assert_string_equal(url.user, "");
    assert_string_equal(url.password, "");
}

static void what_is_left_out_has_a_default(void **state)
{
    (void)state;
    struct fr_redis_url url = parsed("redis://cache.example");
    assert_string_equal(url.address, "cache.example:6379");
    assert_int_equal(url.database, 0);
    assert_int_equal(parsed("redis://h:1/").database, 0);
}

static void user_and_password_are_decoded(void **state)
{
    (void)state;
    struct fr_redis_url url = parsed("redis://ad%3Aa:p%40ss%2fw%25@h:1/0");
    assert_string_equal(url.user, "ad:a");
    assert_string_equal(url.password, "p@ss/w%");
    url = parsed("redis://:a@b:c@h:1");
    assert_string_equal(url.user, "");
    assert_string_equal(url.password, "a@b:c");
    assert_string_equal(url.address, "h:1");
}

static void ipv6_stands_in_brackets(void **state)
{
    (void)state;
    struct fr_redis_url url = parsed("redis://[::1]:7000/1");
    assert_string_equal(url.host, "::1");
    assert_string_equal(url.address, "[::1]:7000");
    assert_int_equal(parsed("redis://[::1]").port, 6379);
}

static void others_are_refused_without_their_secrets(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "secret",
        "rediss://u:secret@h:1",
        "http://u:secret@h:1",
        "redis://",
        "redis://u:secret@",
        "redis://u:secret@h:",
        "redis://u:secret@h:0",
        "redis://u:secret@h:65536",
        "redis://u:secret@h:1x",
        "redis://u:secret@h:1/x",
        "redis://u:secret@h:1/-1",
        "redis://u:secret@::1:5",
        "redis://u:secret@[::1",
        "redis://u:secret@[::1]5",
        "redis://u:secret@[]:5",
        "redis://secret@h:1",
        "redis://u:@h:1",
        "redis://u:secret%4@h:1",
        "redis://u:secret%@h:1",
        "redis://u:secret%zz@h:1",
        "redis://u:secret%00@h:1",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct fr_redis_url url;
        struct fr_error error = {.code = FR_OK};
        if (fr_redis_url_parse(wrong[i], &url, &error) != FR_INVALID_ARGUMENT) {
            fail_msg("accepted: %s", wrong[i]);
        }
        assert_int_equal(strncmp(error.message, "redis URL: ", 11), 0);
        assert_null(strstr(error.message, "secret"));
    }
}

static void what_is_too_long_is_refused(void **state)
{
    (void)state;
    char text[2048] = "redis://";
    struct fr_redis_url url;
    memset(text + 8, 'h', 300);
    assert_int_equal(fr_redis_url_parse(text, &url, NULL), FR_INVALID_ARGUMENT);
    text[8] = ':';
    memset(text + 9, 'p', 600);
    memcpy(text + 609, "@h:1", 5);
    assert_int_equal(fr_redis_url_parse(text, &url, NULL), FR_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_port_and_database),
        cmocka_unit_test(what_is_left_out_has_a_default),
        cmocka_unit_test(user_and_password_are_decoded),
        cmocka_unit_test(ipv6_stands_in_brackets),
        cmocka_unit_test(others_are_refused_without_their_secrets),
        cmocka_unit_test(what_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
