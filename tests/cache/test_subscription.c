/* SPDX-License-Identifier: MIT */
/*
 * test_subscription.c - the rules by which a subscription is whole, as stories step by step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cache/subscription.h"

#define MS     UINT64_C(1000)
#define PERIOD FR_SUBSCRIPTION_PERIOD_US
#define START  (1000 * MS)

enum what { ACKNOWLEDGED, EVENT, ANSWERED, UNANSWERED, ASKABLE, LOST, TICK };

#define NONE    0u
#define ASK     1u
#define CONNECT 2u
#define DROP(c) (4u << (c))

/* What happens at a time after START, what has to come of it, and until when it serves then (after START too). */
struct step {
    unsigned at_ms;
    enum what what;
    uint64_t number, incarnation;
    unsigned wanted;
    unsigned serves_until_ms; /* 0: it does not serve */
};

static unsigned actions_of(struct fr_subscription_actions actions)
{
    return (actions.ask ? ASK : 0) | (actions.reconnect ? CONNECT : 0) |
           (actions.drop ? DROP(actions.cause) : 0);
}

static struct fr_subscription_actions happen(struct fr_subscription *self, enum what what, uint64_t number,
                                             uint64_t incarnation, uint64_t now_us)
{
    switch (what) {
    case ACKNOWLEDGED:
        return fr_subscription_acknowledged(self, incarnation, now_us);
    case EVENT:
        return fr_subscription_event(self, number, now_us);
    case ANSWERED:
        return fr_subscription_answered(self, number, incarnation, now_us);
    case UNANSWERED:
        return fr_subscription_unanswered(self);
    case ASKABLE:
        return fr_subscription_askable(self, now_us);
    case LOST:
        return fr_subscription_lost(self);
    default:
        return fr_subscription_tick(self, now_us);
    }
}

static void tell(struct fr_subscription *self, const struct step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct step *step = &steps[i];
        unsigned got =
            actions_of(happen(self, step->what, step->number, step->incarnation, START + step->at_ms * MS));
        uint64_t wanted_us = step->serves_until_ms != 0 ? START + step->serves_until_ms * MS : 0;
        if (got != step->wanted || self->serves_until_us != wanted_us) {
            fail_msg("step %zu at %u ms: actions %#x, not %#x; serves until %lld ms, not %u", i, step->at_ms,
                     got, step->wanted, ((long long)self->serves_until_us - (long long)START) / 1000,
                     step->serves_until_ms);
        }
    }
}

#define TELL(self, ...)                                                                                      \
    tell(self, (const struct step[]){__VA_ARGS__},                                                           \
         sizeof((const struct step[]){__VA_ARGS__}) / sizeof(struct step))

/* Whole since 0 ms with base-line 10 in life 1; the next question is due at 250 ms. */
#define BEGIN                                                                                                \
    {0, ACKNOWLEDGED, 0, 1, ASK, 0},                                                                         \
    {                                                                                                        \
        1, ANSWERED, 10, 1, DROP(FR_DROP_BASE_LINE), 500                                                     \
    }

static void it_serves_only_after_acknowledgement_base_line_and_drop(void **state)
{
    (void)state;
    struct fr_subscription s = {.stage = FR_SUBSCRIPTION_LOST};
    assert_int_equal(fr_subscription_wake_us(&s), 0);
    TELL(&s, {0, ASKABLE, 0, 0, NONE, 0}, {0, TICK, 0, 0, NONE, 0}, {0, ACKNOWLEDGED, 0, 1, ASK, 0},
         {1, EVENT, 10, 0, NONE, 0}, {2, ANSWERED, 10, 1, DROP(FR_DROP_BASE_LINE), 500},
         {3, EVENT, 11, 0, NONE, 500});
    assert_int_equal(fr_subscription_wake_us(&s), START + PERIOD);
}

static void good_questions_let_it_serve_on_from_when_they_were_asked(void **state)
{
    (void)state;
    struct fr_subscription s = {.stage = FR_SUBSCRIPTION_LOST};
    TELL(&s, BEGIN, {249, TICK, 0, 0, NONE, 500}, {250, TICK, 0, 0, ASK, 500},
         {260, ANSWERED, 10, 1, NONE, 750}, {300, EVENT, 11, 0, NONE, 750}, {499, TICK, 0, 0, NONE, 750},
         {500, TICK, 0, 0, ASK, 750}, {700, ANSWERED, 11, 1, NONE, 1000}, {750, TICK, 0, 0, ASK, 1000});
}

