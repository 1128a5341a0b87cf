/* SPDX-License-Identifier: MIT */
/*
 * test_error_details.c - what travels with an error, from the handler to the caller.
 */
#include "rpc/rpc_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

static void assert_details(const struct fr_result *result, unsigned count)
{
    assert_int_equal(result->code, FR_FAILED_PRECONDITION);
    assert_string_equal(result->message, "not now");
    assert_int_equal(result->retry_after_us, 1500);
    assert_true(fr_bytes_equal(fr_metadata_find(result->metadata, "beside"), fr_bytes_of("them")));
    assert_int_equal(result->details.count, count);
    for (unsigned i = 0; i < count; i++) {
        const struct fr_detail *detail = &result->details.entries[i];
        char type[64];
        snprintf(type, sizeof type, "type.googleapis.com/test.v1.Detail%u", i);
        assert_true(fr_bytes_equal(detail->type_url, fr_bytes_of(type)));
        assert_int_equal(detail->value.size, i);
        for (unsigned k = 0; k < i; k++) {
            assert_int_equal(detail->value.data[k], 0);
        }
    }
}

static void an_error_has_details_metadata_and_a_time_to_wait(void **state)
{
    struct fr_result result = call(*state, DETAILS, "3", NULL);
    assert_details(&result, 3);
}

static void details_beyond_the_most_are_dropped(void **state)
{
    struct fr_result result = call(*state, DETAILS, "20", NULL);
    assert_details(&result, FR_MAX_DETAILS);
}

static void an_error_may_have_none(void **state)
{
    struct fr_result result = call(*state, DETAILS, "0", NULL);
    assert_details(&result, 0);
    result = call(*state, FAIL, "5 plain", NULL);
    assert_int_equal(result.code, FR_NOT_FOUND);
    assert_int_equal(result.details.count, 0);
    assert_int_equal(result.retry_after_us, 0);
}

/* Borrowed until done returns, so they are looked at there. */
struct seen {
    struct fr_wait wait;
    uint64_t done; /* guarded by wait */
    unsigned count;
    bool right;
};

static void look(void *argument, const struct fr_result *result)
{
    struct seen *seen = argument;
    fr_wait_lock(&seen->wait);
    seen->count = (unsigned)result->details.count;
    seen->right = seen->count == 1 && fr_bytes_equal(result->details.entries[0].type_url, fr_bytes_of("late")) &&
                  fr_bytes_equal(result->details.entries[0].value, fr_bytes_of("value"));
    seen->done++;
    fr_wait_unlock_changed(&seen->wait);
}

static void a_late_error_has_details_too(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    fr_wait_init(&seen.wait);
    fr_channel_start(f->channel, HOLD, (struct fr_bytes){0}, NULL, look, &seen, NULL);
    fixture_wait_held(f, 1);
    fr_call_add_detail(f->held[0], "late", fr_bytes_of("value"));
    fr_call_fail(f->held[0], FR_ABORTED, "late");
    f->released = 1;
    assert_true(fr_wait_for(&seen.wait, &seen.done, 1, FR_TEST_PATIENCE_US));
    assert_int_equal(seen.count, 1);
    assert_true(seen.right);
    fr_wait_fini(&seen.wait);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(an_error_has_details_metadata_and_a_time_to_wait),
        FACT(details_beyond_the_most_are_dropped),
        FACT(an_error_may_have_none),
        FACT(a_late_error_has_details_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
