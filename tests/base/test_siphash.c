/* SPDX-License-Identifier: MIT */
/*
 * test_siphash.c - the hash is SipHash-1-3, as CPython 3.11 computes it for bytes with PYTHONHASHSEED=0.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/siphash.h"

static void values_are_those_of_another_implementation(void **state)
{
    (void)state;
    static const struct {
        size_t size;
        uint64_t hash;
    } known[] = {
        {1, UINT64_C(0x68a914128e01e473)},  {7, UINT64_C(0x2f098ab0c751325a)},  {8, UINT64_C(0xead411e67ebe2eea)},
        {9, UINT64_C(0x75927f9d95124362)},  {15, UINT64_C(0xf30eb725bb91c9ea)}, {16, UINT64_C(0x8972188433a5c5b7)},
        {17, UINT64_C(0x4883c49a2c009c1d)},
    };
    uint8_t bytes[17];
    for (uint8_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = i;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct fr_bytes message = {.data = bytes, .size = known[i].size};
        assert_true(fr_siphash((struct fr_siphash_secret){0}, message) == known[i].hash);
    }
}

static void each_half_of_the_secret_matters(void **state)
{
    (void)state;
    struct fr_bytes message = fr_bytes_of("user:user-123");
    uint64_t plain = fr_siphash((struct fr_siphash_secret){0}, message);
    assert_true(fr_siphash((struct fr_siphash_secret){.low = 1}, message) != plain);
    assert_true(fr_siphash((struct fr_siphash_secret){.high = 1}, message) != plain);
}

static void no_bytes_have_a_hash_too(void **state)
{
    (void)state;
    struct fr_siphash_secret secret = {.low = 1, .high = 2};
    assert_true(fr_siphash(secret, (struct fr_bytes){0}) == fr_siphash(secret, fr_bytes_of("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_another_implementation),
        cmocka_unit_test(each_half_of_the_secret_matters),
        cmocka_unit_test(no_bytes_have_a_hash_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