static void an_event_that_is_not_the_next_drops_everything(void **state)
{
    (void)state;
    static const uint64_t wrong[] = {1, 9, 10, 11, 13, 500};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct fr_subscription s = {.stage = FR_SUBSCRIPTION_LOST};
        TELL(&s, BEGIN, {2, EVENT, 11, 0, NONE, 500}, {3, EVENT, wrong[i], 0, ASK | DROP(FR_DROP_GAP), 0},
             {4, EVENT, wrong[i] + 1, 0, NONE, 0},
             {5, ANSWERED, wrong[i] + 1, 1, DROP(FR_DROP_BASE_LINE), 503},
             {6, EVENT, wrong[i] + 2, 0, NONE, 503});
    }
}

static void a_gap_ends_the_wait_for_what_was_counted(void **state)
{
    (void)state;
    struct fr_subscription s = {.stage = FR_SUBSCRIPTION_LOST};
    TELL(&s, BEGIN, {250, TICK, 0, 0, ASK, 500}, {260, ANSWERED, 13, 1, NONE, 500},
         {270, EVENT, 12, 0, ASK | DROP(FR_DROP_GAP), 0}, {520, TICK, 0, 0, NONE, 0},
         {530, ANSWERED, 13, 1, DROP(FR_DROP_BASE_LINE), 770});
}

static void events_up_to_the_base_line_may_come_after_it(void **state)
{
    (void)state;
    struct fr_subscription s = {.stage = FR_SUBSCRIPTION_LOST};
    TELL(&s, BEGIN, {2, EVENT, 8, 0, NONE, 500}, {2, EVENT, 9, 0, NONE, 500}, {3, EVENT, 10, 0, NONE, 500},
         {4, EVENT, 11, 0, NONE, 500}, {5, EVENT, 10, 0, ASK | DROP(FR_DROP_GAP), 0});
}

static void events_above_the_base_line_may_come_before_it(void **state)
{
    (void)state;
    struct fr_subscription s = {.stage = FR_SUBSCRIPTION_LOST};
    TELL(&s, {0, ACKNOWLEDGED, 0, 1, ASK, 0}, {1, EVENT, 10, 0, NONE, 0}, {1, EVENT, 11, 0, NONE, 0},
         {1, EVENT, 12, 0, NONE, 0}, {2, ANSWERED, 10, 1, DROP(FR_DROP_BASE_LINE), 500},
         {3, EVENT, 13, 0, NONE, 500}, {4, EVENT, 12, 0, ASK | DROP(FR_DROP_GAP), 0});
}

static void a_gap_between_base_line_and_what_came_before_it_is_seen(void **state)
{
    (void)state;
    struct fr_subscription s = {.stage = FR_SUBSCRIPTION_LOST};
    TELL(&s, {0, ACKNOWLEDGED, 0, 1, ASK, 0}, {1, EVENT, 12, 0, NONE, 0}, {2, ANSWERED, 10, 1, ASK, 0},
         {3, ANSWERED, 12, 1, DROP(FR_DROP_BASE_LINE), 502}, {4, EVENT, 13, 0, NONE, 502});
    /* A hole below the base-line does not matter, one above does. */
    s = (struct fr_subscription){.stage = FR_SUBSCRIPTION_LOST};
    TELL(&s, {0, ACKNOWLEDGED, 0, 1, ASK, 0}, {1, EVENT, 8, 0, NONE, 0}, {1, EVENT, 10, 0, NONE, 0},
         {1, EVENT, 11, 0, NONE, 0}, {2, ANSWERED, 10, 1, DROP(FR_DROP_BASE_LINE), 500});
    s = (struct fr_subscription){.stage = FR_SUBSCRIPTION_LOST};
    TELL(&s, {0, ACKNOWLEDGED, 0, 1, ASK, 0}, {1, EVENT, 11, 0, NONE, 0}, {1, EVENT, 13, 0, NONE, 0},
         {2, ANSWERED, 10, 1, ASK, 0});
}

