/* SPDX-License-Identifier: MIT */
/*
 * test_judgement.c - objectives, and the comparison with an older report.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "load/compare.h"
#include "load/report.h"

/* 5 s of 100 calls each 50 ms; a part of them takes slow_us instead of 100 µs. */
static void add_run(struct report *report, unsigned slow_of_100, uint64_t slow_us, unsigned errors)
{
    struct run *run = &report->runs[report->run_count++];
    *run = (struct run){.concurrency = 8, .channels = 1, .seconds = 5};
    assert_int_equal(tally_init(&run->tally, 1, false, NULL), FR_OK);
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t end_us = 10000 + i * 498, took_us = i % 100 < slow_of_100 ? slow_us : 100 + i % 7;
        tally_record(
            &run->tally,
            &(struct tally_call){.due_us = end_us - took_us, .start_us = end_us - took_us, .end_us = end_us});
    }
    for (unsigned i = 0; i < errors; i++) {
        tally_record(&run->tally,
                     &(struct tally_call){.code = FR_UNAVAILABLE, .message = "no \"server\"", .end_us = 1});
    }
    assert_int_equal(run_finish(run, NULL), FR_OK);
}

static void make_report(struct report *report, unsigned slow_of_100, uint64_t slow_us, unsigned errors)
{
    memset(report, 0, sizeof *report);
    *report =
        (struct report){.address = "tcp://h:1", .methods = {"a.B/C"}, .weights = {1}, .method_count = 1};
    add_run(report, slow_of_100, slow_us, errors);
}

static bool meets(const struct report *report, const char *text)
{
    struct slo slo;
    assert_int_equal(slo_parse(&slo, text, NULL), FR_OK);
    return slo_is_met(&slo, &report->runs[0]);
}

static struct report report, older;

static void objectives_compare_with_what_was_reached(void **state)
{
    (void)state;
    make_report(&report, 2, 5000, 10);
    assert_true(meets(&report, "p50=110us"));
    assert_false(meets(&report, "p50=99us"));
    assert_true(meets(&report, "p97=1ms"));
    assert_false(meets(&report, "p99=4.9ms"));
    assert_true(meets(&report, "p99.9=5.1ms"));
    assert_true(meets(&report, "max=5ms"));
    assert_false(meets(&report, "max=4999us"));
    assert_true(meets(&report, "mean=0.3ms"));
    assert_false(meets(&report, "mean=0.1ms"));
    assert_true(meets(&report, "errors=10"));
    assert_false(meets(&report, "errors=9"));
    assert_true(meets(&report, "errors=0.1%"));
    assert_false(meets(&report, "errors=0.09%"));
    assert_true(meets(&report, "rate=2000"));
    assert_false(meets(&report, "rate=2001"));
    report_fini(&report);
}

static void no_answer_meets_no_latency(void **state)
{
    (void)state;
    memset(&report, 0, sizeof report);
    report.run_count = 1;
    assert_int_equal(tally_init(&report.runs[0].tally, 1, false, NULL), FR_OK);
    assert_int_equal(run_finish(&report.runs[0], NULL), FR_OK);
    assert_false(meets(&report, "p99=1h"));
    assert_true(meets(&report, "errors=0"));
    report_fini(&report);
}

static void anything_else_is_no_objective(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",           "p99",         "p99=",      "p99=5parsecs", "p0=1ms",
                                        "p101=1ms",   "px=1ms",      "q99=1ms",   "errors=",      "errors=x",
                                        "errors=1.5", "errors=101%", "errors=-1", "rate=",        "rate=1k",
                                        "max=slow",   "p99 =1ms", "p99=5", "max=1", "mean=0.5"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct slo slo;
        assert_int_equal(slo_parse(&slo, wrong[i], NULL), FR_INVALID_ARGUMENT);
    }
}

/* The comparison of report with older, for people or within the JSON. */
static const char *compared_as(struct fr_buffer *out,
                               void (*append)(struct fr_buffer *, const struct report *))
{
    static struct fr_buffer json;
    struct compare *compare;
    fr_buffer_clear(&json);
    fr_buffer_clear(out);
    report_append_json(&json, &older);
    assert_int_equal(compare_read(fr_buffer_bytes(&json), "old.json", &compare, NULL), FR_OK);
    report.older = compare;
    append(out, &report);
    report.older = NULL;
    compare_free(compare);
    fr_buffer_fini(&json);
    json = (struct fr_buffer){0};
    return fr_buffer_text(out);
}

static const char *compared(struct fr_buffer *out)
{
    return compared_as(out, compare_append);
}

