/* SPDX-License-Identifier: MIT */
/*
 * test_retry.c - the rules of gRPC's A6, one by one.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"
#include "rpc/retry.h"

struct fixture {
    struct fr_retry_policy policy;
    struct fr_retry_throttle throttle;
};

static struct fixture fixture_of(struct fr_retry_policy policy)
{
    struct fixture self = {.policy = fr_retry_policy_complete(&policy)};
    fr_retry_throttle_init(&self.throttle, &self.policy);
    return self;
}

/* The first attempt of an idempotent call without a deadline. */
static const struct fr_retry_failure first_failure = {
    .code = FR_UNAVAILABLE,
    .attempts = 1,
    .together = 1,
    .idempotent = true,
    .time_left_us = UINT64_MAX,
};

static bool failed(struct fixture *self, struct fr_retry_failure failure, uint64_t random, uint64_t *ret_delay_us)
{
    return fr_retry_failed(&self->throttle, &self->policy, &failure, random, ret_delay_us);
}

static bool is_retried(struct fixture *self, struct fr_retry_failure failure)
{
    uint64_t delay_us;
    return failed(self, failure, fr_random_u64(), &delay_us);
}

static void defaults_stand_where_the_policy_is_silent(void **state)
{
    (void)state;
    struct fr_retry_policy policy = fixture_of((struct fr_retry_policy){0}).policy;
    assert_int_equal(policy.max_attempts, 5);
    assert_int_equal(policy.initial_backoff_us, 50 * FR_MILLISECOND_US);
    assert_int_equal(policy.max_backoff_us, FR_SECOND_US);
    assert_true(policy.multiplier == 2);
    assert_int_equal(policy.codes, 0);
    assert_int_equal(policy.max_tokens, 1000);
    assert_int_equal(policy.token_milli_ratio, 100);
}

static void what_the_policy_says_stays(void **state)
{
    (void)state;
    struct fr_retry_policy policy = fixture_of((struct fr_retry_policy){
        .max_attempts = 2,
        .initial_backoff_us = 3,
        .max_backoff_us = 4,
        .multiplier = 1.5,
        .codes = 1u << FR_ABORTED,
        .max_tokens = 6,
        .token_milli_ratio = 7,
    }).policy;
    assert_int_equal(policy.max_attempts, 2);
    assert_int_equal(policy.initial_backoff_us, 3);
    assert_int_equal(policy.max_backoff_us, 4);
    assert_true(policy.multiplier == 1.5);
    assert_int_equal(policy.codes, 1u << FR_ABORTED);
    assert_int_equal(policy.max_tokens, 6);
    assert_int_equal(policy.token_milli_ratio, 7);
}

/* ---- the pause ---- */

static uint64_t pause_us(struct fixture *self, unsigned attempts, uint64_t random)
{
    struct fr_retry_failure failure = first_failure;
    uint64_t delay_us;
    failure.attempts = attempts;
    fr_retry_throttle_init(&self->throttle, &self->policy);
    assert_true(failed(self, failure, random, &delay_us));
    return delay_us;
}

static void the_pause_is_random_below_a_bound_that_grows_to_its_maximum(void **state)
{
    (void)state;
    static const uint64_t bounds_us[] = {1000, 3000, 9000, 20000, 20000, 20000};
    struct fixture fixture = fixture_of((struct fr_retry_policy){
        .max_attempts = 1000, .initial_backoff_us = 1000, .max_backoff_us = 20000, .multiplier = 3});
    for (unsigned n = 1; n <= sizeof bounds_us / sizeof bounds_us[0]; n++) {
        uint64_t bound_us = bounds_us[n - 1], least_us = UINT64_MAX, greatest_us = 0, sum_us = 0;
        assert_int_equal(pause_us(&fixture, n, 0), 0);
        assert_int_equal(pause_us(&fixture, n, UINT64_MAX), bound_us - 1);
        assert_int_equal(pause_us(&fixture, n, UINT64_C(1) << 63), bound_us / 2);
        for (unsigned i = 0; i < 2000; i++) {
            uint64_t delay_us = pause_us(&fixture, n, fr_random_u64());
            assert_true(delay_us < bound_us);
            least_us = delay_us < least_us ? delay_us : least_us;
            greatest_us = delay_us > greatest_us ? delay_us : greatest_us;
            sum_us += delay_us;
        }
        /* Spread over the whole range: each of these fails once in more than 10^9 runs. */
        assert_true(least_us < bound_us / 50);
        assert_true(greatest_us > bound_us - bound_us / 50);
        assert_in_range(sum_us / 2000, bound_us * 2 / 5, bound_us * 3 / 5);
    }
    assert_true(pause_us(&fixture, 999, UINT64_MAX) < 20000);
}

