/* SPDX-License-Identifier: MIT */
/*
 * test_read_path.c - every event in every state that a read below the near cache can be in.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/random.h"
#include "cache/read_path.h"

/* Feeds the events and gives the action after the last of them. */
static enum fr_read_action after(struct fr_read_state *state, enum fr_read_role role, const enum fr_read_event_kind *events,
                                 size_t count)
{
    enum fr_read_action action = FR_READ_ANSWER;
    *state = (struct fr_read_state){.role = role};
    for (size_t i = 0; i < count; i++) {
        action = fr_read_step(state, events[i]);
    }
    return action;
}

static struct fr_read_state last;

#define AFTER(role, ...)                                                                                     \
    after(&last, role, (const enum fr_read_event_kind[]){FR_EVENT_START, __VA_ARGS__},                       \
          sizeof((const enum fr_read_event_kind[]){FR_EVENT_START, __VA_ARGS__}) / sizeof(enum fr_read_event_kind))
#define CONSUMER(...) AFTER(FR_READ_CONSUMER, __VA_ARGS__)
#define ORIGIN(...)   AFTER(FR_READ_ORIGIN, __VA_ARGS__)

/* ---- consumer ---- */

static void a_consumer_begins_with_a_get(void **state)
{
    (void)state;
    last = (struct fr_read_state){.role = FR_READ_CONSUMER};
    assert_int_equal(fr_read_step(&last, FR_EVENT_START), FR_READ_GET);
    assert_false(last.leased);
}

static void a_hit_is_answered(void **state)
{
    (void)state;
    assert_int_equal(CONSUMER(FR_EVENT_HIT), FR_READ_ANSWER);
    assert_int_equal(ORIGIN(FR_EVENT_HIT), FR_READ_ANSWER);
}

static void a_consumers_miss_is_loaded_and_never_filled(void **state)
{
    (void)state;
    assert_int_equal(CONSUMER(FR_EVENT_MISS), FR_READ_LOAD);
    assert_int_equal(CONSUMER(FR_EVENT_MISS, FR_EVENT_LOADED), FR_READ_ANSWER);
    assert_int_equal(CONSUMER(FR_EVENT_MISS, FR_EVENT_LOAD_FAILED), FR_READ_ANSWER);
    assert_false(last.leased);
}

static void a_consumer_without_redis_loads_and_answers(void **state)
{
    (void)state;
    assert_int_equal(CONSUMER(FR_EVENT_UNREACHABLE), FR_READ_LOAD);
    assert_int_equal(CONSUMER(FR_EVENT_UNREACHABLE, FR_EVENT_LOADED), FR_READ_ANSWER);
    assert_int_equal(CONSUMER(FR_EVENT_UNREACHABLE, FR_EVENT_LOAD_FAILED), FR_READ_ANSWER);
}

/* ---- origin ---- */

static void an_origin_begins_with_a_lease(void **state)
{
    (void)state;
    last = (struct fr_read_state){.role = FR_READ_ORIGIN};
    assert_int_equal(fr_read_step(&last, FR_EVENT_START), FR_READ_LEASE);
    assert_false(last.leased);
}

static void a_granted_lease_is_loaded_then_filled_then_answered(void **state)
{
    (void)state;
    assert_int_equal(ORIGIN(FR_EVENT_GRANTED), FR_READ_LOAD);
    assert_true(last.leased);
    assert_int_equal(ORIGIN(FR_EVENT_GRANTED, FR_EVENT_LOADED), FR_READ_FILL);
    assert_int_equal(ORIGIN(FR_EVENT_GRANTED, FR_EVENT_LOADED, FR_EVENT_FILLED), FR_READ_ANSWER);
}

