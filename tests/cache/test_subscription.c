/* SPDX-License-Identifier: MIT */
/*
 * test_subscription.c - the rules by which a subscription is whole: stories step by step, then a simulated Redis that
 * loses, delays, cuts and begins anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
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

/*
 * The simulation. Time goes in steps of a millisecond, and in each of them anything may happen. An event is
 * `missed` from when Redis published it until it is delivered or the near cache is dropped.
 */
#define QUEUE  64
#define MISSED 4096

struct published {
    uint64_t life, number, at_us;
};

struct world {
    uint64_t random;
    uint64_t now_us;
    struct fr_subscription subscription;
    /* Redis */
    uint64_t counter, incarnation;
    bool down, silent; /* silent: what is published reaches no queue any more */
    /* The connection of the subscription */
    bool linked, acknowledging;
    uint64_t linked_incarnation;
    struct published queue[QUEUE];
    size_t queued;
    /* The question: on its way, answered, or about to be lost */
    bool asked, read;
    uint64_t answer, answer_incarnation;
    /* Published and not known to the near cache, oldest first */
    struct published missed[MISSED];
    size_t missing;
    struct published last; /* the highest number of this life, unless a stranger had the counter begin again */
    struct published told; /* number 0: nothing. Somebody told of this event, and waits until it is covered */
    uint64_t covered;      /* waits that ended while it served */
    bool stalled; /* the thread that does all this hangs, and readers go on */
    bool calm;    /* no more faults */
    uint64_t served_steps, steps, drops[FR_DROP_CAUSES];
};

/* xorshift64* (Vigna 2016). */
static bool one_in(struct world *w, uint64_t bound)
{
    w->random ^= w->random >> 12;
    w->random ^= w->random << 25;
    w->random ^= w->random >> 27;
    return (w->random * UINT64_C(0x2545f4914f6cdd1d) >> 33) % bound == 0;
}

static bool fault(struct world *w, uint64_t bound)
{
    return !w->calm && one_in(w, bound);
}

static void cut(struct world *w)
{
    w->linked = w->acknowledging = w->silent = false;
    w->queued = 0;
}

static void act(struct world *w, struct fr_subscription_actions actions)
{
    if (actions.drop) {
        w->missing = 0;
        w->drops[actions.cause]++;
    }
    if (actions.reconnect) {
        cut(w);
    }
    if (actions.ask) {
        assert_false(w->asked);
        w->asked = true;
        w->read = false;
    }
}

static void publish(struct world *w)
{
    w->counter = w->counter == 0 ? w->now_us : w->counter + 1;
    struct published event = {.life = w->incarnation, .number = w->counter, .at_us = w->now_us};
    if (w->linked && !w->silent && w->queued < QUEUE) {
        w->queue[w->queued++] = event;
    }
    assert_true(w->missing < MISSED);
    w->missed[w->missing++] = event;
    if (event.life != w->last.life || event.number > w->last.number) {
        w->last = event;
        w->told = w->told.number == 0 ? event : w->told;
    }
}

static bool is_missed(const struct world *w, const struct published *event)
{
    for (size_t i = 0; i < w->missing; i++) {
        if (w->missed[i].number == event->number && w->missed[i].life == event->life) {
            return true;
        }
    }
    return false;
}

/* Within one life of Redis: here its end leaves connections as they are. */
static void check_told(struct world *w, bool serves)
{
    const struct published *told = &w->told;
    if (told->life != w->incarnation) {
        w->told.number = 0;
    }
    if (told->number == 0 || !fr_subscription_covers(&w->subscription, (struct fr_event_id){told->number, told->life},
                                                     told->at_us)) {
        return;
    }
    if (serves && is_missed(w, told)) {
        fail_msg("serves at %llu us although event %llu was missed, and says that it covers it",
                 (unsigned long long)w->now_us, (unsigned long long)told->number);
    }
    w->covered += serves;
    w->told.number = 0;
}

static void deliver(struct world *w)
{
    struct published event = w->queue[0];
    memmove(w->queue, w->queue + 1, --w->queued * sizeof w->queue[0]);
    for (size_t i = 0; i < w->missing; i++) {
        if (w->missed[i].number == event.number && w->missed[i].life == event.life) {
            memmove(&w->missed[i], &w->missed[i + 1], (--w->missing - i) * sizeof w->missed[0]);
            break;
        }
    }
    act(w, fr_subscription_event(&w->subscription, event.number, w->now_us));
}

