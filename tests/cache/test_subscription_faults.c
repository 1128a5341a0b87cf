/* SPDX-License-Identifier: MIT */
/*
 * test_subscription_faults.c - the rules by which a subscription is whole, before a simulated Redis that loses, delays,
 * cuts and begins anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cache/subscription.h"

#define MS     UINT64_C(1000)
#define PERIOD FR_SUBSCRIPTION_PERIOD_US
#define START  (1000 * MS)

/*
 * Time goes in steps of a millisecond, and in each of them anything may happen. An event is
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
        cmocka_unit_test(nothing_is_missed_for_more_than_two_periods_while_it_serves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