static void a_failed_load_is_never_filled_and_gives_its_lease_back(void **state)
{
    (void)state;
    assert_int_equal(ORIGIN(FR_EVENT_GRANTED, FR_EVENT_LOAD_FAILED), FR_READ_RELEASE);
    assert_int_equal(ORIGIN(FR_EVENT_GRANTED, FR_EVENT_LOAD_FAILED, FR_EVENT_RELEASED), FR_READ_ANSWER);
    assert_int_equal(ORIGIN(FR_EVENT_UNREACHABLE, FR_EVENT_LOAD_FAILED), FR_READ_ANSWER);
    assert_int_equal(ORIGIN(FR_EVENT_BUSY, FR_EVENT_PAUSED, FR_EVENT_GRANTED, FR_EVENT_LOAD_FAILED), FR_READ_RELEASE);
}

static void an_unreachable_redis_is_never_filled(void **state)
{
    (void)state;
    assert_int_equal(ORIGIN(FR_EVENT_UNREACHABLE), FR_READ_LOAD);
    assert_false(last.leased);
    assert_int_equal(ORIGIN(FR_EVENT_UNREACHABLE, FR_EVENT_LOADED), FR_READ_ANSWER);
}

static void a_redis_lost_while_waiting_is_never_filled(void **state)
{
    (void)state;
    assert_int_equal(ORIGIN(FR_EVENT_BUSY, FR_EVENT_PAUSED, FR_EVENT_UNREACHABLE), FR_READ_LOAD);
    assert_false(last.leased);
    assert_int_equal(ORIGIN(FR_EVENT_BUSY, FR_EVENT_PAUSED, FR_EVENT_UNREACHABLE, FR_EVENT_LOADED), FR_READ_ANSWER);
}

static void somebody_elses_lease_is_waited_for_and_asked_for_again(void **state)
{
    (void)state;
    assert_int_equal(ORIGIN(FR_EVENT_BUSY), FR_READ_PAUSE);
    assert_int_equal(last.pauses, 1);
    assert_int_equal(ORIGIN(FR_EVENT_BUSY, FR_EVENT_PAUSED), FR_READ_LEASE);
    assert_int_equal(ORIGIN(FR_EVENT_BUSY, FR_EVENT_PAUSED, FR_EVENT_HIT), FR_READ_ANSWER);
    assert_false(last.leased);
}

static void every_wait_counts_for_the_back_off(void **state)
{
    (void)state;
    last = (struct fr_read_state){.role = FR_READ_ORIGIN};
    fr_read_step(&last, FR_EVENT_START);
    for (unsigned i = 1; i <= 100; i++) {
        assert_int_equal(fr_read_step(&last, FR_EVENT_BUSY), FR_READ_PAUSE);
        assert_int_equal(last.pauses, i);
        assert_int_equal(fr_read_step(&last, FR_EVENT_PAUSED), FR_READ_LEASE);
        assert_false(last.leased);
    }
}

static void a_lease_after_waiting_is_filled(void **state)
{
    (void)state;
    assert_int_equal(ORIGIN(FR_EVENT_BUSY, FR_EVENT_PAUSED, FR_EVENT_GRANTED), FR_READ_LOAD);
    assert_int_equal(ORIGIN(FR_EVENT_BUSY, FR_EVENT_PAUSED, FR_EVENT_GRANTED, FR_EVENT_LOADED), FR_READ_FILL);
}

/* ---- old values, refreshes, demands ---- */

#define WITH(state, ...)                                                                                     \
    with((state), (const enum fr_read_event_kind[]){FR_EVENT_START, __VA_ARGS__},                            \
         sizeof((const enum fr_read_event_kind[]){FR_EVENT_START, __VA_ARGS__}) / sizeof(enum fr_read_event_kind))
#define STATE(...) ((struct fr_read_state){__VA_ARGS__})

static enum fr_read_action with(struct fr_read_state state, const enum fr_read_event_kind *events, size_t count)
{
    enum fr_read_action action = FR_READ_ANSWER;
    last = state;
    for (size_t i = 0; i < count; i++) {
        action = fr_read_step(&last, events[i]);
    }
    return action;
}