static void equal_runs_differ_by_noise(void **state)
{
    (void)state;
    struct fr_buffer out = {0};
    make_report(&report, 2, 5000, 0);
    make_report(&older, 2, 5000, 0);
    const char *text = compared(&out);
    assert_non_null(strstr(text, "calls/s  2000 -> 2000  (+0.0%)  noise"));
    assert_null(strstr(text, "worse"));
    assert_null(strstr(text, "better"));
    assert_non_null(strstr(text, "One pair of runs does not tell"));
    fr_buffer_fini(&out);
    report_fini(&report);
    report_fini(&older);
}

static void a_slower_run_is_worse_and_a_faster_one_better(void **state)
{
    (void)state;
    struct fr_buffer out = {0};
    make_report(&report, 60, 5000, 3);
    make_report(&older, 2, 3000, 0);
    const char *text = compared(&out);
    assert_non_null(strstr(strstr(text, "p50"), "worse"));
    assert_non_null(strstr(strstr(text, "p99"), "worse"));
    assert_non_null(strstr(text, "failed   0 -> 3"));
    assert_null(strstr(text, "ended early"));
    report_fini(&report);
    report_fini(&older);
    make_report(&report, 2, 3000, 0);
    make_report(&older, 60, 5000, 0);
    text = compared(&out);
    assert_non_null(strstr(strstr(text, "p50"), "better"));
    fr_buffer_fini(&out);
    report_fini(&report);
    report_fini(&older);
}

/* The least that is called a change: more than a fifth for p99, however sure it is. */
static void a_small_difference_is_noise_however_sure(void **state)
{
    (void)state;
    struct fr_buffer out = {0};
    make_report(&report, 2, 5900, 0);
    make_report(&older, 2, 5000, 0);
    const char *p99 = strstr(compared(&out), "p99");
    assert_non_null(strstr(p99, "(+18.0%)  noise   p<0.001, but not more than 20%"));
    report_fini(&report);
    make_report(&report, 2, 6100, 0);
    assert_non_null(strstr(compared(&out), "(+22.0%)  worse   p<0.001\n"));
    fr_buffer_fini(&out);
    report_fini(&report);
    report_fini(&older);
}

static void runs_that_are_not_there_are_named(void **state)
{
    (void)state;
    struct fr_buffer out = {0};
    make_report(&report, 2, 5000, 0);
    make_report(&older, 2, 5000, 0);
    older.runs[0].concurrency = 9;
    assert_non_null(strstr(compared(&out), "it has no such run"));
    fr_buffer_fini(&out);
    report_fini(&report);
    report_fini(&older);
}

static void runs_of_one_concurrency_are_matched_in_their_order(void **state)
{
    (void)state;
    struct fr_buffer out = {0};
    make_report(&report, 2, 5000, 0);
    add_run(&report, 2, 9000, 0);
    add_run(&report, 2, 9000, 0);
    make_report(&older, 2, 5000, 0);
    add_run(&older, 2, 9000, 0);
    const char *text = compared(&out);
    assert_non_null(text = strstr(text, "p99      5.00 ms -> 5.00 ms"));
    assert_non_null(text = strstr(text, "p99      9.00 ms -> 9.00 ms"));
    assert_non_null(strstr(text, "it has no such run"));
    fr_buffer_fini(&out);
    report_fini(&report);
    report_fini(&older);
}

static void the_json_holds_the_comparison(void **state)
{
    (void)state;
    struct fr_buffer out = {0};
    make_report(&report, 60, 5000, 3);
    make_report(&older, 2, 3000, 0);
    const char *text = compared_as(&out, report_append_json);
    assert_non_null(strstr(text, "\"compared\":{\"file\":\"old.json\",\"other_load\":null,\"figures\":["
                                 "{\"figure\":\"calls_per_s\",\"old\":2000.0,\"new\":2000.0,"
                                 "\"verdict\":\"noise\",\"p\":1,\"least_effect\":0.1},"));
    assert_non_null(
        strstr(text, "{\"figure\":\"p99_us\",\"old\":3000.0,\"new\":5000.0,\"verdict\":\"worse\","
                                 "\"p\":0.001,\"least_effect\":0.2}"));
    assert_non_null(strstr(text, "],\"old_complete\":true,\"failed\":{\"old\":0,\"new\":3}}"));
    older.runs[0].concurrency = 9;
    assert_non_null(strstr(compared_as(&out, report_append_json), "\"figures\":null}"));
    fr_buffer_clear(&out);
    report_append_json(&out, &report);
    assert_null(strstr(fr_buffer_text(&out), "compared"));
    fr_buffer_fini(&out);
    report_fini(&report);
    report_fini(&older);
}

