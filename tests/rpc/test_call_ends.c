/* SPDX-License-Identifier: MIT */
/*
 * test_call_ends.c - calls that end early: by deadline, by cancellation, with their channel.
 */
#include "rpc/rpc_fixture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"

static void a_call_ends_at_its_deadline_and_the_late_answer_is_dropped(void **state)
{
    struct fixture *f = *state;
    uint64_t begin_us = fr_clock_now_us(), timeout_us;
    call_past_deadline(f, HOLD, &timeout_us);
    assert_true(fr_clock_now_us() - begin_us >= timeout_us);
    fixture_wait_held(f, 1);
    fixture_release(f);
    struct fr_result result = call(f, ECHO, "next", NULL);
    assert_true(payload_is(&result, "next"));
}

static void many_late_answers_reach_no_other_call(void **state)
{
    struct fixture *f = *state;
    for (unsigned round = 0; round < 30; round++) {
        struct outcome late[8];
        for (unsigned i = 0; i < 8; i++) {
            start_call(f, HOLD, "", &(struct fr_call_options){.timeout_us = 1 + fr_random_below(5000)}, &late[i], NULL);
        }
        for (unsigned i = 0; i < 8; i++) {
            await(&late[i]);
            assert_int_equal(late[i].code, FR_DEADLINE_EXCEEDED);
        }
        fixture_release(f);
        struct fr_result result = call(f, ECHO, "mine", NULL);
        assert_int_equal(result.code, FR_OK);
        assert_true(payload_is(&result, "mine"));
    }
}

static void a_handler_sees_the_time_that_is_left(void **state)
{
    struct fixture *f = *state;
    struct fr_result result = call(f, TIMEOUT, "", &(struct fr_call_options){.timeout_us = 30 * FR_SECOND_US});
    assert_int_equal(result.code, FR_OK);
    char text[32];
    snprintf(text, sizeof text, "%.*s", (int)result.payload.size, (const char *)result.payload.data);
    assert_in_range(strtoul(text, NULL, 10), 1 * FR_SECOND_US, 30 * FR_SECOND_US);
    result = call(f, TIMEOUT, "", &(struct fr_call_options){0});
    assert_true(payload_is(&result, "0"));
}

static void the_longest_deadline_is_not_an_early_one(void **state)
{
    struct fr_result result = call(*state, LATER, "x", &(struct fr_call_options){.timeout_us = UINT64_MAX});
    assert_int_equal(result.code, FR_OK);
}

static void a_cancelled_call_ends_once(void **state)
{
    struct fixture *f = *state;
    struct outcome outcome;
    struct fr_pending *pending;
    start_call(f, HOLD, "", NULL, &outcome, &pending);
    fixture_wait_held(f, 1);
    fr_pending_cancel(pending);
    fr_pending_cancel(pending);
    await(&outcome);
    assert_int_equal(outcome.code, FR_CANCELLED);
    fixture_release(f);
    assert_int_equal(call(f, ECHO, "x", NULL).code, FR_OK);
    assert_int_equal(outcome.done, 1);
    fr_pending_cancel(pending);
    fr_pending_unref(pending);
    assert_int_equal(outcome.done, 1);
}

static void cancelling_an_ended_call_does_nothing(void **state)
{
    struct fixture *f = *state;
    struct outcome outcome;
    struct fr_pending *pending;
    start_call(f, ECHO, "x", NULL, &outcome, &pending);
    await(&outcome);
    fr_pending_cancel(pending);
    fr_pending_unref(pending);
    assert_int_equal(outcome.code, FR_OK);
    assert_int_equal(outcome.done, 1);
}

/* A cancellation, a deadline and the answer race; whoever wins, done runs once. */
static void answer_deadline_and_cancellation_together_end_a_call_once(void **state)
{
    struct fixture *f = *state;
    enum { ROUNDS = 60, CALLS = 16 };
    unsigned codes[FR_CODE_COUNT] = {0};
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct outcome outcomes[CALLS];
        struct fr_pending *pending[CALLS];
        for (unsigned i = 0; i < CALLS; i++) {
            struct fr_call_options options = {.timeout_us = 200 + fr_random_below(3000)};
            start_call(f, i % 2 == 0 ? LATER : ECHO, "x", &options, &outcomes[i], &pending[i]);
        }
        for (unsigned i = 0; i < CALLS; i++) {
            if (fr_random_below(2) == 0) {
                fr_pending_cancel(pending[i]);
            }
        }
        for (unsigned i = 0; i < CALLS; i++) {
            await(&outcomes[i]);
            fr_pending_unref(pending[i]);
            codes[outcomes[i].code]++;
        }
        assert_int_equal(call(f, ECHO, "x", NULL).code, FR_OK);
        for (unsigned i = 0; i < CALLS; i++) {
            assert_int_equal(outcomes[i].done, 1);
        }
    }
    assert_int_equal(codes[FR_OK] + codes[FR_CANCELLED] + codes[FR_DEADLINE_EXCEEDED], ROUNDS * CALLS);
    assert_true(codes[FR_CANCELLED] > 0);
}

static void freeing_a_channel_ends_each_open_call_once_as_cancelled(void **state)
{
    struct fixture *f = *state;
    enum { CALLS = 100 };
    static struct outcome outcomes[CALLS];
    for (unsigned i = 0; i < CALLS; i++) {
        start_call(f, HOLD, "", i % 2 == 0 ? NULL : &(struct fr_call_options){.timeout_us = FR_TEST_PATIENCE_US},
                   &outcomes[i], NULL);
    }
    fixture_wait_held(f, CALLS);
    fr_channel_free(f->channel);
    f->channel = NULL;
    for (unsigned i = 0; i < CALLS; i++) {
        assert_int_equal(outcomes[i].done, 1);
        assert_int_equal(outcomes[i].code, FR_CANCELLED);
    }
}

static void freeing_a_channel_right_after_starting_calls_ends_each_once(void **state)
{
    struct fixture *f = *state;
    for (unsigned round = 0; round < 50; round++) {
        struct outcome outcomes[20];
        fr_channel_free(f->channel);
        f->channel = fixture_channel(f->address);
        if (round % 2 == 0) {
            assert_int_equal(call(f, ECHO, "x", NULL).code, FR_OK);
        }
        for (unsigned i = 0; i < 20; i++) {
            start_call(f, i % 2 == 0 ? ECHO : LATER, "x", NULL, &outcomes[i], NULL);
        }
        fr_channel_free(f->channel);
        f->channel = NULL;
        for (unsigned i = 0; i < 20; i++) {
            assert_int_equal(outcomes[i].done, 1);
            assert_true(outcomes[i].code == FR_CANCELLED || outcomes[i].code == FR_OK);
        }
    }
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(a_call_ends_at_its_deadline_and_the_late_answer_is_dropped),
        FACT(many_late_answers_reach_no_other_call),
        FACT(a_handler_sees_the_time_that_is_left),
        FACT(the_longest_deadline_is_not_an_early_one),
        FACT(a_cancelled_call_ends_once),
        FACT(cancelling_an_ended_call_does_nothing),
        FACT(answer_deadline_and_cancellation_together_end_a_call_once),
        FACT(freeing_a_channel_ends_each_open_call_once_as_cancelled),
        FACT(freeing_a_channel_right_after_starting_calls_ends_each_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