static void who_reads_and_loads_gets_first_and_leases_then(void **state)
{
    (void)state;
    last = STATE(.role = FR_READ_BOTH);
    assert_int_equal(fr_read_step(&last, FR_EVENT_START), FR_READ_GET);
    assert_int_equal(fr_read_step(&last, FR_EVENT_MISS), FR_READ_LEASE);
    assert_int_equal(fr_read_step(&last, FR_EVENT_GRANTED), FR_READ_LOAD);
    assert_int_equal(fr_read_step(&last, FR_EVENT_LOADED), FR_READ_FILL);
}

static void an_old_value_is_loaded_anew(void **state)
{
    (void)state;
    assert_int_equal(WITH(STATE(.role = FR_READ_CONSUMER, .old = true), FR_EVENT_OLD), FR_READ_LOAD);
    assert_int_equal(WITH(STATE(.role = FR_READ_BOTH, .old = true), FR_EVENT_OLD), FR_READ_LEASE);
    assert_int_equal(WITH(STATE(.role = FR_READ_CONSUMER, .old = true), FR_EVENT_OLD, FR_EVENT_LOADED), FR_READ_ANSWER);
}

static void an_old_value_serves_only_when_the_origin_cannot_be_reached(void **state)
{
    (void)state;
    const struct fr_read_state consumer = {.role = FR_READ_CONSUMER, .old = true};
    const struct fr_read_state origin = {.role = FR_READ_ORIGIN, .old = true};
    assert_int_equal(WITH(consumer, FR_EVENT_OLD, FR_EVENT_LOAD_FAILED), FR_READ_ANSWER_OLD);
    assert_int_equal(WITH(consumer, FR_EVENT_OLD, FR_EVENT_LOAD_REFUSED), FR_READ_ANSWER);
    assert_int_equal(WITH(origin, FR_EVENT_GRANTED, FR_EVENT_LOAD_FAILED), FR_READ_RELEASE);
    assert_int_equal(WITH(origin, FR_EVENT_GRANTED, FR_EVENT_LOAD_FAILED, FR_EVENT_RELEASED), FR_READ_ANSWER_OLD);
    assert_int_equal(WITH(origin, FR_EVENT_GRANTED, FR_EVENT_LOAD_REFUSED, FR_EVENT_RELEASED), FR_READ_ANSWER);
    assert_int_equal(WITH(STATE(.role = FR_READ_CONSUMER), FR_EVENT_OLD, FR_EVENT_LOAD_FAILED), FR_READ_ANSWER);
}

static void who_waited_too_long_takes_the_old_value_and_no_lease(void **state)
{
    (void)state;
    assert_int_equal(WITH(STATE(.role = FR_READ_ORIGIN, .old = true), FR_EVENT_BUSY, FR_EVENT_LATE), FR_READ_ANSWER_OLD);
    assert_int_equal(WITH(STATE(.role = FR_READ_ORIGIN), FR_EVENT_BUSY, FR_EVENT_LATE), FR_READ_ANSWER);
}

static void only_cached_never_loads(void **state)
{
    (void)state;
    for (int role = FR_READ_BOTH; role <= FR_READ_ORIGIN; role++) {
        const struct fr_read_state asked = {.role = (enum fr_read_role)role, .only_cached = true, .old = true};
        last = asked;
        assert_int_equal(fr_read_step(&last, FR_EVENT_START), FR_READ_GET);
        assert_int_equal(WITH(asked, FR_EVENT_HIT), FR_READ_ANSWER);
        assert_int_equal(WITH(asked, FR_EVENT_MISS), FR_READ_ANSWER_NONE);
        assert_int_equal(WITH(asked, FR_EVENT_OLD), FR_READ_ANSWER_NONE);
        assert_int_equal(WITH(asked, FR_EVENT_UNREACHABLE), FR_READ_ANSWER_NONE);
    }
}

