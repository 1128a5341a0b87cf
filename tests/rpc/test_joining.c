/* SPDX-License-Identifier: MIT */
/*
 * test_joining.c - calls that start while others complete or are under way: with which message they leave.
 */
#include "rpc/rpc_fixture.h"

#include <pthread.h>
#include <sched.h>

#include "base/clock.h"
#include "rpc/channel_internal.h"
#include "rpc/wire.h"

#define ROUNDS 20

static struct wire server;

static int open_wire(void **state)
{
    fixture_open_bare(state);
    fixture_use_wire(*state, &server);
    return 0;
}

static int close_wire(void **state)
{
    wire_finish(&server);
    return fixture_close(state);
}

/* Whether something was left to a lane a moment ago. */
static bool is_waited_for(struct fr_channel *channel)
{
    pthread_mutex_lock(&channel->mu);
    bool waited_for = channel->joining;
    pthread_mutex_unlock(&channel->mu);
    return waited_for;
}

/* Runs run on a thread of its own, to its end. */
static void elsewhere(void *(*run)(void *), void *argument)
{
    pthread_t thread;
    FR_ASSERT(pthread_create(&thread, NULL, run, argument) == 0);
    pthread_join(thread, NULL);
}

/* A call whose done starts two: one from another thread, then one itself. */
struct family {
    struct fixture *f;
    struct outcome elsewhere, here;
};

static void *start_elsewhere(void *argument)
{
    struct family *self = argument;
    start_call(self->f, ECHO, "elsewhere", NULL, &self->elsewhere, NULL);
    return NULL;
}

static void start_both(void *argument, const struct fr_result *result)
{
    struct family *self = argument;
    (void)result;
    elsewhere(start_elsewhere, self);
    start_call(self->f, ECHO, "here", NULL, &self->here, NULL);
}

/* Unless the machine needs longer for it than a lane is waited for. */
static void calls_of_other_threads_leave_with_those_that_an_answer_starts(void **state)
{
    struct family family = {.f = *state};
    size_t calls = 0;
    for (unsigned round = 0; round < 1000 && calls != 2; round++) {
        fr_channel_start(family.f->channel, ECHO, (struct fr_bytes){0}, NULL, start_both, &family, NULL);
        wire_echo_next(&server);
        calls = wire_echo_next(&server);
        if (calls == 1) {
            wire_echo_next(&server);
        }
        await(&family.elsewhere);
        await(&family.here);
    }
    assert_int_equal(calls, 2);
}

/* A call whose done returns when it is told to. */
static struct slow {
    struct fr_wait *wait;
    uint64_t entered, leave, left; /* guarded by wait */
} slow;

static void linger(void *argument, const struct fr_result *result)
{
    (void)argument;
    (void)result;
    fr_wait_lock(slow.wait);
    slow.entered = 1;
    fr_wait_unlock_changed(slow.wait);
    bool told = fr_wait_for(slow.wait, &slow.leave, 1, FR_TEST_PATIENCE_US);
    fr_wait_lock(slow.wait);
    slow.left = told;
    fr_wait_unlock_changed(slow.wait);
}

static void start_slow(struct fixture *f)
{
    slow = (struct slow){.wait = &f->wait};
    fr_channel_start(f->channel, ECHO, (struct fr_bytes){0}, NULL, linger, NULL, NULL);
    wire_echo_next(&server);
    assert_true(fr_wait_for(slow.wait, &slow.entered, 1, FR_TEST_PATIENCE_US));
}

static bool is_idle(struct fr_channel *channel)
{
    bool idle = true;
    pthread_mutex_lock(&channel->mu);
    for (unsigned i = 0; i < FR_LANES; i++) {
        idle = idle && channel->lanes[i].state == LANE_IDLE;
    }
    pthread_mutex_unlock(&channel->mu);
    return idle;
}

/* Waits until the lanes can be used again. */
static void end_slow(struct fixture *f)
{
    uint64_t until_us = fr_clock_now_us() + FR_TEST_PATIENCE_US;
    fr_wait_lock(slow.wait);
    slow.leave = 1;
    fr_wait_unlock_changed(slow.wait);
    assert_true(fr_wait_for(slow.wait, &slow.left, 1, FR_TEST_PATIENCE_US));
    while (!is_idle(f->channel)) {
        assert_true(fr_clock_now_us() < until_us);
        sched_yield();
    }
}

