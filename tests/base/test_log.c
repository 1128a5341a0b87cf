/* SPDX-License-Identifier: MIT */
/*
 * test_log.c - no value can start a line or feign a field, in either format.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "base/log.h"
#include "base/random.h"

static const char *line_of(enum fr_log_format format, const char *event, const struct fr_log_field *fields,
                           size_t count)
{
    static struct fr_buffer line;
    fr_buffer_clear(&line);
    fr_log_format_line(&line, format, event, fields, count);
    return fr_buffer_text(&line);
}

#define LINE(format, event, ...)                                                                             \
    line_of(format, event, (const struct fr_log_field[]){__VA_ARGS__},                                       \
            sizeof((const struct fr_log_field[]){__VA_ARGS__}) / sizeof(struct fr_log_field))

static void plain_values_stand_bare(void **state)
{
    (void)state;
    assert_string_equal(LINE(FR_LOG_LOGFMT, "cache hit", fr_log_text("key", "user:user-123"),
                             fr_log_number("version", UINT64_MAX)),
                        " cache hit key=user:user-123 version=18446744073709551615\n");
}

static void a_value_is_quoted_where_it_could_be_misread(void **state)
{
    (void)state;
    static const struct {
        const char *value, *shown;
    } cases[] = {
        {"", "\"\""},
        {"a b", "\"a b\""},
        {"a=b", "\"a=b\""},
        {"say \"hi\"", "\"say \\\"hi\\\"\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"line\nbreak", "\"line\\nbreak\""},
        {"\r\t\x1b[31m", "\"\\u000d\\u0009\\u001b[31m\""},
        {"\x7f", "\"\\u007f\""},
        {"caf\xC3\xA9", "\"caf\xC3\xA9\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[64] = " e k=";
        strcat(strcat(expected, cases[i].shown), "\n");
        assert_string_equal(LINE(FR_LOG_LOGFMT, "e", fr_log_text("k", cases[i].value)), expected);
    }
}

static void json_has_one_object_a_line_with_numbers_as_numbers(void **state)
{
    (void)state;
    assert_string_equal(LINE(FR_LOG_JSON, "cache hit", fr_log_text("key", "user:1"), fr_log_number("version", 7),
                             fr_log_text("note", "a\n\"b\"")),
                        ",\"event\":\"cache hit\",\"key\":\"user:1\",\"version\":7,"
                        "\"note\":\"a\\n\\\"b\\\"\"}\n");
}

static void a_null_text_is_an_empty_one(void **state)
{
    (void)state;
    assert_string_equal(LINE(FR_LOG_LOGFMT, "e", fr_log_text("k", NULL)), " e k=\"\"\n");
    assert_string_equal(LINE(FR_LOG_JSON, "e", fr_log_text("k", NULL)), ",\"event\":\"e\",\"k\":\"\"}\n");
}

/* Well-formed UTF-8, as RFC 3629 has it; the decoder here is only as strict as a log reader must be. */
static bool is_utf8(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    while (*at != 0) {
        unsigned more = *at < 0x80 ? 0 : *at < 0xC2 ? 9 : *at < 0xE0 ? 1 : *at < 0xF0 ? 2 : *at < 0xF5 ? 3 : 9;
        uint32_t point = more == 0 ? *at : more == 9 ? 0 : *at & (0x3Fu >> more);
        at++;
        if (more == 9) {
            return false;
        }
        static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
        for (unsigned i = 0; i < more; i++) {
            if ((*at & 0xC0) != 0x80) {
                return false;
            }
            point = point << 6 | (*at++ & 0x3F);
        }
        if (point < smallest[more] || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) {
            return false;
        }
    }
    return true;
}