static void no_cache_looks_at_nothing_but_still_leases(void **state)
{
    (void)state;
    last = STATE(.role = FR_READ_CONSUMER, .forced = true);
    assert_int_equal(fr_read_step(&last, FR_EVENT_START), FR_READ_LOAD);
    last = STATE(.role = FR_READ_BOTH, .forced = true);
    assert_int_equal(fr_read_step(&last, FR_EVENT_START), FR_READ_LEASE);
    last = STATE(.role = FR_READ_ORIGIN, .forced = true);
    assert_int_equal(fr_read_step(&last, FR_EVENT_START), FR_READ_LEASE);
}

static void a_refresh_gives_up_rather_than_wait(void **state)
{
    (void)state;
    const struct fr_read_state refresh = {.role = FR_READ_BOTH, .refresh = true, .old = true};
    last = refresh;
    assert_int_equal(fr_read_step(&last, FR_EVENT_START), FR_READ_GET);
    assert_int_equal(WITH(refresh, FR_EVENT_HIT), FR_READ_ANSWER);
    assert_int_equal(WITH(refresh, FR_EVENT_OLD), FR_READ_LEASE);
    assert_int_equal(WITH(refresh, FR_EVENT_OLD, FR_EVENT_BUSY), FR_READ_ANSWER_NONE);
    assert_int_equal(WITH(refresh, FR_EVENT_UNREACHABLE), FR_READ_ANSWER_NONE);
    assert_int_equal(WITH(refresh, FR_EVENT_OLD, FR_EVENT_UNREACHABLE), FR_READ_ANSWER_NONE);
    assert_int_equal(WITH(refresh, FR_EVENT_OLD, FR_EVENT_GRANTED, FR_EVENT_LOADED), FR_READ_FILL);
}

/* ---- all of them, over all paths ---- */

/* What may come of an action; the driver feeds nothing else. */
static const struct {
    enum fr_read_event_kind events[4];
    unsigned count;
} outcomes[] = {
    [FR_READ_GET] = {{FR_EVENT_HIT, FR_EVENT_OLD, FR_EVENT_MISS, FR_EVENT_UNREACHABLE}, 4},
    [FR_READ_LEASE] = {{FR_EVENT_HIT, FR_EVENT_GRANTED, FR_EVENT_BUSY, FR_EVENT_UNREACHABLE}, 4},
    [FR_READ_PAUSE] = {{FR_EVENT_PAUSED, FR_EVENT_LATE}, 2},
    [FR_READ_LOAD] = {{FR_EVENT_LOADED, FR_EVENT_LOAD_FAILED, FR_EVENT_LOAD_REFUSED}, 3},
    [FR_READ_FILL] = {{FR_EVENT_FILLED}, 1},
    [FR_READ_RELEASE] = {{FR_EVENT_RELEASED}, 1},
};

static bool is_end(enum fr_read_action action)
{
    return action == FR_READ_ANSWER || action == FR_READ_ANSWER_OLD || action == FR_READ_ANSWER_NONE;
}

/* The states that a driver begins with. */
static struct fr_read_state start_of(unsigned number)
{
    struct fr_read_state state = {.role = (enum fr_read_role)(number % 3)};
    number /= 3;
    state.only_cached = number % 4 == 1;
    state.forced = number % 4 == 2;
    state.refresh = number % 4 == 3;
    state.old = number / 4 % 2 == 1;
    return state;
}

#define STARTS 24

/* What happened on the way to an action. */
struct past {
    bool granted;
    unsigned loads;
    enum fr_read_event_kind event; /* the last */
};

