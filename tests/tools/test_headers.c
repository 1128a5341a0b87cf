/* SPDX-License-Identifier: MIT */
/*
 * test_headers.c - metadata as people type it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "freshet/headers.h"

static void assert_header(const char *text, const char *key, const char *value)
{
    struct headers headers = {0};
    assert_int_equal(headers_add(&headers, text, NULL), FR_OK);
    struct fr_metadata metadata = headers_metadata(&headers);
    assert_int_equal(metadata.count, 1);
    assert_true(fr_bytes_equal(metadata.entries[0].key, fr_bytes_of(key)));
    assert_true(fr_bytes_equal(metadata.entries[0].value, fr_bytes_of(value)));
    headers_fini(&headers);
}

static void a_header_is_a_key_and_a_value(void **state)
{
    (void)state;
    assert_header("k:v", "k", "v");
    assert_header("X-Cache-Control:  no-cache\t", "x-cache-control", "no-cache");
    assert_header("url: http://h:80/", "url", "http://h:80/");
    assert_header("empty:", "empty", "");
}

static void a_bin_value_is_base64(void **state)
{
    (void)state;
    assert_header("k-bin: aGVsbG8=", "k-bin", "hello");
    assert_header("k-bin: aGVsbG8", "k-bin", "hello");
    assert_header("k-bin: Zm9vYg==", "k-bin", "foob");
    assert_header("k-bin: Zm9vYmFy", "k-bin", "foobar");
    assert_header("k-bin:", "k-bin", "");
}

static void what_is_no_header_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", "key", ":value", "k-bin: a", "k-bin: !!!!", "k-bin: aG=VsbG8", "k-bin: a b="};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct headers headers = {0};
        assert_int_equal(headers_add(&headers, wrong[i], NULL), FR_INVALID_ARGUMENT);
        assert_int_equal(headers.count, 0);
        headers_fini(&headers);
    }
}

static void too_many_headers_are_refused(void **state)
{
    (void)state;
    struct headers headers = {0};
    for (int i = 0; i < FR_METADATA_MAX_ENTRIES; i++) {
        assert_int_equal(headers_add(&headers, "k:v", NULL), FR_OK);
    }
    assert_int_equal(headers_add(&headers, "k:v", NULL), FR_INVALID_ARGUMENT);
    headers_fini(&headers);
}

static void a_shown_header_can_be_typed_again(void **state)
{
    (void)state;
    static const char *const texts[] = {"k: v", "k-bin: AAECAw==", "k-bin: //79", "k-bin: /w=="};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct headers headers = {0};
        struct fr_buffer out = {0};
        assert_int_equal(headers_add(&headers, texts[i], NULL), FR_OK);
        headers_append(&out, &headers.entries[0]);
        assert_string_equal(fr_buffer_text(&out), texts[i]);
        fr_buffer_fini(&out);
        headers_fini(&headers);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_is_a_key_and_a_value),     cmocka_unit_test(a_bin_value_is_base64),
        cmocka_unit_test(what_is_no_header_is_refused),      cmocka_unit_test(too_many_headers_are_refused),
        cmocka_unit_test(a_shown_header_can_be_typed_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
