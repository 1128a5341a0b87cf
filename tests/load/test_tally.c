/* SPDX-License-Identifier: MIT */
/*
 * test_tally.c - latencies keep three digits, no call is lost, and slices of time add up however long the run is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "load/mix.h"
#include "load/run.h"
#include "load/tally.h"
#include "load/unsent.h"

#define LARGEST ((UINT64_C(1) << 36) - 1)

static uint64_t shown(uint64_t value)
{
    static struct latency latency;
    memset(&latency, 0, sizeof latency);
    latency_record(&latency, value, 1);
    latency_record(&latency, LARGEST, 1);
    return latency_quantile_us(&latency, 0.5);
}

static void latencies_keep_three_digits(void **state)
{
    (void)state;
    for (uint64_t value = 0; value < 2048; value++) {
        assert_int_equal(shown(value), value);
    }
    for (unsigned i = 0; i < 3000; i++) {
        uint64_t value = fr_random_u64() >> (28 + fr_random_below(36)), found = shown(value);
        assert_true(found >= value && (found - value) * 1024 <= value);
    }
}

static void a_latency_above_the_range_is_counted_and_is_the_maximum(void **state)
{
    (void)state;
    static struct latency latency;
    latency_record(&latency, LARGEST * 5, 1);
    assert_int_equal(latency.count, 1);
    assert_int_equal(latency.max_us, LARGEST * 5);
    assert_true(latency_quantile_us(&latency, 1) >= LARGEST);
}

static void one_slow_call_in_ten_thousand_is_p9999(void **state)
{
    (void)state;
    static struct latency latency;
    memset(&latency, 0, sizeof latency);
    for (unsigned i = 0; i < 99990; i++) {
        latency_record(&latency, 100, 1);
    }
    assert_int_equal(latency_quantile_us(&latency, 0.9999), 100);
    for (unsigned i = 0; i < 11; i++) {
        latency_record(&latency, 7000, 1);
    }
    assert_in_range(latency_quantile_us(&latency, 0.9999), 7000, 7007);
    assert_int_equal(latency_quantile_us(&latency, 0.9998), 100);
}

static void both_latencies_of_an_open_loop_are_kept(void **state)
{
    (void)state;
    struct tally tally;
    assert_int_equal(tally_init(&tally, 1, true, NULL), FR_OK);
    tally_record(&tally, &(struct tally_call){.due_us = 100, .start_us = 900, .end_us = 1000});
    assert_int_equal(latency_quantile_us(&tally.methods[0].latency, 1), 900);
    assert_int_equal(latency_quantile_us(&tally.methods[0].uncorrected, 1), 100);
    tally_fini(&tally);
}

static void failures_count_by_code_and_have_no_latency(void **state)
{
    (void)state;
    struct tally tally;
    struct tally_method sum;
    assert_int_equal(tally_init(&tally, 2, false, NULL), FR_OK);
    tally_record(&tally,
                 &(struct tally_call){.method = 1, .code = FR_NOT_FOUND, .message = "first", .end_us = 5});
    tally_record(&tally,
                 &(struct tally_call){.method = 0, .code = FR_NOT_FOUND, .message = "second", .end_us = 6});
    tally_record(&tally, &(struct tally_call){.method = 0, .end_us = 7});
    tally_sum(&tally, &sum);
    assert_int_equal(tally_errors(&sum), 2);
    assert_int_equal(tally_calls(&sum), 3);
    assert_int_equal(sum.latency.count, 1);
    assert_string_equal(tally.messages[FR_NOT_FOUND], "first");
    assert_int_equal(tally.last_us, 7);
    tally_fini(&tally);
}

static void what_was_never_sent_has_waited_since_it_was_due(void **state)
{
    (void)state;
    struct tally tally;
    struct tally_method sum;
    struct mix mix;
    struct schedule schedule = {.shape = SCHEDULE_CONST, .from = 1000};
    mix_init(&mix, (const unsigned[]){3, 1}, 2);
    assert_int_equal(tally_init(&tally, 2, true, NULL), FR_OK);
    struct unsent unsent = {
        .schedule = &schedule, .mix = &mix, .from = 1000, .until = 2000, .end_us = 2000000};
    unsent_record(&unsent, &tally);
    assert_int_equal(tally.methods[0].unfinished, 750);
    assert_int_equal(tally.methods[1].unfinished, 250);
    tally_sum(&tally, &sum);
    assert_int_equal(sum.latency.max_us, 1000000);
    assert_in_range(latency_quantile_us(&sum.latency, 0.5), 500000, 502000);
    assert_int_equal(sum.uncorrected.count, 0);
    assert_int_equal(tally_calls(&sum), 0);
    unsent = (struct unsent){.schedule = &schedule, .mix = &mix, .until = 5000000, .end_us = 5000000000};
    unsent_record(&unsent, &tally); /* more than are recorded one by one */
    tally_sum(&tally, &sum);
    assert_int_equal(sum.unfinished, 5001000);
    assert_in_range(tally.methods[0].unfinished, 3750000, 3751500);
    tally_fini(&tally);
}

static uint64_t calls_of(const struct slices *slices)
{
    uint64_t calls = 0;
    for (unsigned i = 0; i < SLICES; i++) {
        calls += slices->slice[i].calls;
    }
    return calls;
}

static void slices_grow_wider_and_lose_nothing(void **state)
{
    (void)state;
    static struct slices slices;
    slices_init(&slices);
    uint64_t end_us = SLICES_WIDTH_US * SLICES * 5;
    for (uint64_t at_us = 0; at_us < end_us; at_us += 1000) {
        slices_record(&slices, at_us, 100);
    }
    assert_int_equal(slices.width_us, SLICES_WIDTH_US * 8);
    assert_int_equal(calls_of(&slices), end_us / 1000);
    assert_int_equal(slices.count, SLICES * 5 / 8);
    for (unsigned i = 0; i < slices.count; i++) {
        assert_int_equal(slices.slice[i].calls, slices.width_us / 1000);
        assert_in_range(slice_quantile_us(&slices.slice[i], 0.99), 100, 103);
    }
}

