/* SPDX-License-Identifier: MIT */
/*
 * test_options.c - a flag beats the environment, which beats the default; wrong values are named.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/options.h"

static struct {
    const char *listen;
    bool verbose;
    uint64_t bytes, wait_us;
    unsigned format;
    struct fr_option_list headers;
} values;

static const char *const formats[] = {"logfmt", "json", NULL};

static const struct fr_option options[] = {
    {.name = "listen", .letter = 'l', .environment = "FR_TEST_LISTEN", .type = FR_OPTION_TEXT,
     .default_value = "tcp://default", .argument = "URL", .help = "Where to listen", .value = &values.listen},
    {.name = "verbose", .letter = 'v', .environment = "FR_TEST_VERBOSE", .type = FR_OPTION_FLAG,
     .help = "Say more", .value = &values.verbose},
    {.name = "bytes", .environment = "FR_TEST_BYTES", .type = FR_OPTION_NUMBER, .default_value = "64M",
     .argument = "N", .help = "Bytes to use", .min = 10, .max = UINT64_C(1) << 40, .value = &values.bytes},
    {.name = "wait", .letter = 'w', .environment = "FR_TEST_WAIT", .type = FR_OPTION_DURATION, .default_value = "2s",
     .argument = "TIME", .help = "How long to wait", .min = 1000, .value = &values.wait_us},
    {.name = "format", .environment = "FR_TEST_FORMAT", .type = FR_OPTION_CHOICE, .default_value = "logfmt",
     .argument = "NAME", .help = "How to write", .choices = formats, .value = &values.format},
    {.name = "header", .letter = 'H', .type = FR_OPTION_LIST, .argument = "K:V",
     .help = "A header", .value = &values.headers},
};

static const char *const variables[] = {"FR_TEST_LISTEN", "FR_TEST_VERBOSE", "FR_TEST_BYTES",
                                        "FR_TEST_WAIT",   "FR_TEST_FORMAT"};

static struct fr_error error;
static char *arguments[80];
static int positional;
static bool help;

static int forget(void **state)
{
    (void)state;
    memset(&values, 0, sizeof values);
    memset(&error, 0, sizeof error);
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        unsetenv(variables[i]);
    }
    return 0;
}

static enum fr_code parse_array(const char *const *given)
{
    int count = 0;
    arguments[count++] = (char *)"program";
    for (; given[count - 1] != NULL; count++) {
        arguments[count] = (char *)given[count - 1];
    }
    arguments[count] = NULL;
    positional = -1;
    return fr_options_parse(options, sizeof options / sizeof options[0], count, arguments, &positional, &help,
                            &error);
}

#define PARSE(...) parse_array((const char *const[]){__VA_ARGS__, NULL})

static void a_flag_beats_the_environment_which_beats_the_default(void **state)
{
    (void)state;
    assert_int_equal(parse_array((const char *const[]){NULL}), FR_OK);
    assert_string_equal(values.listen, "tcp://default");
    assert_int_equal(values.bytes, 64 << 20);
    assert_int_equal(values.wait_us, 2000000);
    setenv("FR_TEST_LISTEN", "tcp://environment", 1);
    setenv("FR_TEST_BYTES", "1k", 1);
    setenv("FR_TEST_FORMAT", "json", 1);
    setenv("FR_TEST_VERBOSE", "1", 1);
    assert_int_equal(parse_array((const char *const[]){NULL}), FR_OK);
    assert_string_equal(values.listen, "tcp://environment");
    assert_int_equal(values.bytes, 1024);
    assert_int_equal(values.format, 1);
    assert_true(values.verbose);
    assert_int_equal(PARSE("--listen", "tcp://flag", "--bytes=77", "--format", "logfmt", "--verbose=false"), FR_OK);
    assert_string_equal(values.listen, "tcp://flag");
    assert_int_equal(values.bytes, 77);
    assert_int_equal(values.format, 0);
    assert_false(values.verbose);
}

static void an_empty_variable_counts_as_none(void **state)
{
    (void)state;
    setenv("FR_TEST_LISTEN", "", 1);
    assert_int_equal(parse_array((const char *const[]){NULL}), FR_OK);
    assert_string_equal(values.listen, "tcp://default");
}

static void all_spellings_of_a_flag_mean_the_same(void **state)
{
    (void)state;
    static const char *const spellings[][3] = {
        {"--listen", "x", NULL}, {"--listen=x", NULL}, {"-l", "x", NULL}, {"-lx", NULL}};
    for (size_t i = 0; i < 4; i++) {
        forget(NULL);
        assert_int_equal(parse_array(spellings[i]), FR_OK);
        assert_string_equal(values.listen, "x");
        assert_int_equal(positional, 0);
    }
}

static void the_last_of_two_wins_and_an_empty_value_is_one(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--listen", "a", "--listen=b=c"), FR_OK);
    assert_string_equal(values.listen, "b=c");
    assert_int_equal(PARSE("--listen="), FR_OK);
    assert_string_equal(values.listen, "");
}

static void a_list_keeps_every_value_in_order(void **state)
{
    (void)state;
    assert_int_equal(PARSE("-H", "a:1", "--header", "b:2", "-Hc:3"), FR_OK);
    assert_int_equal(values.headers.count, 3);
    assert_string_equal(values.headers.items[0], "a:1");
    assert_string_equal(values.headers.items[2], "c:3");
}

static void a_list_has_a_limit(void **state)
{
    (void)state;
    const char *many[66] = {0};
    for (unsigned i = 0; i < 65; i++) {
        many[i] = "-Hx";
    }
    assert_int_equal(parse_array(many), FR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "--header"));
    many[64] = NULL;
    values.headers.count = 0;
    assert_int_equal(parse_array(many), FR_OK);
}

static void positional_arguments_are_gathered_in_order(void **state)
{
    (void)state;
    assert_int_equal(PARSE("call", "--verbose", "-", "-l", "x", "users.v1.Users/GetUser"), FR_OK);
    assert_int_equal(positional, 3);
    assert_string_equal(arguments[1], "call");
    assert_string_equal(arguments[2], "-");
    assert_string_equal(arguments[3], "users.v1.Users/GetUser");
}

static void two_dashes_end_the_flags(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--", "--listen", "-x", "--", "--help"), FR_OK);
    assert_int_equal(positional, 4);
    assert_string_equal(arguments[1], "--listen");
    assert_string_equal(arguments[3], "--");
    assert_string_equal(values.listen, "tcp://default");
    assert_false(help);
}

static void a_value_may_start_with_a_dash(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--listen", "--verbose"), FR_OK);
    assert_string_equal(values.listen, "--verbose");
    assert_false(values.verbose);
}

static void help_ends_the_parsing(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--help", "--nonsense"), FR_OK);
    assert_true(help);
    assert_int_equal(PARSE("-h"), FR_OK);
    assert_true(help);
    assert_int_equal(PARSE("x"), FR_OK);
    assert_false(help);
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *arguments[4];
        const char *names[3];
    } cases[] = {
        {{"--nonsense"}, {"--nonsense", "--help"}},
        {{"-x"}, {"-x"}},
        {{"--=x"}, {"--=x"}},
        {{"--listen"}, {"--listen", "URL"}},
        {{"-l"}, {"--listen", "URL"}},
        {{"--bytes", "many"}, {"--bytes", "many"}},
        {{"--bytes", "-1"}, {"--bytes", "-1"}},
        {{"--bytes", "5x"}, {"--bytes", "5x"}},
        {{"--bytes", ""}, {"--bytes"}},
        {{"--bytes", "9"}, {"--bytes", "9", "10"}},
        {{"--bytes", "2048G"}, {"--bytes", "2048G"}},
        {{"--bytes", "99999999999999999999"}, {"--bytes"}},
        {{"--bytes", "18446744073709551615G"}, {"--bytes"}},
        {{"--wait", "soon"}, {"--wait", "soon", "250ms"}},
        {{"--format=xml"}, {"--format", "xml", "logfmt, json"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(parse_array(cases[i].arguments), FR_INVALID_ARGUMENT);
        for (size_t j = 0; j < 3 && cases[i].names[j] != NULL; j++) {
            if (strstr(error.message, cases[i].names[j]) == NULL) {
                fail_msg("'%s' does not name '%s'", error.message, cases[i].names[j]);
            }
        }
    }
}

static void a_wrong_variable_is_named(void **state)
{
    (void)state;
    setenv("FR_TEST_WAIT", "never", 1);
    assert_int_equal(parse_array((const char *const[]){NULL}), FR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "FR_TEST_WAIT"));
    assert_non_null(strstr(error.message, "never"));
}

static void a_range_without_an_end_is_not_called_zero(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--wait", "1us"), FR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "--wait"));
    assert_non_null(strstr(error.message, "0.001 s"));
    assert_null(strstr(error.message, "and 0"));
}

static void durations_are_understood(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t us;
    } good[] = {{"0", 0},        {"2", 2000000},      {"0.25", 250000},  {".5", 500000},    {"250ms", 250000},
                {"3s", 3000000}, {"1m", 60000000},    {"2h", 7200000000}, {"10us", 10},      {"1.5ms", 1500},
                {"0.0001ms", 1}, {"8760h", UINT64_C(31536000000000)}};
    static const char *const bad[] = {"",   "s",    "ms",  "-1s", "+1s", " 1s", "1 s",     "1d",        "1sm", "1.2.3",
                                      "1e999", "inf", "nan", "0x10", "0x1p3", ".", "100000000h", "1s ", "١"};
    uint64_t us;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(fr_duration_parse(good[i].text, &us));
        assert_int_equal(us, good[i].us);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        us = 77;
        if (fr_duration_parse(bad[i], &us)) {
            fail_msg("'%s' was taken for a duration", bad[i]);
        }
        assert_int_equal(us, 77);
    }
}

static void help_shows_every_option_with_default_and_variable(void **state)
{
    (void)state;
    struct fr_buffer out = {0};
    fr_options_help(options, sizeof options / sizeof options[0], &out);
    const char *text = fr_buffer_text(&out);
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        assert_non_null(strstr(text, options[i].name));
        assert_true(options[i].environment == NULL || strstr(text, options[i].environment) != NULL);
        assert_non_null(strstr(text, options[i].help));
    }
    assert_non_null(strstr(text, "-l, --listen URL"));
    assert_non_null(strstr(text, "[64M]"));
    fr_buffer_fini(&out);
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, forget, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(a_flag_beats_the_environment_which_beats_the_default),
        FACT(an_empty_variable_counts_as_none),
        FACT(all_spellings_of_a_flag_mean_the_same),
        FACT(the_last_of_two_wins_and_an_empty_value_is_one),
        FACT(a_list_keeps_every_value_in_order),
        FACT(a_list_has_a_limit),
        FACT(positional_arguments_are_gathered_in_order),
        FACT(two_dashes_end_the_flags),
        FACT(a_value_may_start_with_a_dash),
        FACT(help_ends_the_parsing),
        FACT(what_is_wrong_is_named),
        FACT(a_wrong_variable_is_named),
        FACT(a_range_without_an_end_is_not_called_zero),
        FACT(durations_are_understood),
        FACT(help_shows_every_option_with_default_and_variable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