static void nemesis(struct world *w)
{
    if (fault(w, 3000)) {
        w->counter = 0;
    }
    if (fault(w, 3000)) { /* restarted with an old counter, or promoted with its connections kept */
        w->incarnation++;
        w->counter -= w->counter > 3 && one_in(w, 2) ? 3 : 0;
        if (one_in(w, 2) && w->linked) {
            cut(w);
            act(w, fr_subscription_lost(&w->subscription));
        }
    }
    w->down = w->calm ? false : w->down ? !one_in(w, 200) : one_in(w, 3000);
    if (fault(w, 2000) && w->linked) {
        w->silent = true;
    }
    if (fault(w, 500) && w->queued > 0) { /* an event is lost */
        memmove(w->queue, w->queue + 1, --w->queued * sizeof w->queue[0]);
    }
    if (fault(w, 2000) && w->linked) {
        cut(w);
        act(w, fr_subscription_lost(&w->subscription));
    }
    if (fault(w, 3000)) { /* a stranger counts */
        w->counter++;
    }
    if (fault(w, 5000)) { /* this process sleeps, and Redis goes on */
        for (unsigned i = 0; i < 1000; i++) {
            w->now_us += MS;
            if (!w->down && one_in(w, 100)) {
                publish(w);
            }
        }
    }
}

static void redis_and_network(struct world *w)
{
    if (!w->down && one_in(w, 10)) {
        publish(w);
    }
    if (!w->down && w->asked && !w->read && one_in(w, 2)) {
        w->counter = w->counter == 0 ? w->now_us : w->counter;
        w->answer = w->counter;
        w->answer_incarnation = w->incarnation;
        w->read = true;
    }
    if (w->asked && (w->read ? one_in(w, w->calm ? 2 : 20) : w->down && one_in(w, 400))) {
        w->asked = false;
        act(w, w->read
                   ? fr_subscription_answered(&w->subscription, w->answer, w->answer_incarnation, w->now_us)
                   : fr_subscription_unanswered(&w->subscription));
    }
    if (!w->down && !w->linked && one_in(w, 20)) {
        w->linked = w->acknowledging = true;
        w->linked_incarnation = w->incarnation;
    }
    if (w->acknowledging && one_in(w, 4)) {
        w->acknowledging = false;
        act(w, fr_subscription_acknowledged(&w->subscription, w->linked_incarnation, w->now_us));
    }
    while (w->queued > 0 && !w->acknowledging && !one_in(w, 4)) {
        deliver(w);
    }
}

static void check(struct world *w)
{
    const struct fr_subscription *s = &w->subscription;
    bool serves = w->now_us < s->serves_until_us;
    assert_true(s->stage == FR_SUBSCRIPTION_WHOLE || s->serves_until_us == 0);
    if (serves && w->missing > 0 && w->missed[0].at_us + 2 * PERIOD <= w->now_us) {
        fail_msg("serves at %llu us although event %llu of %llu us was missed", (unsigned long long)w->now_us,
                 (unsigned long long)w->missed[0].number, (unsigned long long)w->missed[0].at_us);
    }
    check_told(w, serves);
    w->served_steps += serves;
    w->steps++;
}

static void step(struct world *w)
{
    w->now_us += MS;
    w->stalled = w->calm ? false : w->stalled ? !one_in(w, 300) : one_in(w, 2000);
    if (w->stalled) {
        if (!w->down && one_in(w, 50)) {
            publish(w);
        }
        check(w);
        return;
    }
    nemesis(w);
    uint64_t wake_us = fr_subscription_wake_us(&w->subscription);
    if (wake_us != 0 && wake_us <= w->now_us && !fault(w, 3)) {
        act(w, fr_subscription_tick(&w->subscription, w->now_us));
    }
    check(w);
    redis_and_network(w);
    check(w);
    /* What was missed while nothing was served is of no interest: a drop comes before anything is. */
    if (w->subscription.stage != FR_SUBSCRIPTION_WHOLE) {
        w->missing = 0;
    }
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL && text[0] != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

static void nothing_is_missed_for_more_than_two_periods_while_it_serves(void **state)
{
    (void)state;
    static struct world w;
    uint64_t seed = from_environment("FRESHET_SEED", 20240607),
             steps = from_environment("FRESHET_STEPS", 400000);
    print_message("FRESHET_SEED=%llu FRESHET_STEPS=%llu\n", (unsigned long long)seed,
                  (unsigned long long)steps);
    w.random = seed * 2 + 1; /* never 0 */
    w.now_us = START;
    w.counter = w.incarnation = 1;
    while (w.steps < 2 * steps) {
        step(&w);
    }
    /* Everything came about, and it is worth having. */
    for (unsigned i = 0; i < FR_DROP_CAUSES; i++) {
        print_message("dropped for %s: %llu\n", fr_drop_cause_name(i), (unsigned long long)w.drops[i]);
        assert_true(w.drops[i] > steps / 50000);
    }
    assert_true(w.served_steps > w.steps / 4);
    assert_true(w.covered > w.steps / 500);
    /* Without faults it serves soon, and without a break. */
    w.calm = true;
    for (unsigned i = 0; i < 2000; i++) {
        step(&w);
    }
    uint64_t served = w.served_steps;
    for (unsigned i = 0; i < 5000; i++) {
        step(&w);
    }
    assert_int_equal(w.served_steps - served, 10000);
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
        cmocka_unit_test(nothing_is_missed_for_more_than_two_periods_while_it_serves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
