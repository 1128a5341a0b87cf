/* SPDX-License-Identifier: MIT */
/*
 * test_template.c - request texts with places to fill in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "load/template.h"

static void assert_expands(const char *text, uint64_t n, const char *expected)
{
    struct template template;
    struct fr_buffer out = {0};
    assert_int_equal(template_parse(&template, fr_bytes_of(text), NULL), FR_OK);
    template_expand(&template, n, 77, &out);
    assert_string_equal(fr_buffer_text(&out), expected);
    fr_buffer_fini(&out);
}

static void a_text_without_places_is_constant(void **state)
{
    (void)state;
    struct template template;
    assert_int_equal(template_parse(&template, fr_bytes_of("{\"a\":{\"b\":1}}"), NULL), FR_OK);
    assert_false(template_has_number(&template) || template_has_key(&template) ||
                 template_has_chance(&template));
    assert_expands("{\"a\":{\"b\":1}}", 7, "{\"a\":{\"b\":1}}");
    assert_expands("", 7, "");
}

static void i_becomes_the_number_of_the_call(void **state)
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
    assert_int_equal(template_parse(&template, fr_bytes_of("{{rand 5 7}}"), NULL), FR_OK);
    assert_true(template_has_chance(&template));
    assert_false(template_has_number(&template) || template_has_key(&template));
    for (int i = 0; i < 1000; i++) {
        fr_buffer_clear(&out);
        template_expand(&template, 1, 77, &out);
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

static void key_is_the_same_everywhere_in_a_request(void **state)
{
    (void)state;
    struct template template;
    assert_int_equal(template_parse(&template, fr_bytes_of("{{key}}"), NULL), FR_OK);
    assert_true(template_has_key(&template));
    assert_false(template_has_number(&template) || template_has_chance(&template));
    assert_expands("{{key}}-{{n}}-{{key}}", 5, "77-5-77");
}

static void word_has_that_many_letters(void **state)
{
    (void)state;
    struct template template;
    struct fr_buffer out = {0};
    assert_int_equal(template_parse(&template, fr_bytes_of("<{{word 1000}}>"), NULL), FR_OK);
    template_expand(&template, 1, 0, &out);
    assert_int_equal(out.size, 1002);
    assert_int_equal(strspn(fr_buffer_text(&out) + 1, "abcdefghijklmnopqrstuvwxyz"), 1000);
    fr_buffer_fini(&out);
    assert_expands("<{{word 0}}>", 1, "<>");
}

static void uuid_has_the_form_of_version_4(void **state)
{
    (void)state;
    struct template template;
    assert_int_equal(template_parse(&template, fr_bytes_of("{{uuid}}"), NULL), FR_OK);
    for (int i = 0; i < 100; i++) {
        struct fr_buffer out = {0};
        unsigned parts[5];
        char variant, end;
        template_expand(&template, 1, 0, &out);
        assert_int_equal(out.size, 36);
        assert_int_equal(sscanf(fr_buffer_text(&out), "%8x-%4x-4%3x-%c%3x-%4x%c", &parts[0], &parts[1],
                                &parts[2], &variant, &parts[3], &parts[4], &end),
                         7);
        assert_non_null(strchr("89ab", variant));
        fr_buffer_fini(&out);
    }
}

static void anything_else_between_braces_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"{{",
                                        "{{n",
                                        "{{n}",
                                        "{{m}}",
                                        "{{nn}}",
                                        "{{.i}}",
                                        "{{keys}}",
                                        "{{word}}",
                                        "{{word 2000000}}",
                                        "{{uuid 1}}",
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
        assert_int_equal(template_parse(&template, fr_bytes_of(wrong[i]), &error), FR_INVALID_ARGUMENT);
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
    assert_int_equal(template_parse(&template, fr_buffer_bytes(&text), NULL), FR_OK);
    fr_buffer_append_text(&text, "{{n}}");
    assert_int_equal(template_parse(&template, fr_buffer_bytes(&text), NULL), FR_INVALID_ARGUMENT);
    fr_buffer_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_without_places_is_constant),
        cmocka_unit_test(i_becomes_the_number_of_the_call),
        cmocka_unit_test(rand_stays_within_its_limits_and_reaches_both),
        cmocka_unit_test(rand_of_one_number_is_that_number),
        cmocka_unit_test(key_is_the_same_everywhere_in_a_request),
        cmocka_unit_test(word_has_that_many_letters),
        cmocka_unit_test(uuid_has_the_form_of_version_4),
        cmocka_unit_test(anything_else_between_braces_is_refused),
        cmocka_unit_test(too_many_places_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