static void check_action(const struct fr_read_state *at, enum fr_read_action action, const struct past *past)
{
    assert_true(past->loads <= 1);
    if (action == FR_READ_FILL) {
        assert_true(past->granted && past->loads == 1 && past->event == FR_EVENT_LOADED);
    }
    if (action == FR_READ_RELEASE) {
        assert_true(past->granted && past->loads == 1);
    }
    if (action == FR_READ_LOAD || action == FR_READ_LEASE || action == FR_READ_PAUSE) {
        assert_false(at->only_cached);
    }
    if (action == FR_READ_LEASE || action == FR_READ_PAUSE) {
        assert_int_not_equal(at->role, FR_READ_CONSUMER);
    }
    if (action == FR_READ_PAUSE) {
        assert_false(at->refresh);
    }
    if (action == FR_READ_ANSWER_OLD) {
        assert_true(at->old && (past->loads == 1 || past->event == FR_EVENT_LATE));
    }
    if (action == FR_READ_ANSWER_NONE) {
        assert_true(at->only_cached || at->refresh);
    }
}

/* Whatever happens: a fill only after a granted lease and one successful load, one load at most, then the end. */
static void follow(struct fr_read_state at, enum fr_read_action action, struct past past, unsigned depth)
{
    check_action(&at, action, &past);
    if (is_end(action) || depth == 0) {
        return;
    }
    for (unsigned i = 0; i < outcomes[action].count; i++) {
        enum fr_read_event_kind event = outcomes[action].events[i];
        struct fr_read_state next = at;
        enum fr_read_action then = fr_read_step(&next, event);
        struct past then_past = {
            .granted = past.granted || event == FR_EVENT_GRANTED,
            .loads = past.loads + (action == FR_READ_LOAD),
            .event = event,
        };
        assert_true(next.leased == then_past.granted);
        follow(next, then, then_past, depth - 1);
    }
}

static void on_every_path_only_a_leased_load_is_filled(void **state)
{
    (void)state;
    for (unsigned number = 0; number < STARTS; number++) {
        struct fr_read_state start = start_of(number);
        enum fr_read_action first = fr_read_step(&start, FR_EVENT_START);
        follow(start, first, (struct past){.event = FR_EVENT_START}, 12);
    }
}

static void every_path_ends_soon_after_its_last_wait(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        struct fr_read_state at = start_of(round);
        enum fr_read_action action = fr_read_step(&at, FR_EVENT_START);
        unsigned since_wait = 0;
        while (!is_end(action)) {
            since_wait = action == FR_READ_PAUSE ? 0 : since_wait + 1;
            assert_true(since_wait <= 4);
            action = fr_read_step(&at, outcomes[action].events[fr_random_below(outcomes[action].count)]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_consumer_begins_with_a_get),
        cmocka_unit_test(a_hit_is_answered),
        cmocka_unit_test(a_consumers_miss_is_loaded_and_never_filled),
        cmocka_unit_test(a_consumer_without_redis_loads_and_answers),
        cmocka_unit_test(an_origin_begins_with_a_lease),
        cmocka_unit_test(a_granted_lease_is_loaded_then_filled_then_answered),
        cmocka_unit_test(a_failed_load_is_never_filled_and_gives_its_lease_back),
        cmocka_unit_test(an_unreachable_redis_is_never_filled),
        cmocka_unit_test(a_redis_lost_while_waiting_is_never_filled),
        cmocka_unit_test(somebody_elses_lease_is_waited_for_and_asked_for_again),
        cmocka_unit_test(every_wait_counts_for_the_back_off),
        cmocka_unit_test(a_lease_after_waiting_is_filled),
        cmocka_unit_test(who_reads_and_loads_gets_first_and_leases_then),
        cmocka_unit_test(an_old_value_is_loaded_anew),
        cmocka_unit_test(an_old_value_serves_only_when_the_origin_cannot_be_reached),
        cmocka_unit_test(who_waited_too_long_takes_the_old_value_and_no_lease),
        cmocka_unit_test(only_cached_never_loads),
        cmocka_unit_test(no_cache_looks_at_nothing_but_still_leases),
        cmocka_unit_test(a_refresh_gives_up_rather_than_wait),
        cmocka_unit_test(on_every_path_only_a_leased_load_is_filled),
        cmocka_unit_test(every_path_ends_soon_after_its_last_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