static void another_load_is_named(void **state)
{
    (void)state;
    struct fr_buffer out = {0};
    make_report(&report, 2, 5000, 0);
    make_report(&older, 2, 5000, 0);
    assert_null(strstr(compared(&out), "not the same load"));
    older.runs[0].channels = 2;
    assert_non_null(strstr(compared(&out), "not the same load: it had another number of channels"));
    older.methods[0] = "a.B/D";
    assert_non_null(strstr(compared(&out), "not the same load: it had other methods or weights"));
    assert_non_null(
        strstr(compared_as(&out, report_append_json), "\"other_load\":\"other methods or weights\""));
    fr_buffer_fini(&out);
    report_fini(&report);
    report_fini(&older);
}

static void an_interrupted_run_is_pointed_out(void **state)
{
    (void)state;
    struct fr_buffer out = {0};
    make_report(&report, 2, 5000, 0);
    make_report(&older, 2, 5000, 0);
    older.runs[0].interrupted = true;
    assert_non_null(strstr(compared(&out), "warning: the older run was ended early"));
    assert_non_null(strstr(compared_as(&out, report_append_json), "\"old_complete\":false"));
    report_fini(&report);
    report_fini(&older);
    fr_buffer_fini(&out);
}

static void what_was_zero_has_no_percentage(void **state)
{
    (void)state;
    struct fr_buffer out = {0};
    make_report(&report, 2, 5000, 0);
    make_report(&older, 2, 5000, 0);
    older.runs[0].sum->codes[FR_OK] = 0;
    assert_non_null(strstr(compared(&out), "calls/s  0 -> 2000  (from 0)"));
    report_fini(&report);
    report_fini(&older);
    fr_buffer_fini(&out);
}

/* Appends what becomes of report beside the older one in json. */
static void append_compared_with(struct fr_buffer *out, struct fr_buffer *json)
{
    struct compare *compare;
    assert_int_equal(compare_read(fr_buffer_bytes(json), "old.json", &compare, NULL), FR_OK);
    report.older = compare;
    compare_append(out, &report);
    report.older = NULL;
    compare_free(compare);
}

static void a_slice_without_an_answer_has_no_latency(void **state)
{
    (void)state;
    struct fr_buffer json = {0}, out = {0}, out_of_zeros = {0};
    make_report(&report, 2, 5000, 0);
    make_report(&older, 2, 5000, 0);
    for (unsigned i = 1; i < 60; i++) {
        older.runs[0].tally.slices->slice[i] = (struct slice){.errors = 100};
    }
    report_append_json(&json, &older);
    assert_non_null(fr_buffer_text(&json));
    char *null = strstr((char *)json.data, "\"p50_us\":[");
    assert_non_null(strstr(null, ",null,null,"));
    append_compared_with(&out, &json);
    assert_non_null(strstr(strstr(fr_buffer_text(&out), "p50"), "(+0.0%)  noise"));
    while ((null = strstr(null, "null")) != NULL) { /* as older reports have it */
        memcpy(null, "   0", 4);
    }
    append_compared_with(&out_of_zeros, &json);
    assert_string_equal(fr_buffer_text(&out), fr_buffer_text(&out_of_zeros));
    fr_buffer_fini(&json);
    fr_buffer_fini(&out);
    fr_buffer_fini(&out_of_zeros);
    report_fini(&report);
    report_fini(&older);
}

static void other_files_are_refused(void **state)
{
    (void)state;
    struct compare *compare;
    struct fr_error error;
    assert_int_equal(compare_read(fr_bytes_of("{\"runs\":\n [}"), "x.json", &compare, &error),
                     FR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "'x.json': line 2, column"));
    static const char *const wrong[] = {"[]", "{}", "{\"runs\":1}", "{\"runs\":[1]}",
                                        "{\"runs\":[{\"loop\":\"open\"}]}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(compare_read(fr_bytes_of(wrong[i]), "x.json", &compare, &error),
                         FR_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, "is no report"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objectives_compare_with_what_was_reached),
        cmocka_unit_test(no_answer_meets_no_latency),
        cmocka_unit_test(anything_else_is_no_objective),
        cmocka_unit_test(equal_runs_differ_by_noise),
        cmocka_unit_test(a_slower_run_is_worse_and_a_faster_one_better),
        cmocka_unit_test(a_small_difference_is_noise_however_sure),
        cmocka_unit_test(runs_that_are_not_there_are_named),
        cmocka_unit_test(runs_of_one_concurrency_are_matched_in_their_order),
        cmocka_unit_test(the_json_holds_the_comparison),
        cmocka_unit_test(another_load_is_named),
        cmocka_unit_test(an_interrupted_run_is_pointed_out),
        cmocka_unit_test(what_was_zero_has_no_percentage),
        cmocka_unit_test(a_slice_without_an_answer_has_no_latency),
        cmocka_unit_test(other_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