static void slices_of_different_width_add_up(void **state)
{
    (void)state;
    static struct slices wide, narrow;
    slices_init(&wide);
    slices_init(&narrow);
    for (unsigned i = 0; i < 2 * SLICES; i++) {
        slices_record(&wide, i * SLICES_WIDTH_US, 10);
        slices_record(&narrow, i * SLICES_WIDTH_US / 2, 10);
    }
    slices_add(&narrow, &wide);
    assert_int_equal(narrow.width_us, 2 * SLICES_WIDTH_US);
    assert_int_equal(calls_of(&narrow), 4 * SLICES);
    assert_int_equal(narrow.slice[0].calls, 4 + 2);
    assert_int_equal(narrow.slice[SLICES - 1].calls, 2);
}

static void weights_are_exact_and_evenly_spread(void **state)
{
    (void)state;
    struct mix mix;
    unsigned seen[3] = {0};
    uint64_t last[3] = {0};
    mix_init(&mix, (const unsigned[]){7, 2, 1}, 3);
    for (uint64_t n = 1; n <= 1000; n++) {
        uint64_t number;
        size_t method = mix_choose(&mix, n, &number);
        assert_int_equal(number, last[method] + 1); /* the calls of a method are counted without a gap */
        last[method] = number;
        seen[method]++;
        if (n % 10 == 0) {
            assert_int_equal(seen[0], 7 * n / 10);
            assert_int_equal(seen[1], 2 * n / 10);
        }
    }
    assert_int_equal(mix_choose(&mix, 1, &last[0]), 0);
}

static struct run run_of(const struct schedule *schedule, uint64_t planned, uint64_t in_time,
                         uint64_t started)
{
    struct run run = {.concurrency = 4,
                      .schedule = schedule,
                      .planned = planned,
                      .in_time = in_time,
                      .started = started,
                      .plan_seconds = 10,
                      .seconds = 10};
    assert_int_equal(tally_init(&run.tally, 1, true, NULL), FR_OK);
    assert_int_equal(run_finish(&run, NULL), FR_OK);
    return run;
}

static void a_run_that_misses_its_rate_says_so(void **state)
{
    (void)state;
    struct schedule schedule = {.shape = SCHEDULE_CONST, .from = 100};
    struct run run = run_of(&schedule, 1000, 995, 1000);
    assert_int_equal(run.warning_count, 0);
    run_fini(&run);
    run = run_of(&schedule, 1000, 900, 1000);
    assert_int_equal(run.warning_count, 1);
    assert_non_null(strstr(run.warnings[0], "90.0 of 100.0 calls/s"));
    run_fini(&run);
    run = run_of(&schedule, 1000, 900, 950);
    assert_int_equal(run.warning_count, 2);
    assert_non_null(strstr(run.warnings[1], "50 planned calls were never sent"));
    run_fini(&run);
}

/* Also where the width doubles for them, and after slices of several threads were added up. */
static void slices_cover_a_time_without_calls(void **state)
{
    (void)state;
    static struct slices slices, other;
    slices_init(&slices);
    slices_init(&other);
    slices_record(&other, 3 * SLICES_WIDTH_US, 10);
    slices_add(&slices, &other);
    slices_cover(&slices, 0);
    assert_int_equal(slices.count, 4);
    slices_cover(&slices, 5 * SLICES_WIDTH_US);
    assert_int_equal(slices.count, 5);
    slices_record(&slices, 0, 10);
    assert_int_equal(slices.slice[0].calls, 1);
    slices_cover(&slices, SLICES * SLICES_WIDTH_US + 1);
    assert_int_equal(slices.width_us, 2 * SLICES_WIDTH_US);
    assert_int_equal(slices.count, SLICES / 2 + 1);
    assert_int_equal(calls_of(&slices), 2);
}

static void the_last_slice_is_cut_short_by_the_end_of_the_run(void **state)
{
    (void)state;
    struct run run = {.seconds = 0.12};
    assert_int_equal(tally_init(&run.tally, 1, false, NULL), FR_OK);
    tally_record(&run.tally, &(struct tally_call){.end_us = 10000});
    assert_int_equal(run_finish(&run, NULL), FR_OK);
    assert_int_equal(run.tally.slices->count, 3);
    assert_int_equal(run_whole_slices(&run), 2);
    assert_int_equal(run_slice_us(&run, 1), SLICES_WIDTH_US);
    assert_int_equal(run_slice_us(&run, 2), 20000);
    run_fini(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(latencies_keep_three_digits),
        cmocka_unit_test(a_latency_above_the_range_is_counted_and_is_the_maximum),
        cmocka_unit_test(one_slow_call_in_ten_thousand_is_p9999),
        cmocka_unit_test(both_latencies_of_an_open_loop_are_kept),
        cmocka_unit_test(failures_count_by_code_and_have_no_latency),
        cmocka_unit_test(what_was_never_sent_has_waited_since_it_was_due),
        cmocka_unit_test(slices_grow_wider_and_lose_nothing),
        cmocka_unit_test(slices_of_different_width_add_up),
        cmocka_unit_test(slices_cover_a_time_without_calls),
        cmocka_unit_test(the_last_slice_is_cut_short_by_the_end_of_the_run),
        cmocka_unit_test(weights_are_exact_and_evenly_spread),
        cmocka_unit_test(a_run_that_misses_its_rate_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
