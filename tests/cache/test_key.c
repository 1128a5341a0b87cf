/* SPDX-License-Identifier: MIT */
/*
 * test_key.c - keys and their percent-encoding.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cache/key.h"

static void assert_key(const char *wanted, const char *kind, const struct fr_bytes *fields, size_t count)
{
    struct fr_key key;
    assert_int_equal(fr_key_make(&key, kind, fields, count, NULL), FR_OK);
    assert_string_equal(key.text, wanted);
    assert_int_equal(key.size, strlen(wanted));
}

static void fields_are_joined_by_colons(void **state)
{
    (void)state;
    struct fr_bytes fields[] = {fr_bytes_of("user-123"), fr_bytes_of("b")};
    assert_key("user:user-123", "user", fields, 1);
    assert_key("user:user-123:b", "user", fields, 2);
}

static void bytes_with_a_meaning_are_encoded(void **state)
{
    (void)state;
    struct fr_bytes fields[] = {{.data = (const uint8_t *)"a:b%c d\n\0\x7f", .size = 10}};
    assert_key("user:a%3Ab%25c%20d%0A%00%7F", "user", fields, 1);
}

static void other_bytes_stay(void **state)
{
    (void)state;
    struct fr_bytes fields[] = {fr_bytes_of("søk@x.no/#?")};
    assert_key("user:søk@x.no/#?", "user", fields, 1);
}

static void an_empty_field_is_a_field(void **state)
{
    (void)state;
    struct fr_bytes fields[] = {{.size = 0}, {.size = 0}};
    assert_key("user:", "user", fields, 1);
    assert_key("user::", "user", fields, 2);
}

static void the_longest_key_fits_exactly(void **state)
{
    (void)state;
    char text[FR_KEY_MAX_BYTES];
    memset(text, 'x', sizeof text);
    struct fr_key key = {.size = 7};
    struct fr_error error;
    struct fr_bytes field = {.data = (const uint8_t *)text, .size = FR_KEY_MAX_BYTES - 5};
    assert_int_equal(fr_key_make(&key, "user", &field, 1, NULL), FR_OK);
    assert_int_equal(key.size, FR_KEY_MAX_BYTES);
    key.size = 7;
    field.size++;
    assert_int_equal(fr_key_make(&key, "user", &field, 1, &error), FR_INVALID_ARGUMENT);
    assert_int_equal(key.size, 7);
    text[FR_KEY_MAX_BYTES - 6] = ':';
    field.size--;
    assert_int_equal(fr_key_make(&key, "user", &field, 1, &error), FR_INVALID_ARGUMENT);
    assert_string_equal(error.message, "cache key of kind 'user' is longer than 512 bytes");
}

static void a_key_is_shown_as_it_was_written(void **state)
{
    (void)state;
    char shown[16];
    fr_key_show(fr_bytes_of("a%20b%3A%25c"), shown, sizeof shown);
    assert_string_equal(shown, "a b:%c");
    fr_key_show(fr_bytes_of("a%0A%1B%00%7Fb"), shown, sizeof shown);
    assert_string_equal(shown, "a%0A%1B%00%7Fb");
    fr_key_show(fr_bytes_of("%%!x%4"), shown, sizeof shown);
    assert_string_equal(shown, "%%!x%4");
    fr_key_show(fr_bytes_of("%20%20%20"), shown, 3);
    assert_string_equal(shown, "  ");
    fr_key_show(fr_bytes_of(""), shown, sizeof shown);
    assert_string_equal(shown, "");
}

static void a_kind_must_be_plain(void **state)
{
    (void)state;
    struct fr_key key;
    assert_int_equal(fr_key_make(&key, "", NULL, 0, NULL), FR_INVALID_ARGUMENT);
    assert_int_equal(fr_key_make(&key, "us:er", NULL, 0, NULL), FR_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_joined_by_colons),
        cmocka_unit_test(bytes_with_a_meaning_are_encoded),
        cmocka_unit_test(other_bytes_stay),
        cmocka_unit_test(an_empty_field_is_a_field),
        cmocka_unit_test(the_longest_key_fits_exactly),
        cmocka_unit_test(a_key_is_shown_as_it_was_written),
        cmocka_unit_test(a_kind_must_be_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
