/* SPDX-License-Identifier: MIT */
/*
 * test_near.c - the names nearest to a mistyped one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "freshet/near.h"

static void distance_counts_edits(void **state)
{
    (void)state;
    assert_int_equal(near_distance("call", "call"), 0);
    assert_int_equal(near_distance("call", "CALL"), 0);
    assert_int_equal(near_distance("cal", "call"), 1);
    assert_int_equal(near_distance("clal", "call"), 1);
    assert_int_equal(near_distance("bench", "list"), 5);
    assert_int_equal(near_distance("", "up"), 2);
}

static void assert_near(const char *typed, const char *expected)
{
    static const char *const names[] = {"users.v1.Users/GetUser", "users.v1.Users/BatchGetUsers",
                                        "users.v1.Users/DeleteUser", "users.v1.UserData/GetUser",
                                        "grpc.health.v1.Health/Check"};
    struct near near = {0};
    struct fr_buffer out = {0};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        near_offer(&near, typed, names[i]);
    }
    near_append(&near, &out);
    assert_string_equal(fr_buffer_text(&out), expected);
    fr_buffer_fini(&out);
}

static void the_nearest_comes_first(void **state)
{
    (void)state;
    assert_near("users.v1.UserData/GetUsr", "'users.v1.UserData/GetUser' or 'users.v1.Users/GetUser'");
}

static void a_right_last_part_is_enough(void **state)
{
    (void)state;
    assert_near("Check", "'grpc.health.v1.Health/Check'");
    assert_near("Nobody/DeleteUser", "'users.v1.Users/DeleteUser'");
}

static void nothing_is_near_to_nonsense(void **state)
{
    (void)state;
    assert_near("zzzzzzzzzzzz", "");
}

static void only_the_best_are_kept(void **state)
{
    (void)state;
    static const char *const names[] = {"bbaa", "baaa", "bbaa", "aaaa", "aaab"};
    struct near near = {0};
    struct fr_buffer out = {0};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        near_offer(&near, "aaaa", names[i]);
    }
    near_append(&near, &out);
    assert_string_equal(fr_buffer_text(&out), "'aaaa', 'baaa' or 'aaab'");
    fr_buffer_fini(&out);
}

static void a_very_long_name_is_not_near(void **state)
{
    (void)state;
    char name[4096];
    struct near near = {0};
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    near_offer(&near, "call", name);
    assert_int_equal(near.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distance_counts_edits),       cmocka_unit_test(the_nearest_comes_first),
        cmocka_unit_test(a_right_last_part_is_enough), cmocka_unit_test(nothing_is_near_to_nonsense),
        cmocka_unit_test(only_the_best_are_kept),      cmocka_unit_test(a_very_long_name_is_not_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
