/* SPDX-License-Identifier: MIT */
/*
 * test_picture.c - what is drawn of gaps, of single values, of nothing, and of more runs than can be told apart.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "load/picture.h"
#include "plot/chart.h"

static struct report report;

/* A run of calls that end ten a slice, and of the rest of seconds without one. */
static void add_run(uint64_t concurrency, unsigned calls, double seconds)
{
    struct run *run = &report.runs[report.run_count++];
    *run = (struct run){.concurrency = concurrency, .channels = 1, .seconds = seconds};
    assert_int_equal(tally_init(&run->tally, 1, false, NULL), FR_OK);
    for (unsigned i = 0; i < calls; i++) {
        uint64_t end_us = 1000 + i * SLICES_WIDTH_US / 10;
        tally_record(&run->tally, &(struct tally_call){.due_us = end_us - 500, .start_us = end_us - 500, .end_us = end_us});
    }
    assert_int_equal(run_finish(run, NULL), FR_OK);
}

static void begin(void)
{
    memset(&report, 0, sizeof report);
    report = (struct report){.address = "tcp://h:1", .methods = {"a.B/C"}, .weights = {1}, .method_count = 1};
}

static unsigned count_of(const char *text, const char *what)
{
    unsigned count = 0;
    for (text = strstr(text, what); text != NULL; text = strstr(text + 1, what)) {
        count++;
    }
    return count;
}

static const char *picture_of(struct fr_buffer *out)
{
    fr_buffer_clear(out);
    picture_append(out, &report);
    const char *text = fr_buffer_text(out);
    assert_non_null(text);
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf"));
    report_fini(&report);
    return text;
}

static void a_line_has_a_gap_where_there_is_no_value(void **state)
{
    (void)state;
    static const double x[] = {0, 1, 2, 3, 4, 5, 6}, y[] = {1, 2, NAN, 3, NAN, 5, 4};
    struct fr_buffer out = {0};
    struct chart chart = {.title = "", .x_label = "", .y_label = "", .x_format = axis_format_number,
                          .y_format = axis_format_number, .width = 400, .height = 300, .series_count = 1};
    chart.series[0] = (struct chart_series){.name = "a", .x = x, .y = y, .count = 7};
    chart_append(&out, &chart);
    const char *text = fr_buffer_text(&out), *line = strstr(text, "stroke-width=\"2\"");
    assert_non_null(line);
    while (*line != '<') { /* back to where its path begins */
        line--;
    }
    char path[256];
    snprintf(path, sizeof path, "%.*s", (int)strcspn(line, "f"), line);
    assert_int_equal(count_of(path, "M"), 2);
    assert_int_equal(count_of(path, "L"), 2);
    assert_int_equal(count_of(text, "<circle"), 1); /* the value between two gaps */
    fr_buffer_fini(&out);
}

static void a_run_that_ends_in_a_stall_shows_it(void **state)
{
    (void)state;
    struct fr_buffer out = {0};
    begin();
    add_run(8, 100, 2);
    const char *text = picture_of(&out);
    const char *latency = strstr(text, "Latency over time");
    assert_non_null(latency);
    assert_non_null(strstr(latency, ">2</text>")); /* the axis goes on to the end of the run */
    assert_int_equal(count_of(latency, "<circle"), 0);
    fr_buffer_fini(&out);
}

static void a_very_short_run_is_drawn_as_dots(void **state)
{
    (void)state;
    struct fr_buffer out = {0};
    begin();
    add_run(1, 1, 0.002);
    const char *text = picture_of(&out);
    assert_int_equal(count_of(text, "<circle"), 1 + 1 + 2); /* a percentile, throughput, p50 and p99 */
    assert_non_null(strstr(text, "500 calls/s in 2.00 ms"));
    fr_buffer_fini(&out);
}

static void runs_without_an_answer_say_so(void **state)
{
    (void)state;
    struct fr_buffer out = {0};
    begin();
    add_run(1, 0, 1);
    assert_int_equal(count_of(picture_of(&out), "no call was answered"), 2);
    begin();
    add_run(1, 0, 1);
    add_run(2, 0, 1);
    assert_int_equal(count_of(picture_of(&out), "no call was answered"), 2);
    fr_buffer_fini(&out);
}

static void more_runs_than_can_be_told_apart_are_counted(void **state)
{
    (void)state;
    struct fr_buffer out = {0};
    begin();
    for (uint64_t concurrency = 8; concurrency > 0; concurrency--) {
        add_run(concurrency, 100, 1);
    }
    assert_int_equal(picture_left_out(&report), 0);
    assert_non_null(strstr(picture_of(&out), "for each number of calls under way"));
    begin();
    for (uint64_t concurrency = 12; concurrency > 0; concurrency--) {
        add_run(concurrency, 100, 1);
    }
    assert_int_equal(picture_left_out(&report), 4);
    const char *text = picture_of(&out);
    assert_non_null(strstr(text, "for 8 of the 12 numbers of calls under way"));
    assert_int_equal(count_of(text, "font-size=\"12\">12</text>"), 1); /* the legend: the ends are drawn */
    assert_int_equal(count_of(text, "font-size=\"12\">1</text>"), 1);
    fr_buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_a_gap_where_there_is_no_value),
        cmocka_unit_test(a_run_that_ends_in_a_stall_shows_it),
        cmocka_unit_test(a_very_short_run_is_drawn_as_dots),
        cmocka_unit_test(runs_without_an_answer_say_so),
        cmocka_unit_test(more_runs_than_can_be_told_apart_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
