/* SPDX-License-Identifier: MIT */
/*
 * test_event.c - what names the event of a write, and what does not. That it is told: tests/e2e/test_read_your_writes.py.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cached/event.h"

static bool find(const char *value, struct fr_event_id *ret_event)
{
    const struct fr_metadata_entry entries[] = {{fr_bytes_of("x-cache-event"), fr_bytes_of(value)}};
    return fr_event_find((struct fr_metadata){.entries = entries, .count = 1}, ret_event);
}

static void number_and_incarnation_are_read(void **state)
{
    (void)state;
    struct fr_event_id event;
    assert_true(find("1763918912000123@18446744073709551615", &event));
    assert_int_equal(event.number, 1763918912000123);
    assert_int_equal(event.incarnation, UINT64_MAX);
}

static void anything_else_names_no_event(void **state)
{
    (void)state;
    static const char *const values[] = {"",    "@",     "12",   "12@",   "@7",
                                         "1@2@3", "x@7", "12@x", "-1@7", "12 @7", "18446744073709551616@7"};
    struct fr_event_id event = {3, 4};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        assert_false(find(values[i], &event));
    }
    assert_false(fr_event_find((struct fr_metadata){0}, &event));
    assert_int_equal(event.number, 3);
    assert_int_equal(event.incarnation, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_and_incarnation_are_read),
        cmocka_unit_test(anything_else_names_no_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