static void a_done_that_takes_long_does_not_hold_up_calls(void **state)
{
    struct fixture *f = *state;
    struct outcome outcome;
    /* Several times: one round may be so late that the call is not left to the slow one at all. */
    for (unsigned round = 0; round < ROUNDS; round++) {
        start_slow(f);
        start_call(f, ECHO, "meanwhile", NULL, &outcome, NULL);
        wire_echo_next(&server);
        await(&outcome);
        end_slow(f);
    }
}

static bool was_sent_by_its_caller(struct fr_channel *channel)
{
    bool found = false;
    pthread_mutex_lock(&channel->mu);
    for (unsigned i = 0; i < FR_LANES; i++) {
        const struct lane *lane = &channel->lanes[i];
        bool under_way = lane->state == LANE_SENDING || lane->state == LANE_RECEIVING;
        found = found || (under_way && lane->sending == lane->blocking_send);
    }
    pthread_mutex_unlock(&channel->mu);
    return found;
}

struct blocking {
    struct fixture *f;
    enum fr_code code;
};

static void *call_blocking(void *argument)
{
    struct blocking *self = argument;
    self->code = call(self->f, ECHO, "blocking", NULL).code;
    return NULL;
}

static void a_blocking_call_does_not_wait_for_a_done(void **state)
{
    struct blocking blocking = {.f = *state};
    pthread_t thread;
    uint32_t tag;
    for (unsigned round = 0; round < ROUNDS; round++) {
        start_slow(blocking.f);
        assert_int_equal(pthread_create(&thread, NULL, call_blocking, &blocking), 0);
        request_batch *batch = wire_receive(&server, &tag);
        assert_true(was_sent_by_its_caller(blocking.f->channel));
        wire_reply_echo(&server, tag, batch);
        wire_drop(batch);
        pthread_join(thread, NULL);
        assert_int_equal(blocking.code, FR_OK);
        end_slow(blocking.f);
    }
}

/* Starts the next call when one was answered. */
static void go_on(void *argument, const struct fr_result *result)
{
    if (result->code == FR_OK) {
        fr_channel_start(argument, ECHO, (struct fr_bytes){0}, NULL, go_on, argument, NULL);
    }
}

/* Unless the machine needs longer for the answer than it is waited for. */
static void messages_that_keep_crossing_become_one(void **state)
{
    struct fixture *f = *state;
    struct {
        request_batch *batch;
        uint32_t tag;
    } older, newer;
    bool joined = false;
    fr_channel_start(f->channel, ECHO, (struct fr_bytes){0}, NULL, go_on, f->channel, NULL);
    older.batch = wire_receive(&server, &older.tag);
    fr_channel_start(f->channel, ECHO, (struct fr_bytes){0}, NULL, go_on, f->channel, NULL);
    uint64_t until_us = fr_clock_now_us() + FR_TEST_PATIENCE_US;
    while (!joined) {
        assert_true(fr_clock_now_us() < until_us);
        newer.batch = wire_receive(&server, &newer.tag);
        wire_reply_echo(&server, older.tag, older.batch);
        wire_drop(older.batch);
        older = newer;
        while (wire_is_silent(&server) && !is_waited_for(f->channel)) {
            assert_true(fr_clock_now_us() < until_us);
            sched_yield();
        }
        if (wire_is_silent(&server)) {
            wire_reply_echo(&server, older.tag, older.batch);
            wire_drop(older.batch);
            older.batch = wire_receive(&server, &older.tag);
            joined = older.batch->n_request == 2;
        }
    }
    wire_drop(older.batch);
}

#define WIRE_FACT(name) cmocka_unit_test_setup_teardown(name, open_wire, close_wire)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WIRE_FACT(calls_of_other_threads_leave_with_those_that_an_answer_starts),
        WIRE_FACT(a_done_that_takes_long_does_not_hold_up_calls),
        WIRE_FACT(a_blocking_call_does_not_wait_for_a_done),
        WIRE_FACT(messages_that_keep_crossing_become_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