static void an_initial_pause_over_the_maximum_is_cut(void **state)
{
    (void)state;
    struct fixture fixture =
        fixture_of((struct fr_retry_policy){.initial_backoff_us = 5000, .max_backoff_us = 2000});
    assert_int_equal(pause_us(&fixture, 1, UINT64_MAX), 1999);
    assert_int_equal(pause_us(&fixture, 4, UINT64_MAX), 1999);
}

static void the_default_pauses_double_from_50_ms_to_1_s(void **state)
{
    (void)state;
    static const uint64_t bounds_ms[] = {50, 100, 200, 400, 800, 1000, 1000};
    struct fixture fixture = fixture_of((struct fr_retry_policy){.max_attempts = 100});
    for (unsigned n = 1; n <= sizeof bounds_ms / sizeof bounds_ms[0]; n++) {
        assert_int_equal(pause_us(&fixture, n, UINT64_MAX), bounds_ms[n - 1] * FR_MILLISECOND_US - 1);
    }
}

static void a_push_back_of_more_than_a_minute_is_not_waited_for_without_a_deadline(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of((struct fr_retry_policy){0});
    struct fr_retry_failure failure = first_failure;
    failure.retry_after_us = FR_RETRY_MAX_PAUSE_US;
    assert_true(is_retried(&fixture, failure));
    failure.retry_after_us++;
    assert_false(is_retried(&fixture, failure));
    failure.retry_after_us = UINT64_MAX - 1;
    assert_false(is_retried(&fixture, failure));
    failure.retry_after_us = FR_RETRY_MAX_PAUSE_US + 1;
    failure.time_left_us = FR_RETRY_MAX_PAUSE_US + 2; /* who set a deadline said how long it waits */
    assert_true(is_retried(&fixture, failure));
}

static void push_back_is_waited_exactly_and_beats_the_backoff(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of((struct fr_retry_policy){0});
    static const uint64_t pauses_us[] = {1, 10000, 5 * FR_SECOND_US};
    for (size_t i = 0; i < 3; i++) {
        for (unsigned attempts = 1; attempts < 5; attempts++) {
            struct fr_retry_failure failure = first_failure;
            uint64_t delay_us;
            failure.retry_after_us = pauses_us[i];
            failure.attempts = attempts;
            assert_true(failed(&fixture, failure, fr_random_u64(), &delay_us));
            assert_int_equal(delay_us, pauses_us[i]);
        }
    }
}

/* ---- whether at all ---- */

static void attempts_are_bounded_with_the_first_one_counted(void **state)
{
    (void)state;
    for (unsigned most = 1; most <= 6; most++) {
        struct fixture fixture = fixture_of((struct fr_retry_policy){.max_attempts = most});
        for (unsigned attempts = 1; attempts <= 8; attempts++) {
            struct fr_retry_failure failure = first_failure;
            failure.attempts = attempts;
            assert_int_equal(is_retried(&fixture, failure), attempts < most);
            failure.retry_after_us = 1; /* a push-back gives no further attempt */
            assert_int_equal(is_retried(&fixture, failure), attempts < most);
        }
    }
}

static void a_pause_that_reaches_the_deadline_is_not_begun(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of((struct fr_retry_policy){0});
    struct fr_retry_failure failure = first_failure;
    failure.retry_after_us = 500;
    failure.time_left_us = 501;
    assert_true(is_retried(&fixture, failure));
    failure.time_left_us = 500;
    assert_false(is_retried(&fixture, failure));
    failure.time_left_us = 0;
    assert_false(is_retried(&fixture, failure));

    uint64_t delay_us = 77;
    failure.retry_after_us = 0;
    failure.time_left_us = 49999;
    assert_false(failed(&fixture, failure, UINT64_MAX, &delay_us));
    assert_int_equal(delay_us, 77); /* set only on success */
    failure.time_left_us = 50000;
    assert_true(failed(&fixture, failure, UINT64_MAX, &delay_us));
    assert_int_equal(delay_us, 49999);
}