/* One line, whose only quotes that are not escaped are those around the value, so that "end" follows it. */
static void assert_contained(const char *line, const char *before, const char *after)
{
    size_t length = strlen(line);
    assert_ptr_equal(strchr(line, '\n'), line + length - 1);
    assert_memory_equal(line, before, strlen(before));
    const char *at = line + strlen(before);
    if (*at == '"') {
        for (at++; *at != '"'; at++) {
            assert_true((unsigned char)*at >= ' ' && *at != 0x7F);
            at += *at == '\\';
        }
        at++;
    } else {
        at += strcspn(at, " \"=\n");
    }
    assert_string_equal(at, after);
    assert_true(is_utf8(line));
}

static void no_random_value_breaks_out_of_its_field(void **state)
{
    (void)state;
    static const char nasty[] = "\n\r\"\\= ,}{\0\x1b\x7f\x80\xC2\x85\xE2\x80\xA8\xFF";
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t value[24];
        size_t size = fr_random_below(sizeof value + 1);
        for (size_t i = 0; i < size; i++) {
            value[i] = fr_random_below(2) == 0 ? (uint8_t)nasty[fr_random_below(sizeof nasty)]
                                               : (uint8_t)fr_random_u64();
        }
        struct fr_bytes bytes = {value, size};
        assert_contained(LINE(FR_LOG_LOGFMT, "e", fr_log_bytes("k", bytes), fr_log_text("end", "1")), " e k=",
                         " end=1\n");
        assert_contained(LINE(FR_LOG_JSON, "e", fr_log_bytes("k", bytes), fr_log_number("end", 1)),
                         ",\"event\":\"e\",\"k\":", ",\"end\":1}\n");
    }
}

static void bytes_that_are_no_text_are_shown_as_replacements(void **state)
{
    (void)state;
    assert_string_equal(LINE(FR_LOG_JSON, "e", fr_log_text("k", "a\xFF" "b")),
                        ",\"event\":\"e\",\"k\":\"a\\ufffdb\"}\n");
    assert_string_equal(LINE(FR_LOG_JSON, "e", fr_log_text("k", "\xED\xA0\x80")),
                        ",\"event\":\"e\",\"k\":\"\\ufffd\\ufffd\\ufffd\"}\n");
    /* U+0085, a control character of two bytes: some terminals and readers break the line there. */
    assert_string_equal(LINE(FR_LOG_LOGFMT, "e", fr_log_text("k", "a\xC2\x85" "b")), " e k=\"a\\u0085b\"\n");
    assert_string_equal(LINE(FR_LOG_LOGFMT, "e", fr_log_text("k", "cut \xE2\x82")), " e k=\"cut \\ufffd\\ufffd\"\n");
}

static void lines_about_requests_are_off_until_asked_for(void **state)
{
    (void)state;
    assert_false(fr_log_requests());
    fr_log_requests_set(true);
    assert_true(fr_log_requests());
    fr_log_requests_set(false);
    assert_false(fr_log_requests());
}

static void a_level_lets_pass_what_is_graver(void **state)
{
    (void)state;
    fr_log_setup("test", FR_LOG_WARN, FR_LOG_LOGFMT);
    assert_true(fr_log_enabled(FR_LOG_ERROR));
    assert_true(fr_log_enabled(FR_LOG_WARN));
    assert_false(fr_log_enabled(FR_LOG_INFO));
    fr_log_setup("test", FR_LOG_INFO, FR_LOG_LOGFMT);
    assert_true(fr_log_enabled(FR_LOG_INFO));
    assert_false(fr_log_enabled(FR_LOG_DEBUG));
}


int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_values_stand_bare),
        cmocka_unit_test(a_value_is_quoted_where_it_could_be_misread),
        cmocka_unit_test(json_has_one_object_a_line_with_numbers_as_numbers),
        cmocka_unit_test(a_null_text_is_an_empty_one),
        cmocka_unit_test(no_random_value_breaks_out_of_its_field),
        cmocka_unit_test(bytes_that_are_no_text_are_shown_as_replacements),
        cmocka_unit_test(lines_about_requests_are_off_until_asked_for),
        cmocka_unit_test(a_level_lets_pass_what_is_graver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
