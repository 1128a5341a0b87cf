/* SPDX-License-Identifier: MIT */
/*
 * test_texts.c - numbers, base64, lists of names and counts as text.
 */
#include <float.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "message/base64.h"
#include "payload/choice.h"
#include "payload/counts.h"
#include "payload/decimal.h"
#include "payload/real.h"
#include "payload/text64.h"

static void writes_real(double value, const char *expected)
{
    char text[REAL_BYTES + 1];
    text[real_write(text, value)] = '\0';
    assert_string_equal(text, expected);
}

static void doubles_are_written_as_python_does(void **state)
{
    (void)state;
    writes_real(0.0, "0.0");
    writes_real(-0.0, "-0.0");
    writes_real(1.0, "1.0");
    writes_real(-12.5, "-12.5");
    writes_real(0.1, "0.1");
    writes_real(0.0001, "0.0001");
    writes_real(0.00001, "1e-05");
    writes_real(1e15, "1000000000000000.0");
    writes_real(1e16, "1e+16");
    writes_real(123456789.125, "123456789.125");
    writes_real(5e-324, "5e-324");
    writes_real(DBL_MAX, "1.7976931348623157e+308");
    writes_real(0.1 + 0.2, "0.30000000000000004");
}

static void floats_have_the_digits_of_floats(void **state)
{
    (void)state;
    char text[REAL_BYTES + 1];
    text[real_write_float(text, 0.1F)] = '\0';
    assert_string_equal(text, "0.1");
    text[real_write_float(text, FLT_MAX)] = '\0';
    assert_string_equal(text, "3.4028235e+38");
}

static void whole_numbers_go_both_ways(void **state)
{
    (void)state;
    static const int64_t values[] = {0,   1,  9,    10,        99,        100,
                                     101, -1, -100, INT64_MAX, INT64_MIN, 1234567890123};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[DECIMAL_BYTES], expected[DECIMAL_BYTES];
        uint64_t back;
        size_t size = decimal_write_signed(text, values[i]);
        snprintf(expected, sizeof expected, "%" PRId64, values[i]);
        assert_int_equal(size, strlen(expected));
        assert_memory_equal(text, expected, size);
        assert_true(decimal_read(text, size, &back));
        assert_true((int64_t)back == values[i]);
    }
    char text[DECIMAL_BYTES];
    uint64_t unused;
    assert_int_equal(decimal_write_unsigned(text, UINT64_MAX), strlen("18446744073709551615"));
    assert_false(decimal_read("", 0, &unused));
    assert_false(decimal_read("-", 1, &unused));
    assert_false(decimal_read("1x", 2, &unused));
}

static void base64_agrees_with_the_mapping_and_goes_back(void **state)
{
    (void)state;
    uint8_t data[100], back[100];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 37 + 11);
    }
    for (size_t size = 0; size <= sizeof data; size++) {
        struct fr_buffer expected = {0};
        char text[200];
        size_t got;
        fr_base64_write((struct fr_bytes){data, size}, &expected);
        assert_int_equal(text64_size(size), expected.size);
        text64_write(text, data, size);
        assert_int_equal(memcmp(text, expected.size > 0 ? expected.data : (const uint8_t *)"", expected.size),
                         0);
        assert_true(text64_read(back, text, expected.size, &got));
        assert_int_equal(got, size);
        assert_memory_equal(back, data, size);
        fr_buffer_fini(&expected);
    }
}

static void text_that_is_no_base64_is_refused(void **state)
{
    (void)state;
    uint8_t out[8];
    size_t size;
    assert_false(text64_read(out, "AAA", 3, &size));
    assert_false(text64_read(out, "AA*A", 4, &size));
    assert_false(text64_read(out, "A===", 4, &size));
    assert_false(text64_read(out, "AA=A", 4, &size));
}

static const char *name_at(size_t index)
{
    static const char *const names[] = {"user", "tiny", "order"};
    return names[index];
}

static void names_are_chosen_out_of_a_list(void **state)
{
    (void)state;
    bool chosen[3];
    assert_int_equal(choose("shape", NULL, 3, name_at, chosen, NULL), FR_OK);
    assert_true(chosen[0] && chosen[1] && chosen[2]);
    assert_int_equal(choose("shape", "order,user", 3, name_at, chosen, NULL), FR_OK);
    assert_true(chosen[0] && !chosen[1] && chosen[2]);
}

static void an_unknown_name_brings_the_nearest_or_all(void **state)
{
    (void)state;
    bool chosen[3];
    struct fr_error error;
    assert_int_equal(choose("shape", "user,ordr", 3, name_at, chosen, &error), FR_INVALID_ARGUMENT);
    assert_string_equal(error.message, "unknown shape 'ordr'; did you mean 'order'?");
    assert_int_equal(choose("shape", "zebra-finch", 3, name_at, chosen, &error), FR_INVALID_ARGUMENT);
    assert_string_equal(error.message, "unknown shape 'zebra-finch'; there are user, tiny, order");
    assert_int_equal(choose("shape", "user,", 3, name_at, chosen, &error), FR_INVALID_ARGUMENT);
}

static void counts_are_found_by_shape_and_codec(void **state)
{
    (void)state;
    static const char text[] =
        "user protobuf-c 1.00 7.00\nuser jansson 31.00 32.50\nlist jansson 5.00 6.00\n";
    double encode = 0, decode = 0;
    assert_true(counts_find(text, "user", "jansson", &encode, &decode));
    assert_true(encode == 31 && decode == 32.5);
    assert_true(counts_find(text, "list", "jansson", &encode, &decode));
    assert_true(encode == 5 && decode == 6);
    assert_false(counts_find(text, "list", "protobuf-c", &encode, &decode));
    assert_false(counts_find("", "user", "jansson", &encode, &decode));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_are_written_as_python_does),
        cmocka_unit_test(floats_have_the_digits_of_floats),
        cmocka_unit_test(whole_numbers_go_both_ways),
        cmocka_unit_test(base64_agrees_with_the_mapping_and_goes_back),
        cmocka_unit_test(text_that_is_no_base64_is_refused),
        cmocka_unit_test(names_are_chosen_out_of_a_list),
        cmocka_unit_test(an_unknown_name_brings_the_nearest_or_all),
        cmocka_unit_test(counts_are_found_by_shape_and_codec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