static void by_default_only_unavailable_is_retried_and_exhaustion_with_a_push_back(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of((struct fr_retry_policy){0});
    for (unsigned code = FR_CANCELLED; code < FR_CODE_COUNT; code++) {
        struct fr_retry_failure failure = first_failure;
        failure.code = (enum fr_code)code;
        assert_int_equal(is_retried(&fixture, failure), code == FR_UNAVAILABLE);
        failure.retry_after_us = 10;
        assert_int_equal(is_retried(&fixture, failure), code == FR_UNAVAILABLE || code == FR_RESOURCE_EXHAUSTED);
    }
}

static void a_mask_of_codes_replaces_the_default(void **state)
{
    (void)state;
    struct fixture fixture =
        fixture_of((struct fr_retry_policy){.codes = 1u << FR_ABORTED | 1u << FR_UNAUTHENTICATED});
    for (unsigned code = FR_CANCELLED; code < FR_CODE_COUNT; code++) {
        struct fr_retry_failure failure = first_failure;
        failure.code = (enum fr_code)code;
        assert_int_equal(is_retried(&fixture, failure), code == FR_ABORTED || code == FR_UNAUTHENTICATED);
        failure.retry_after_us = 10;
        assert_int_equal(is_retried(&fixture, failure), code == FR_ABORTED || code == FR_UNAUTHENTICATED);
    }
}

static void what_may_not_run_twice_is_never_retried(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of((struct fr_retry_policy){.codes = UINT32_MAX});
    for (unsigned code = FR_CANCELLED; code < FR_CODE_COUNT; code++) {
        struct fr_retry_failure failure = first_failure;
        failure.code = (enum fr_code)code;
        failure.idempotent = false;
        assert_false(is_retried(&fixture, failure));
        failure.retry_after_us = 10;
        assert_false(is_retried(&fixture, failure));
    }
}

static void what_certainly_never_started_may_start_whatever_it_is_until_its_deadline(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of((struct fr_retry_policy){.max_attempts = 2, .max_tokens = 4});
    struct fr_retry_failure failure = {
        .code = FR_UNAVAILABLE, .together = 1, .not_started = true, .time_left_us = FR_SECOND_US * 60};
    for (failure.refusals = 1; failure.refusals < 100; failure.refusals++) {
        assert_true(is_retried(&fixture, failure));
    }
    assert_true(is_retried(&fixture, first_failure)); /* they took no token */
    failure.code = FR_RESOURCE_EXHAUSTED;
    assert_false(is_retried(&fixture, failure));
    failure.retry_after_us = 10;
    assert_true(is_retried(&fixture, failure));
}

static void without_a_deadline_refusals_end_with_the_attempts(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of((struct fr_retry_policy){.max_attempts = 3});
    struct fr_retry_failure failure = {
        .code = FR_UNAVAILABLE, .together = 1, .not_started = true, .time_left_us = UINT64_MAX};
    for (failure.refusals = 1; failure.refusals < 6; failure.refusals++) {
        assert_int_equal(is_retried(&fixture, failure), failure.refusals < 3);
    }
}

/* ---- the throttle ---- */

static void retries_stop_once_half_of_the_tokens_are_gone(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of((struct fr_retry_policy){.max_tokens = 10});
    for (unsigned failures = 1; failures <= 30; failures++) {
        /* With 10 tokens the fifth failure leaves half of them. */
        assert_int_equal(is_retried(&fixture, first_failure), failures < 5);
    }
}

static void by_default_the_500th_failure_in_a_row_stops_them(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of((struct fr_retry_policy){0});
    for (unsigned failures = 1; failures <= 510; failures++) {
        assert_int_equal(is_retried(&fixture, first_failure), failures < 500);
    }
}

