/* SPDX-License-Identifier: MIT */
/*
 * test_redis_info.c - read the text of INFO.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/redis_info.h"

#define IDENTITY "# Server\r\nredis_version:7.0.15\r\nrun_id:aaaa\r\n\r\n# Replication\r\n"

static void an_incarnation_is_made_of_run_id_and_replication_id(void **state)
{
    (void)state;
    uint64_t one = 0, two = 0;
    assert_null(fr_redis_info_identify(IDENTITY "role:master\r\nmaster_replid:bbbb\r\n", &one));
    assert_true(one == fr_redis_incarnation("aaaa", "bbbb"));
    assert_null(fr_redis_info_identify(IDENTITY "role:master\r\nmaster_replid:cccc\r\n", &two));
    assert_true(one != two && one != 0 && two != 0);
    assert_true(fr_redis_incarnation("ab", "c") != fr_redis_incarnation("a", "bc"));
}

static void a_replica_is_unfit(void **state)
{
    (void)state;
    uint64_t incarnation = 7;
    assert_string_equal(fr_redis_info_identify(IDENTITY "role:slave\r\nmaster_replid:bbbb\r\n", &incarnation),
                        "it is a replica");
    assert_int_equal(incarnation, 7);
}

static void an_info_without_identity_is_unfit(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "\r\n",
        "role:master\r\nmaster_replid:bbbb\r\n",
        IDENTITY "role:master\r\n",
        IDENTITY "role:master\r\nmaster_replid:\r\n",
        IDENTITY "role:master\r\nmaster_replid2:bbbb\r\n",
        IDENTITY "role:master\r\nmaster_replid:"
                 "0123456789012345678901234567890123456789012345678901234567890123456789\r\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint64_t incarnation;
        assert_non_null(fr_redis_info_identify(texts[i], &incarnation));
    }
}

static void a_sample_has_the_numbers_that_stand_there(void **state)
{
    (void)state;
    struct fr_redis_info sample = {.sampled_us = 5, .round_trip_us = 6, .expired_keys = 7};
    fr_redis_info_read(
        "# Clients\r\nconnected_clients:3\r\nmaxclients:10000\r\n# Memory\r\nused_memory:123456\r\n"
        "used_memory_rss:9\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\nevicted_keys:42\r\n",
        &sample);
    assert_int_equal(sample.sampled_us, 5);
    assert_int_equal(sample.round_trip_us, 6);
    assert_int_equal(sample.clients, 3);
    assert_int_equal(sample.memory_bytes, 123456);
    assert_int_equal(sample.memory_limit_bytes, 0);
    assert_int_equal(sample.evicted_keys, 42);
    assert_int_equal(sample.expired_keys, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_incarnation_is_made_of_run_id_and_replication_id),
        cmocka_unit_test(a_replica_is_unfit),
        cmocka_unit_test(an_info_without_identity_is_unfit),
        cmocka_unit_test(a_sample_has_the_numbers_that_stand_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
