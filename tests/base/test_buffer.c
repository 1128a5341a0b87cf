/* SPDX-License-Identifier: MIT */
/*
 * test_buffer.c - a buffer grows, formats, and remembers a failure until it is cleared.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/random.h"

static void zeroed_memory_is_an_empty_buffer(void **state)
{
    (void)state;
    struct fr_buffer buffer = {0};
    assert_int_equal(fr_buffer_bytes(&buffer).size, 0);
    assert_string_equal(fr_buffer_text(&buffer), "");
    assert_int_equal(buffer.size, 0);
    fr_buffer_append(&buffer, NULL, 0);
    assert_false(buffer.failed);
    fr_buffer_fini(&buffer);
    fr_buffer_fini(&buffer);
    fr_buffer_fini(NULL);
}

static void random_appends_add_up_to_what_a_flat_array_holds(void **state)
{
    (void)state;
    static uint8_t model[1 << 20], source[4096];
    for (size_t i = 0; i < sizeof source; i++) {
        source[i] = (uint8_t)fr_random_u64();
    }
    for (unsigned round = 0; round < 20; round++) {
        struct fr_buffer buffer = {0};
        size_t size = 0;
        for (unsigned i = 0; i < 200; i++) {
            size_t part = fr_random_below(sizeof source);
            fr_buffer_append(&buffer, source, part);
            memcpy(model + size, source, part);
            size += part;
        }
        assert_false(buffer.failed);
        assert_int_equal(buffer.size, size);
        assert_memory_equal(buffer.data, model, size);
        fr_buffer_fini(&buffer);
    }
}

static void reserving_does_not_change_the_size(void **state)
{
    (void)state;
    struct fr_buffer buffer = {0};
    fr_buffer_append_text(&buffer, "abc");
    uint8_t *to = fr_buffer_reserve(&buffer, 1000);
    assert_non_null(to);
    memset(to, 'x', 1000);
    assert_int_equal(buffer.size, 3);
    assert_true(buffer.capacity >= 1003);
    assert_string_equal(fr_buffer_text(&buffer), "abc");
    fr_buffer_fini(&buffer);
}

static void a_format_appends_without_its_nul(void **state)
{
    (void)state;
    struct fr_buffer buffer = {0};
    char wide[300];
    memset(wide, 'w', sizeof wide - 1);
    wide[sizeof wide - 1] = '\0';
    fr_buffer_append_format(&buffer, "%s=%d;", "a", 42);
    fr_buffer_append_format(&buffer, "%s", "");
    fr_buffer_append_format(&buffer, "%s", wide);
    assert_int_equal(buffer.size, 5 + sizeof wide - 1);
    assert_memory_equal(buffer.data, "a=42;www", 8);
    fr_buffer_fini(&buffer);
}

static void a_failure_is_remembered_until_the_buffer_is_cleared(void **state)
{
    (void)state;
    struct fr_buffer buffer = {0};
    fr_buffer_append_text(&buffer, "kept");
    assert_null(fr_buffer_reserve(&buffer, SIZE_MAX));
    assert_true(buffer.failed);
    fr_buffer_append_text(&buffer, "ignored");
    fr_buffer_append_format(&buffer, "%d", 1);
    assert_int_equal(buffer.size, 4);
    assert_null(fr_buffer_text(&buffer));
    fr_buffer_clear(&buffer);
    assert_false(buffer.failed);
    fr_buffer_append_text(&buffer, "again");
    assert_string_equal(fr_buffer_text(&buffer), "again");
    fr_buffer_fini(&buffer);
}

static void clearing_keeps_the_memory(void **state)
{
    (void)state;
    struct fr_buffer buffer = {0};
    fr_buffer_append_text(&buffer, "some text");
    const uint8_t *data = buffer.data;
    fr_buffer_clear(&buffer);
    assert_int_equal(buffer.size, 0);
    fr_buffer_append_text(&buffer, "other");
    assert_ptr_equal(buffer.data, data);
    fr_buffer_fini(&buffer);
    assert_null(buffer.data);
}

static void bytes_are_equal_by_content(void **state)
{
    (void)state;
    assert_true(fr_bytes_equal(fr_bytes_of("ab"), (struct fr_bytes){(const uint8_t *)"abc", 2}));
    assert_false(fr_bytes_equal(fr_bytes_of("ab"), fr_bytes_of("ac")));
    assert_false(fr_bytes_equal(fr_bytes_of("ab"), fr_bytes_of("abc")));
    assert_true(fr_bytes_equal((struct fr_bytes){0}, fr_bytes_of("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeroed_memory_is_an_empty_buffer),
        cmocka_unit_test(random_appends_add_up_to_what_a_flat_array_holds),
        cmocka_unit_test(reserving_does_not_change_the_size),
        cmocka_unit_test(a_format_appends_without_its_nul),
        cmocka_unit_test(a_failure_is_remembered_until_the_buffer_is_cleared),
        cmocka_unit_test(clearing_keeps_the_memory),
        cmocka_unit_test(bytes_are_equal_by_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