static void successes_give_back_a_part_of_a_token_each(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of((struct fr_retry_policy){.max_tokens = 10, .token_milli_ratio = 250});
    for (unsigned failures = 0; failures < 100; failures++) {
        (void)is_retried(&fixture, first_failure);
    }
    /* Empty: it takes 24 successes to have 6 tokens, of which the next failure takes one. */
    for (unsigned successes = 0; successes < 24; successes++) {
        fr_retry_succeeded(&fixture.throttle, &fixture.policy, 1);
    }
    assert_false(is_retried(&fixture, first_failure));
    for (unsigned successes = 0; successes < 5; successes++) {
        fr_retry_succeeded(&fixture.throttle, &fixture.policy, 1);
    }
    assert_true(is_retried(&fixture, first_failure));
    assert_false(is_retried(&fixture, first_failure));
}

static void successes_never_fill_it_over_its_size(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of((struct fr_retry_policy){.max_tokens = 4, .token_milli_ratio = 3000});
    for (unsigned successes = 0; successes < 1000; successes++) {
        fr_retry_succeeded(&fixture.throttle, &fixture.policy, 1);
    }
    assert_true(is_retried(&fixture, first_failure));
    assert_false(is_retried(&fixture, first_failure));
}

static void calls_that_end_together_count_as_one(void **state)
{
    (void)state;
    struct fixture fixture =
        fixture_of((struct fr_retry_policy){.max_tokens = 10, .token_milli_ratio = 1000});
    struct fr_retry_failure failure = first_failure;
    failure.together = 10000;
    for (unsigned call = 1; call <= 4 * failure.together; call++) {
        assert_true(is_retried(&fixture, failure));
    }
    /* That was four; a fifth would be one too many, but for the success of as many. */
    for (unsigned call = 1; call <= 10000; call++) {
        fr_retry_succeeded(&fixture.throttle, &fixture.policy, 10000);
    }
    assert_true(is_retried(&fixture, first_failure));
    assert_false(is_retried(&fixture, first_failure));
}

/* Failures that say nothing of the server's health take no token; those of calls that may not be retried do. */
static void only_failures_with_a_retried_code_count(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of((struct fr_retry_policy){.max_tokens = 10});
    struct fr_retry_failure failure = first_failure;
    failure.code = FR_NOT_FOUND;
    for (unsigned i = 0; i < 100; i++) {
        assert_false(is_retried(&fixture, failure));
    }
    failure = first_failure;
    failure.idempotent = false;
    for (unsigned i = 0; i < 4; i++) {
        assert_false(is_retried(&fixture, failure));
    }
    assert_false(is_retried(&fixture, first_failure)); /* the fifth */
}

static void a_push_back_does_not_pass_the_throttle(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of((struct fr_retry_policy){.max_tokens = 2});
    struct fr_retry_failure failure = first_failure;
    failure.retry_after_us = 10;
    assert_false(is_retried(&fixture, failure));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_stand_where_the_policy_is_silent),
        cmocka_unit_test(what_the_policy_says_stays),
        cmocka_unit_test(the_pause_is_random_below_a_bound_that_grows_to_its_maximum),
        cmocka_unit_test(an_initial_pause_over_the_maximum_is_cut),
        cmocka_unit_test(the_default_pauses_double_from_50_ms_to_1_s),
        cmocka_unit_test(a_push_back_of_more_than_a_minute_is_not_waited_for_without_a_deadline),
        cmocka_unit_test(push_back_is_waited_exactly_and_beats_the_backoff),
        cmocka_unit_test(attempts_are_bounded_with_the_first_one_counted),
        cmocka_unit_test(a_pause_that_reaches_the_deadline_is_not_begun),
        cmocka_unit_test(by_default_only_unavailable_is_retried_and_exhaustion_with_a_push_back),
        cmocka_unit_test(a_mask_of_codes_replaces_the_default),
        cmocka_unit_test(what_may_not_run_twice_is_never_retried),
        cmocka_unit_test(what_certainly_never_started_may_start_whatever_it_is_until_its_deadline),
        cmocka_unit_test(without_a_deadline_refusals_end_with_the_attempts),
        cmocka_unit_test(retries_stop_once_half_of_the_tokens_are_gone),
        cmocka_unit_test(by_default_the_500th_failure_in_a_row_stops_them),
        cmocka_unit_test(successes_give_back_a_part_of_a_token_each),
        cmocka_unit_test(successes_never_fill_it_over_its_size),
        cmocka_unit_test(calls_that_end_together_count_as_one),
        cmocka_unit_test(only_failures_with_a_retried_code_count),
        cmocka_unit_test(a_push_back_does_not_pass_the_throttle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