static void what_was_counted_has_one_period_to_arrive(void **state)
{
    (void)state;
    struct fr_subscription s = {.stage = FR_SUBSCRIPTION_LOST};
    TELL(&s, BEGIN, {250, TICK, 0, 0, ASK, 500}, {260, ANSWERED, 12, 1, NONE, 500},
         {270, EVENT, 11, 0, NONE, 500}, {499, TICK, 0, 0, NONE, 500}, {499, EVENT, 12, 0, NONE, 750},
         {500, TICK, 0, 0, ASK, 750}, {510, ANSWERED, 13, 1, NONE, 750},
         {750, TICK, 0, 0, CONNECT | DROP(FR_DROP_SILENT), 0}, {751, LOST, 0, 0, NONE, 0},
         {760, ACKNOWLEDGED, 0, 1, ASK, 0}, {761, ANSWERED, 13, 1, DROP(FR_DROP_BASE_LINE), 1260});
}

static void a_counter_that_went_back_is_a_gap(void **state)
{
    (void)state;
    struct fr_subscription s = {.stage = FR_SUBSCRIPTION_LOST};
    TELL(&s, BEGIN, {10, EVENT, 11, 0, NONE, 500}, {250, TICK, 0, 0, ASK, 500},
         {260, ANSWERED, 10, 1, ASK | DROP(FR_DROP_GAP), 0},
         {270, ANSWERED, 10, 1, DROP(FR_DROP_BASE_LINE), 760}, {280, EVENT, 11, 0, NONE, 760});
    /* Also where the numbers stay below a base-line that nothing has followed yet. */
    s = (struct fr_subscription){.stage = FR_SUBSCRIPTION_LOST};
    TELL(&s, BEGIN, {10, EVENT, 1, 0, NONE, 500}, {20, EVENT, 2, 0, NONE, 500}, {250, TICK, 0, 0, ASK, 500},
         {260, ANSWERED, 2, 1, ASK | DROP(FR_DROP_GAP), 0},
         {270, ANSWERED, 2, 1, DROP(FR_DROP_BASE_LINE), 760});
}

static void an_answer_may_be_overtaken_by_events(void **state)
{
    (void)state;
    struct fr_subscription s = {.stage = FR_SUBSCRIPTION_LOST};
    TELL(&s, BEGIN, {250, TICK, 0, 0, ASK, 500}, {251, EVENT, 11, 0, NONE, 500},
         {252, EVENT, 12, 0, NONE, 500}, {260, ANSWERED, 11, 1, NONE, 750}, {261, EVENT, 13, 0, NONE, 750});
}

static void a_gap_while_a_question_is_open_uses_its_answer(void **state)
{
    (void)state;
    struct fr_subscription s = {.stage = FR_SUBSCRIPTION_LOST};
    TELL(&s, BEGIN, {250, TICK, 0, 0, ASK, 500}, {251, EVENT, 12, 0, DROP(FR_DROP_GAP), 0},
         {252, EVENT, 13, 0, NONE, 0}, {260, ANSWERED, 12, 1, DROP(FR_DROP_BASE_LINE), 750},
         {261, EVENT, 14, 0, NONE, 750});
    /* An answer from before what was missed is none for it. */
    s = (struct fr_subscription){.stage = FR_SUBSCRIPTION_LOST};
    TELL(&s, BEGIN, {250, TICK, 0, 0, ASK, 500}, {251, EVENT, 12, 0, DROP(FR_DROP_GAP), 0},
         {260, ANSWERED, 10, 1, ASK, 0}, {270, ANSWERED, 12, 1, DROP(FR_DROP_BASE_LINE), 760});
}

static void a_question_without_an_answer_stops_it(void **state)
{
    (void)state;
    struct fr_subscription s = {.stage = FR_SUBSCRIPTION_LOST};
    TELL(&s, BEGIN, {250, TICK, 0, 0, ASK, 500}, {251, UNANSWERED, 0, 0, DROP(FR_DROP_UNANSWERED), 0},
         {260, TICK, 0, 0, NONE, 0}, {500, TICK, 0, 0, ASK, 0}, {500, UNANSWERED, 0, 0, NONE, 0},
         {600, ASKABLE, 0, 0, ASK, 0}, {601, ASKABLE, 0, 0, NONE, 0},
         {602, ANSWERED, 10, 1, DROP(FR_DROP_BASE_LINE), 1100});
}

