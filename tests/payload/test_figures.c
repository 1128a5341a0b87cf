/* SPDX-License-Identifier: MIT */
/*
 * test_figures.c - medians and quartiles, and who is called the winner.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "payload/verdict.h"

static void near(double left, double right)
{
    assert_true(left > right - 1e-9 && left < right + 1e-9);
}

static void the_median_lies_in_the_middle_and_the_quartiles_around_it(void **state)
{
    (void)state;
    double odd[] = {9, 1, 5, 3, 7}, even[] = {4, 1, 3, 2}, one[] = {6};
    struct figures figures = {0};
    figures_of(odd, 5, &figures);
    near(figures.median_ns, 5);
    near(figures.low_ns, 3);
    near(figures.high_ns, 7);
    near(figures.min_ns, 1);
    near(figures.max_ns, 9);
    near(figures_spread(&figures), 40);
    figures_of(even, 4, &figures);
    near(figures.median_ns, 2.5);
    near(figures.low_ns, 1.75);
    figures_of(one, 1, &figures);
    near(figures.median_ns, 6);
    near(figures_spread(&figures), 0);
    figures_of(one, 0, &figures);
    assert_int_equal(figures.runs, 0);
}

static struct figures time_of(double median, double spread)
{
    return (struct figures){
        .runs = 11, .median_ns = median, .low_ns = median - spread, .high_ns = median + spread};
}

static enum verdict_winner winner(double protobuf, double json, double spread)
{
    struct row rows[] = {
        {.codec = &codec_protobuf_c, .encode = time_of(protobuf * 2, 0), .encoded_bytes = 10},
        {.codec = &codec_protobuf_c_arena, .encode = time_of(protobuf, spread), .encoded_bytes = 10},
        {.codec = &codec_jansson, .encode = time_of(json, spread), .encoded_bytes = 10},
    };
    struct shape_result shape = {.name = "x", .rows = rows};
    return verdict_of(&shape, 3, VERDICT_ENCODE).winner;
}

static void the_best_of_each_format_are_compared_and_noise_is_a_tie(void **state)
{
    (void)state;
    assert_int_equal(winner(100, 200, 1), VERDICT_PROTOBUF);
    assert_int_equal(winner(200, 100, 1), VERDICT_JSON);
    assert_int_equal(winner(100, 109, 0), VERDICT_TIE);
    assert_int_equal(winner(109, 100, 0), VERDICT_TIE);
    assert_int_equal(winner(100, 150, 30), VERDICT_TIE);
    assert_int_equal(winner(100, 112, 1), VERDICT_PROTOBUF);
}

static void times_of_two_runs_are_not_judged(void **state)
{
    (void)state;
    struct row rows[] = {
        {.codec = &codec_protobuf_c, .encode = time_of(100, 1), .encoded_bytes = 10},
        {.codec = &codec_jansson, .encode = time_of(300, 1), .encoded_bytes = 30},
    };
    struct shape_result shape = {.name = "x", .rows = rows};
    assert_int_equal(verdict_of(&shape, 2, VERDICT_ENCODE).winner, VERDICT_PROTOBUF);
    rows[1].encode.runs = 2;
    assert_int_equal(verdict_of(&shape, 2, VERDICT_ENCODE).winner, VERDICT_NOBODY);
    assert_int_equal(verdict_of(&shape, 2, VERDICT_BYTES).winner, VERDICT_PROTOBUF);
}

static void sizes_tie_within_a_fiftieth_and_a_wrong_writer_does_not_count(void **state)
{
    (void)state;
    struct row rows[] = {
        {.codec = &codec_protobuf_c, .encoded_bytes = 1000},
        {.codec = &codec_jansson, .encoded_bytes = 500, .encode_wrong = "wrong"},
        {.codec = &codec_direct_json, .encoded_bytes = 1015},
    };
    struct shape_result shape = {.name = "x", .rows = rows};
    struct verdict verdict = verdict_of(&shape, 3, VERDICT_BYTES);
    assert_int_equal(verdict.winner, VERDICT_TIE);
    assert_ptr_equal(verdict.json->codec, &codec_direct_json);
    rows[2].encoded_bytes = 1100;
    assert_int_equal(verdict_of(&shape, 3, VERDICT_BYTES).winner, VERDICT_PROTOBUF);
    rows[2].encoded_bytes = 900;
    assert_int_equal(verdict_of(&shape, 3, VERDICT_BYTES).winner, VERDICT_JSON);
    assert_int_equal(verdict_of(&shape, 2, VERDICT_BYTES).winner, VERDICT_NOBODY);
}

static void the_summary_names_what_json_wins(void **state)
{
    (void)state;
    struct row rows[] = {
        {.codec = &codec_protobuf_c, .decode = time_of(300, 1)},
        {.codec = &codec_jansson, .decode = time_of(100, 1)},
    };
    struct shape_result shape = {.name = "x", .rows = rows};
    struct result result = {.shapes = &shape, .shape_count = 1, .codec_count = 2};
    struct fr_buffer out = {0};
    verdict_append_summary(&out, &result);
    assert_non_null(strstr(fr_buffer_text(&out), "decode of x: JSON wins, 3.0 times as fast"));
    fr_buffer_clear(&out);
    rows[1].decode = time_of(900, 1);
    verdict_append_summary(&out, &result);
    assert_non_null(strstr(fr_buffer_text(&out), "nowhere in these runs"));
    fr_buffer_clear(&out);
    result.codec_count = 1;
    verdict_append_summary(&out, &result);
    assert_non_null(strstr(fr_buffer_text(&out), "nothing to compare"));
    fr_buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_median_lies_in_the_middle_and_the_quartiles_around_it),
        cmocka_unit_test(the_best_of_each_format_are_compared_and_noise_is_a_tie),
        cmocka_unit_test(times_of_two_runs_are_not_judged),
        cmocka_unit_test(sizes_tie_within_a_fiftieth_and_a_wrong_writer_does_not_count),
        cmocka_unit_test(the_summary_names_what_json_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
