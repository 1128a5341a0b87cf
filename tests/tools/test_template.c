/* SPDX-License-Identifier: MIT */
/*
 * test_template.c - request texts with places to fill in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "freshet/template.h"

static void assert_expands(const char *text, uint64_t n, const char *expected)
{
    struct template template;
    struct fr_buffer out = {0};
    assert_int_equal(template_parse(&template, text, NULL), FR_OK);
    template_expand(&template, n, &out);
    assert_string_equal(fr_buffer_text(&out), expected);
    fr_buffer_fini(&out);
}

static void a_text_without_places_is_constant(void **state)
{
    (void)state;
    struct template template;
    assert_int_equal(template_parse(&template, "{\"a\":{\"b\":1}}", NULL), FR_OK);
    assert_true(template_is_constant(&template));
    assert_expands("{\"a\":{\"b\":1}}", 7, "{\"a\":{\"b\":1}}");
    assert_expands("", 7, "");
}

static void n_becomes_the_number_of_the_call(void **state)
{
    (void)state;
    assert_expands("{\"id\":\"user-{{n}}\"}", 42, "{\"id\":\"user-42\"}");
    assert_expands("{{ n }}/{{n}}", 3, "3/3");
}

static void rand_stays_within_its_limits_and_reaches_both(void **state)
{
    (void)state;
    struct template template;
    struct fr_buffer out = {0};
    bool seen[3] = {false};
    assert_int_equal(template_parse(&template, "{{rand 5 7}}", NULL), FR_OK);
    assert_false(template_is_constant(&template));
    for (int i = 0; i < 1000; i++) {
        fr_buffer_clear(&out);
        template_expand(&template, 1, &out);
        int drawn = atoi(fr_buffer_text(&out));
        assert_in_range(drawn, 5, 7);
        seen[drawn - 5] = true;
    }
    assert_true(seen[0] && seen[1] && seen[2]);
    fr_buffer_fini(&out);
}

static void rand_of_one_number_is_that_number(void **state)
{
    (void)state;
    assert_expands("x{{rand 9 9}}y", 1, "x9y");
    assert_expands("{{rand 18446744073709551615 18446744073709551615}}", 1, "18446744073709551615");
}

static void anything_else_between_braces_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"{{",
                                        "{{n",
                                        "{{n}",
                                        "{{m}}",
                                        "{{nn}}",
                                        "{{rand}}",
                                        "{{rand 1}}",
                                        "{{rand 2 1}}",
                                        "{{rand a b}}",
                                        "{{rand 1 2 3}}",
                                        "{{rand -1 2}}",
                                        "{{rand 1 99999999999999999999}}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct template template;
        struct fr_error error;
        assert_int_equal(template_parse(&template, wrong[i], &error), FR_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, "{{"));
    }
}

static void too_many_places_are_refused(void **state)
{
    (void)state;
    struct template template;
    struct fr_buffer text = {0};
    for (int i = 0; i < TEMPLATE_PLACES; i++) {
        fr_buffer_append_text(&text, "{{n}}");
    }
    assert_int_equal(template_parse(&template, fr_buffer_text(&text), NULL), FR_OK);
    fr_buffer_append_text(&text, "{{n}}");
    assert_int_equal(template_parse(&template, fr_buffer_text(&text), NULL), FR_INVALID_ARGUMENT);
    fr_buffer_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_without_places_is_constant),
        cmocka_unit_test(n_becomes_the_number_of_the_call),
        cmocka_unit_test(rand_stays_within_its_limits_and_reaches_both),
        cmocka_unit_test(rand_of_one_number_is_that_number),
        cmocka_unit_test(anything_else_between_braces_is_refused),
        cmocka_unit_test(too_many_places_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