static void a_late_answer_makes_a_base_line_that_has_run_out(void **state)
{
    (void)state;
    struct fr_subscription s = {.stage = FR_SUBSCRIPTION_LOST};
    TELL(&s, BEGIN, {250, TICK, 0, 0, ASK, 500}, {500, TICK, 0, 0, DROP(FR_DROP_UNANSWERED), 0},
         {501, TICK, 0, 0, NONE, 0});
    assert_int_equal(fr_subscription_wake_us(&s), 0);
    TELL(&s, {900, ANSWERED, 12, 1, DROP(FR_DROP_BASE_LINE), 750}, {901, TICK, 0, 0, ASK, 750},
         {902, ANSWERED, 12, 1, NONE, 1401});
}

static void another_life_of_redis_needs_another_subscription(void **state)
{
    (void)state;
    struct fr_subscription s = {.stage = FR_SUBSCRIPTION_LOST};
    TELL(&s, BEGIN, {250, TICK, 0, 0, ASK, 500},
         {260, ANSWERED, 10, 2, CONNECT | DROP(FR_DROP_INCARNATION), 0}, {261, EVENT, 11, 0, NONE, 0},
         {262, ASKABLE, 0, 0, NONE, 0}, {900, TICK, 0, 0, NONE, 0});
    assert_int_equal(fr_subscription_wake_us(&s), 0);
    TELL(&s, {910, ACKNOWLEDGED, 0, 2, ASK, 0}, {911, ANSWERED, 10, 2, DROP(FR_DROP_BASE_LINE), 1410});
    /* Nor is there a base-line from it. */
    s = (struct fr_subscription){.stage = FR_SUBSCRIPTION_LOST};
    TELL(&s, {0, ACKNOWLEDGED, 0, 1, ASK, 0}, {1, ANSWERED, 10, 2, CONNECT, 0}, {2, TICK, 0, 0, NONE, 0});
}

static void an_answer_from_before_the_acknowledgement_counts_for_nothing(void **state)
{
    (void)state;
    struct fr_subscription s = {.stage = FR_SUBSCRIPTION_LOST};
    TELL(&s, BEGIN, {250, TICK, 0, 0, ASK, 500}, {260, LOST, 0, 0, DROP(FR_DROP_CONNECTION), 0},
         {270, ACKNOWLEDGED, 0, 1, NONE, 0}, {280, ANSWERED, 10, 1, ASK, 0},
         {290, ANSWERED, 11, 1, DROP(FR_DROP_BASE_LINE), 780});
    s = (struct fr_subscription){.stage = FR_SUBSCRIPTION_LOST};
    TELL(&s, BEGIN, {250, TICK, 0, 0, ASK, 500}, {260, LOST, 0, 0, DROP(FR_DROP_CONNECTION), 0},
         {265, ANSWERED, 10, 1, NONE, 0}, {270, ACKNOWLEDGED, 0, 1, ASK, 0});
}

static void a_stopped_process_has_stopped_serving_when_it_goes_on(void **state)
{
    (void)state;
    struct fr_subscription s = {.stage = FR_SUBSCRIPTION_LOST};
    TELL(&s, BEGIN, {10000, TICK, 0, 0, ASK, 500}, {10001, EVENT, 11, 0, NONE, 500},
         {10002, ANSWERED, 11, 1, NONE, 10500});
    s = (struct fr_subscription){.stage = FR_SUBSCRIPTION_LOST};
    TELL(&s, BEGIN, {250, TICK, 0, 0, ASK, 500}, {10000, TICK, 0, 0, DROP(FR_DROP_UNANSWERED), 0});
}

/* Whether event number of life 1, told at a time after START, is covered. */
static bool covers(const struct fr_subscription *self, uint64_t number, unsigned told_ms)
{
    return fr_subscription_covers(self, (struct fr_event_id){number, 1}, START + told_ms * MS);
}

static void an_event_is_covered_once_it_was_delivered(void **state)
{
    (void)state;
    struct fr_subscription s = {.stage = FR_SUBSCRIPTION_LOST};
    TELL(&s, BEGIN);
    assert_true(covers(&s, 10, 2)); /* it is in the base-line */
    assert_false(covers(&s, 11, 2));
    assert_false(covers(&s, 12, 2));
    TELL(&s, {3, EVENT, 11, 0, NONE, 500});
    assert_true(covers(&s, 11, 2));
    assert_false(covers(&s, 12, 2));
    TELL(&s, {4, EVENT, 12, 0, NONE, 500});
    assert_true(covers(&s, 12, 2));
}

