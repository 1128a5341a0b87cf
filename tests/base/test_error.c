/* SPDX-License-Identifier: MIT */
/*
 * test_error.c - codes, their names, and messages cut at a character.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/error.h"

#define ROOM (FR_ERROR_MESSAGE_BYTES - 1)

static void every_code_has_grpcs_number_and_name(void **state)
{
    (void)state;
    static const char *const names[] = {
        "OK",           "CANCELLED",         "UNKNOWN",           "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED", "NOT_FOUND",    "ALREADY_EXISTS",    "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",   "OUT_OF_RANGE",
        "UNIMPLEMENTED", "INTERNAL",         "UNAVAILABLE",       "DATA_LOSS",
        "UNAUTHENTICATED",
    };
    assert_int_equal(sizeof names / sizeof names[0], FR_CODE_COUNT);
    for (unsigned code = 0; code < FR_CODE_COUNT; code++) {
        assert_string_equal(fr_code_name(code), names[code]);
        assert_int_equal(fr_code_from_wire(code), code);
    }
}

static void a_code_from_the_future_is_unknown(void **state)
{
    (void)state;
    static const unsigned strange[] = {FR_CODE_COUNT, 18, 1000, 0x80000000u, UINT32_MAX};
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        assert_int_equal(fr_code_from_wire(strange[i]), FR_UNKNOWN);
        assert_string_equal(fr_code_name(strange[i]), "UNKNOWN");
    }
}

static void setting_an_error_returns_its_code_also_without_a_place_for_it(void **state)
{
    (void)state;
    struct fr_error error;
    assert_int_equal(fr_error_set(NULL, FR_ABORTED, "%d", 1), FR_ABORTED);
    assert_int_equal(fr_error_no_memory(NULL), FR_RESOURCE_EXHAUSTED);
    assert_int_equal(fr_error_set(&error, FR_NOT_FOUND, "no %s %d", "user", 7), FR_NOT_FOUND);
    assert_int_equal(error.code, FR_NOT_FOUND);
    assert_string_equal(error.message, "no user 7");
}

/* A message of ascii bytes followed by ten times character, cut by the room there is. */
static size_t length_after_cut(size_t ascii, const char *character)
{
    struct fr_error error;
    char text[2 * FR_ERROR_MESSAGE_BYTES];
    memset(text, 'a', ascii);
    text[ascii] = '\0';
    for (unsigned i = 0; i < 10; i++) {
        strcat(text, character);
    }
    fr_error_set(&error, FR_INTERNAL, "%s", text);
    size_t length = strlen(error.message);
    assert_memory_equal(error.message, text, length);
    return length;
}

static void a_long_message_is_cut_at_a_whole_character(void **state)
{
    (void)state;
    static const char *const characters[] = {"b", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x92\xA7"};
    for (size_t width = 1; width <= 4; width++) {
        for (size_t missing = 0; missing < width; missing++) {
            /* The last character has all its bytes but the missing ones. */
            size_t ascii = ROOM - (width - missing);
            size_t expected = missing == 0 ? ROOM : ascii;
            assert_int_equal(length_after_cut(ascii, characters[width - 1]), expected);
        }
    }
}

static void a_message_that_fits_is_kept_whole(void **state)
{
    (void)state;
    struct fr_error error;
    char text[FR_ERROR_MESSAGE_BYTES];
    memset(text, 'x', ROOM);
    memcpy(text + ROOM - 3, "\xE2\x82\xAC", 3);
    text[ROOM] = '\0';
    fr_error_set(&error, FR_INTERNAL, "%s", text);
    assert_string_equal(error.message, text);
}

static void bytes_that_are_no_text_do_not_break_the_cut(void **state)
{
    (void)state;
    struct fr_error error;
    char text[2 * FR_ERROR_MESSAGE_BYTES];
    memset(text, '\x80', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    fr_error_set(&error, FR_INTERNAL, "%s", text);
    assert_true(strlen(error.message) <= ROOM);
    memset(text, '\xFF', sizeof text - 1);
    fr_error_set(&error, FR_INTERNAL, "%s", text);
    assert_true(strlen(error.message) <= ROOM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_grpcs_number_and_name),
        cmocka_unit_test(a_code_from_the_future_is_unknown),
        cmocka_unit_test(setting_an_error_returns_its_code_also_without_a_place_for_it),
        cmocka_unit_test(a_long_message_is_cut_at_a_whole_character),
        cmocka_unit_test(a_message_that_fits_is_kept_whole),
        cmocka_unit_test(bytes_that_are_no_text_do_not_break_the_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
