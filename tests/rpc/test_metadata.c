/* SPDX-License-Identifier: MIT */
/*
 * test_metadata.c - which keys and values may travel, and how many.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "rpc/metadata.h"

static struct fr_error error;

static enum fr_code check_one(struct fr_bytes key, struct fr_bytes value)
{
    struct fr_metadata_entry entry = {key, value};
    return fr_metadata_check((struct fr_metadata){&entry, 1}, &error);
}

static void keys_are_lower_case_letters_digits_and_three_signs(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        uint8_t key[3] = {'a', (uint8_t)byte, 'z'};
        bool good = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_' ||
                    byte == '.';
        assert_int_equal(check_one((struct fr_bytes){key, 3}, fr_bytes_of("v")), good ? FR_OK : FR_INVALID_ARGUMENT);
    }
    assert_int_equal(check_one((struct fr_bytes){0}, fr_bytes_of("v")), FR_INVALID_ARGUMENT);
}

static void values_are_printable_ascii(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        uint8_t value = (uint8_t)byte;
        assert_int_equal(check_one(fr_bytes_of("key"), (struct fr_bytes){&value, 1}),
                         byte >= ' ' && byte < 0x7F ? FR_OK : FR_INVALID_ARGUMENT);
    }
    assert_int_equal(check_one(fr_bytes_of("key"), (struct fr_bytes){0}), FR_OK);
}

static void a_bin_key_carries_any_bytes(void **state)
{
    (void)state;
    struct fr_bytes value = {(const uint8_t *)"\0\xFF\n", 3};
    assert_int_equal(check_one(fr_bytes_of("trace-bin"), value), FR_OK);
    assert_int_equal(check_one(fr_bytes_of("trace-bin2"), value), FR_INVALID_ARGUMENT);
    assert_int_equal(check_one(fr_bytes_of("-bin"), value), FR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "-bin"));
}

static void a_bad_value_is_named_by_its_key(void **state)
{
    (void)state;
    assert_int_equal(check_one(fr_bytes_of("x-user"), fr_bytes_of("a\nb")), FR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "x-user"));
}

static void at_most_64_entries(void **state)
{
    (void)state;
    struct fr_metadata_entry entries[FR_METADATA_MAX_ENTRIES + 1];
    for (unsigned i = 0; i <= FR_METADATA_MAX_ENTRIES; i++) {
        entries[i] = (struct fr_metadata_entry){fr_bytes_of("k"), fr_bytes_of("v")};
    }
    assert_int_equal(fr_metadata_check((struct fr_metadata){entries, 64}, NULL), FR_OK);
    assert_int_equal(fr_metadata_check((struct fr_metadata){entries, 65}, &error), FR_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(error.message, "65"));
}

static void at_most_8_kib_of_keys_and_values_together(void **state)
{
    (void)state;
    static char text[FR_METADATA_MAX_BYTES + 1];
    memset(text, 'v', sizeof text);
    struct fr_metadata_entry entries[2] = {{fr_bytes_of("first"), fr_bytes_of("1234")}, {fr_bytes_of("second"), {0}}};
    entries[1].value = (struct fr_bytes){(const uint8_t *)text, FR_METADATA_MAX_BYTES - 5 - 4 - 6};
    assert_int_equal(fr_metadata_check((struct fr_metadata){entries, 2}, NULL), FR_OK);
    entries[1].value.size++;
    assert_int_equal(fr_metadata_check((struct fr_metadata){entries, 2}, NULL), FR_RESOURCE_EXHAUSTED);
}

static void find_gives_the_first_of_its_key(void **state)
{
    (void)state;
    const struct fr_metadata_entry entries[] = {
        {fr_bytes_of("a"), fr_bytes_of("1")}, {fr_bytes_of("ab"), fr_bytes_of("2")}, {fr_bytes_of("a"), fr_bytes_of("3")}};
    struct fr_metadata metadata = {entries, 3};
    assert_true(fr_bytes_equal(fr_metadata_find(metadata, "a"), fr_bytes_of("1")));
    assert_true(fr_bytes_equal(fr_metadata_find(metadata, "ab"), fr_bytes_of("2")));
    assert_null(fr_metadata_find(metadata, "b").data);
    assert_null(fr_metadata_find((struct fr_metadata){0}, "a").data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_lower_case_letters_digits_and_three_signs),
        cmocka_unit_test(values_are_printable_ascii),
        cmocka_unit_test(a_bin_key_carries_any_bytes),
        cmocka_unit_test(a_bad_value_is_named_by_its_key),
        cmocka_unit_test(at_most_64_entries),
        cmocka_unit_test(at_most_8_kib_of_keys_and_values_together),
        cmocka_unit_test(find_gives_the_first_of_its_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