static void every_event_is_covered_while_nothing_is_served(void **state)
{
    (void)state;
    struct fr_subscription s = {.stage = FR_SUBSCRIPTION_LOST};
    assert_true(covers(&s, 1000, 0));
    TELL(&s, BEGIN, {2, EVENT, 13, 0, DROP(FR_DROP_GAP) | ASK, 0});
    assert_true(covers(&s, 1000, 1));
    TELL(&s, {3, ANSWERED, 13, 1, DROP(FR_DROP_BASE_LINE), 502});
    assert_false(covers(&s, 1000, 3));
    TELL(&s, {4, LOST, 0, 0, DROP(FR_DROP_CONNECTION), 0});
    assert_true(covers(&s, 1000, 3));
}

/* Numbers of another life say nothing, and a number may be nonsense: what a good question found is believed. */
static void a_good_question_that_was_asked_since_covers_whatever_was_told(void **state)
{
    (void)state;
    const struct fr_event_id other_life = {5, 2};
    struct fr_subscription s = {.stage = FR_SUBSCRIPTION_LOST};
    TELL(&s, BEGIN);
    assert_false(fr_subscription_covers(&s, other_life, START + 100 * MS));
    assert_false(covers(&s, 1000, 250));
    TELL(&s, {250, TICK, 0, 0, ASK, 500}, {251, EVENT, 11, 0, NONE, 500});
    assert_false(fr_subscription_covers(&s, other_life, START + 100 * MS)); /* no answer yet */
    TELL(&s, {252, ANSWERED, 12, 1, NONE, 500});
    assert_false(fr_subscription_covers(&s, other_life, START + 100 * MS)); /* and not good yet */
    TELL(&s, {253, EVENT, 12, 0, NONE, 750});
    assert_true(fr_subscription_covers(&s, other_life, START + 100 * MS));
    assert_true(covers(&s, 1000, 249));
    assert_false(covers(&s, 1000, 250)); /* the question may have been before it */
}

static void nobody_waits_for_an_event_that_was_lost_for_more_than_two_periods(void **state)
{
    (void)state;
    struct fr_subscription s = {.stage = FR_SUBSCRIPTION_LOST};
    TELL(&s, BEGIN, {250, TICK, 0, 0, ASK, 500}, {251, ANSWERED, 11, 1, NONE, 500});
    assert_false(covers(&s, 11, 1));
    TELL(&s, {500, TICK, 0, 0, DROP(FR_DROP_SILENT) | CONNECT, 0});
    assert_true(covers(&s, 11, 1));
}

static void every_cause_has_a_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FR_DROP_CAUSES; i++) {
        assert_true(strlen(fr_drop_cause_name(i)) > 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_serves_only_after_acknowledgement_base_line_and_drop),
        cmocka_unit_test(good_questions_let_it_serve_on_from_when_they_were_asked),
        cmocka_unit_test(an_event_that_is_not_the_next_drops_everything),
        cmocka_unit_test(a_gap_ends_the_wait_for_what_was_counted),
        cmocka_unit_test(events_up_to_the_base_line_may_come_after_it),
        cmocka_unit_test(events_above_the_base_line_may_come_before_it),
        cmocka_unit_test(a_gap_between_base_line_and_what_came_before_it_is_seen),
        cmocka_unit_test(what_was_counted_has_one_period_to_arrive),
        cmocka_unit_test(a_counter_that_went_back_is_a_gap),
        cmocka_unit_test(an_answer_may_be_overtaken_by_events),
        cmocka_unit_test(a_gap_while_a_question_is_open_uses_its_answer),
        cmocka_unit_test(a_question_without_an_answer_stops_it),
        cmocka_unit_test(a_late_answer_makes_a_base_line_that_has_run_out),
        cmocka_unit_test(another_life_of_redis_needs_another_subscription),
        cmocka_unit_test(an_answer_from_before_the_acknowledgement_counts_for_nothing),
        cmocka_unit_test(a_stopped_process_has_stopped_serving_when_it_goes_on),
        cmocka_unit_test(an_event_is_covered_once_it_was_delivered),
        cmocka_unit_test(every_event_is_covered_while_nothing_is_served),
        cmocka_unit_test(a_good_question_that_was_asked_since_covers_whatever_was_told),
        cmocka_unit_test(nobody_waits_for_an_event_that_was_lost_for_more_than_two_periods),
        cmocka_unit_test(every_cause_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
