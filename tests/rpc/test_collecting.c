/* SPDX-License-Identifier: MIT */
/*
 * test_collecting.c - what a channel makes of each thing that a server can say, and when it collects late answers.
 */
#include "rpc/rpc_fixture.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "rpc/channel_internal.h"
#include "rpc/wire.h"

static struct wire server;
static int listener;

static int open_wire(void **state)
{
    char target[64];
    fixture_open_bare(state);
    listener = wire_listen(true, target);
    fixture_use_target(*state, target, &(struct fr_channel_options){.connect_timeout_us = FR_TEST_PATIENCE_US});
    wire_accept(&server, listener);
    return 0;
}

static int close_wire(void **state)
{
    wire_finish(&server);
    close(listener);
    return fixture_close(state);
}

/* A call that the server has received but not answered. */
struct received {
    struct outcome outcome;
    struct fr_pending *pending;
    uint64_t id;
    uint32_t tag;
    bool collect;
};

static void receive_call(struct fixture *f, struct received *call)
{
    start_call(f, ECHO, "x", NULL, &call->outcome, &call->pending);
    request_batch *batch = wire_receive(&server, &call->tag);
    assert_int_equal(batch->n_request, 1);
    call->id = batch->request[0]->id;
    call->collect = batch->collect;
    wire_drop(batch);
}

static void end_call(struct received *call, enum fr_code code)
{
    await(&call->outcome);
    assert_int_equal(call->outcome.code, code);
    fr_pending_unref(call->pending);
}

/* A message without calls, which waits for late answers. */
static uint32_t receive_collect(void)
{
    uint32_t tag;
    request_batch *batch = wire_receive(&server, &tag);
    assert_int_equal(batch->n_request, 0);
    assert_true(batch->collect);
    wire_drop(batch);
    return tag;
}

static void a_pending_call_is_collected(void **state)
{
    struct fixture *f = *state;
    struct received call;
    receive_call(f, &call);
    REPLY(&server, call.tag, .pending = {call.id});
    uint32_t tag = receive_collect();
    assert_int_equal(call.outcome.done, 0);
    REPLY(&server, tag, .answers = {{call.id, 0, "late"}}, .answer_count = 1);
    end_call(&call, FR_OK);
    assert_string_equal(call.outcome.payload, "late");
    assert_true(wire_is_silent(&server));
}

static void a_late_answer_can_ride_on_the_reply_to_any_message(void **state)
{
    struct fixture *f = *state;
    struct received first, second;
    receive_call(f, &first);
    REPLY(&server, first.tag, .pending = {first.id});
    uint32_t tag = receive_collect();
    receive_call(f, &second);
    assert_false(second.collect);
    REPLY(&server, second.tag, .answers = {{first.id, 0, "rides"}, {second.id, 0, "own"}}, .answer_count = 2);
    end_call(&first, FR_OK);
    end_call(&second, FR_OK);
    assert_string_equal(first.outcome.payload, "rides");
    assert_string_equal(second.outcome.payload, "own");
    REPLY(&server, tag, .answer_count = 0);
}

static void an_answer_may_come_before_the_word_that_it_is_pending(void **state)
{
    struct fixture *f = *state;
    struct received first, second, third;
    receive_call(f, &first);
    receive_call(f, &second);
    REPLY(&server, second.tag, .answers = {{first.id, 0, "early"}, {second.id}}, .answer_count = 2);
    end_call(&first, FR_OK);
    end_call(&second, FR_OK);
    REPLY(&server, first.tag, .pending = {first.id});
    receive_call(f, &third);
    REPLY(&server, third.tag, .answers = {{third.id}}, .answer_count = 1);
    end_call(&third, FR_OK);
    assert_int_equal(first.outcome.done, 1);
    assert_true(wire_is_silent(&server));
}

static void a_heartbeat_is_answered_with_another_collect(void **state)
{
    struct fixture *f = *state;
    struct received call;
    receive_call(f, &call);
    REPLY(&server, call.tag, .pending = {call.id});
    for (unsigned i = 0; i < 20; i++) {
        REPLY(&server, receive_collect(), .pending = {call.id});
    }
    REPLY(&server, receive_collect(), .answers = {{call.id}}, .answer_count = 1);
    end_call(&call, FR_OK);
}

/* Waits until only so many lanes have a message under way. */
static void wait_for_lanes(struct fr_channel *channel, unsigned wanted)
{
    uint64_t until_us = fr_clock_now_us() + FR_TEST_PATIENCE_US;
    for (unsigned busy = FR_LANES + 1; busy != wanted; sched_yield()) {
        assert_true(fr_clock_now_us() < until_us);
        busy = 0;
        pthread_mutex_lock(&channel->mu);
        for (unsigned i = 0; i < FR_LANES; i++) {
            busy += channel->lanes[i].state != LANE_IDLE;
        }
        pthread_mutex_unlock(&channel->mu);
    }
}

/* "None is open" was said before the server got the second call, and comes after the answer that says it is pending. */
static void an_answer_that_was_overtaken_ends_no_newer_call(void **state)
{
    struct fixture *f = *state;
    struct received older, newer;
    receive_call(f, &older);
    REPLY(&server, older.tag, .pending = {older.id});
    uint32_t tag = receive_collect();
    receive_call(f, &newer);
    REPLY(&server, newer.tag, .answers = {{older.id}}, .answer_count = 1, .pending = {newer.id});
    end_call(&older, FR_OK);
    wait_for_lanes(f->channel, 1);
    REPLY(&server, tag, .answer_count = 0);
    tag = receive_collect();
    REPLY(&server, tag, .answers = {{newer.id}}, .answer_count = 1);
    end_call(&newer, FR_OK);
}

static void a_server_that_knows_of_no_open_call_ends_the_late_ones(void **state)
{
    struct fixture *f = *state;
    struct received call;
    receive_call(f, &call);
    REPLY(&server, call.tag, .pending = {call.id});
    REPLY(&server, receive_collect(), .answer_count = 0);
    end_call(&call, FR_UNAVAILABLE);
    assert_false(call.outcome.not_sent);
}

static void a_call_that_the_answer_does_not_mention_is_internal(void **state)
{
    struct fixture *f = *state;
    struct received call;
    receive_call(f, &call);
    REPLY(&server, call.tag, .answers = {{call.id + 1000, 0, "nobody's"}}, .answer_count = 1);
    end_call(&call, FR_INTERNAL);
    assert_false(call.outcome.not_sent);
}

static void what_the_server_says_of_a_whole_message_ends_its_calls(void **state)
{
    struct fixture *f = *state;
    struct received call;
    receive_call(f, &call);
    REPLY(&server, call.tag, .answers = {{0, FR_RESOURCE_EXHAUSTED}}, .answer_count = 1);
    end_call(&call, FR_RESOURCE_EXHAUSTED);
}

static void a_second_answer_to_a_call_is_dropped(void **state)
{
    struct fixture *f = *state;
    struct received call;
    receive_call(f, &call);
    REPLY(&server, call.tag, .answers = {{call.id, 0, "one"}, {call.id, FR_ABORTED}}, .answer_count = 2);
    end_call(&call, FR_OK);
    assert_string_equal(call.outcome.payload, "one");
}

static void a_code_out_of_range_is_unknown(void **state)
{
    struct fixture *f = *state;
    struct received call;
    receive_call(f, &call);
    REPLY(&server, call.tag, .answers = {{call.id, 99}}, .answer_count = 1);
    end_call(&call, FR_UNKNOWN);
}

static uint64_t receive_cancel(uint32_t *ret_tag)
{
    request_batch *batch = wire_receive(&server, ret_tag);
    assert_int_equal(batch->n_request, 0);
    assert_int_equal(batch->n_cancel, 1);
    assert_int_not_equal(batch->session, 0);
    uint64_t id = batch->cancel[0];
    wire_drop(batch);
    return id;
}

static void a_cancelled_call_is_told_to_the_server_at_once(void **state)
{
    struct fixture *f = *state;
    struct received call;
    uint32_t tag;
    receive_call(f, &call);
    fr_pending_cancel(call.pending);
    end_call(&call, FR_CANCELLED);
    assert_int_equal(receive_cancel(&tag), call.id);
    REPLY(&server, tag, .answer_count = 0);
    REPLY(&server, call.tag, .answers = {{call.id, 0, "too late"}}, .answer_count = 1);
    assert_int_equal(call.outcome.done, 1);
}

static void a_cancellation_waits_for_a_lane(void **state)
{
    struct fixture *f = *state;
    struct received calls[2];
    uint32_t tag;
    receive_call(f, &calls[0]);
    receive_call(f, &calls[1]);
    fr_pending_cancel(calls[0].pending);
    end_call(&calls[0], FR_CANCELLED);
    assert_true(wire_is_silent(&server));
    REPLY(&server, calls[1].tag, .answers = {{calls[1].id}}, .answer_count = 1);
    end_call(&calls[1], FR_OK);
    assert_int_equal(receive_cancel(&tag), calls[0].id);
    REPLY(&server, tag, .answer_count = 0);
}

static void a_call_over_its_deadline_needs_no_word(void **state)
{
    struct fixture *f = *state;
    uint32_t tag;
    call_past_deadline(f, ECHO, NULL);
    wire_drop(wire_receive(&server, &tag));
    assert_true(wire_is_silent(&server));
}

static void a_lost_connection_ends_late_calls_and_those_on_the_lanes(void **state)
{
    struct fixture *f = *state;
    struct received calls[3];
    for (unsigned i = 0; i < 2; i++) {
        receive_call(f, &calls[i]);
        REPLY(&server, calls[i].tag, .pending = {calls[i].id});
        if (i == 0) {
            receive_collect();
        }
    }
    receive_call(f, &calls[2]);
    wire_close(&server);
    for (unsigned i = 0; i < 3; i++) {
        end_call(&calls[i], FR_UNAVAILABLE);
        assert_false(calls[i].outcome.not_sent);
    }
    wire_accept(&server, listener);
    receive_call(f, &calls[0]);
    REPLY(&server, calls[0].tag, .answers = {{calls[0].id}}, .answer_count = 1);
    end_call(&calls[0], FR_OK);
}

/* nng tells of connections in other threads than those that bring what was received: an answer can come after the news
   that its connection is lost, and that there is another one. These tests tell the news themselves. */
static int pipe_of(struct fr_channel *channel)
{
    pthread_mutex_lock(&channel->mu);
    int pipe = channel->pipe;
    pthread_mutex_unlock(&channel->mu);
    return pipe;
}

static void a_call_that_is_pending_on_a_lost_connection_ends(void **state)
{
    struct fixture *f = *state;
    struct received calls[2];
    receive_call(f, &calls[0]);
    receive_call(f, &calls[1]);
    int pipe = pipe_of(f->channel);
    fr_channel_lost(f->channel, pipe);
    REPLY(&server, calls[0].tag, .pending = {calls[0].id});
    end_call(&calls[0], FR_UNAVAILABLE);
    assert_false(calls[0].outcome.not_sent);
    fr_channel_connected(f->channel, pipe + 1, nng_dialer_id(f->channel->dialer));
    REPLY(&server, calls[1].tag, .pending = {calls[1].id});
    end_call(&calls[1], FR_UNAVAILABLE);
    assert_false(calls[1].outcome.not_sent);
}

static void what_a_lost_connection_says_of_itself_means_nothing_to_the_next(void **state)
{
    struct fixture *f = *state;
    struct received late, next;
    receive_call(f, &late);
    REPLY(&server, late.tag, .pending = {late.id});
    uint32_t tag = receive_collect();
    fr_channel_connected(f->channel, pipe_of(f->channel) + 1, nng_dialer_id(f->channel->dialer));
    /* No open call there, and a drain: the call is open here, and calls still leave. */
    REPLY(&server, tag, .answer_count = 0);
    tag = receive_collect();
    assert_int_equal(late.outcome.done, 0);
    REPLY(&server, tag, .draining = true);
    tag = receive_collect();
    receive_call(f, &next);
    REPLY(&server, next.tag, .answers = {{next.id}}, .answer_count = 1);
    end_call(&next, FR_OK);
    REPLY(&server, tag, .answers = {{late.id}}, .answer_count = 1);
    end_call(&late, FR_OK);
}

static void calls_left_out_by_a_drain_wait_for_the_next_connection(void **state)
{
    struct fixture *f = *state;
    struct received call, late;
    struct outcome meanwhile;
    receive_call(f, &late);
    REPLY(&server, late.tag, .pending = {late.id});
    uint32_t tag = receive_collect();
    receive_call(f, &call);
    REPLY(&server, call.tag, .draining = true);
    start_call(f, ECHO, "meanwhile", NULL, &meanwhile, NULL);
    REPLY(&server, tag, .answers = {{late.id, 0, "still answered"}}, .answer_count = 1, .draining = true);
    end_call(&late, FR_OK);
    assert_int_equal(call.outcome.done + meanwhile.done, 0);
    assert_true(wire_is_silent(&server));
    wire_close(&server);
    wire_accept(&server, listener);
    request_batch *batch = wire_receive(&server, &tag);
    assert_int_equal(batch->n_request, 2);
    wire_reply_echo(&server, tag, batch);
    wire_drop(batch);
    end_call(&call, FR_OK);
    await(&meanwhile);
    assert_int_equal(meanwhile.code, FR_OK);
}

static void a_server_that_never_answers_is_taken_for_dead(void **state)
{
    struct fixture *f = *state;
    struct outcome outcomes[3];
    char target[64];
    struct wire mute;
    int other = wire_listen(true, target);
    fixture_use_target(f, target, &(struct fr_channel_options){.keepalive_us = 100 * FR_MILLISECOND_US});
    uint64_t begin_us = fr_clock_now_us();
    for (unsigned i = 0; i < 3; i++) {
        start_call(f, ECHO, "x", NULL, &outcomes[i], NULL);
    }
    wire_accept(&mute, other);
    for (unsigned i = 0; i < 3; i++) {
        await(&outcomes[i]);
        assert_int_equal(outcomes[i].code, FR_UNAVAILABLE);
    }
    assert_in_range(fr_clock_now_us() - begin_us, 100 * FR_MILLISECOND_US, FR_TEST_PATIENCE_US);
    wire_wait_closed(&mute);
    wire_close(&mute);
    fr_channel_free(f->channel);
    f->channel = NULL;
    close(other);
}

#define BARE_FACT(name) cmocka_unit_test_setup_teardown(name, fixture_open_bare, fixture_close)
#define WIRE_FACT(name) cmocka_unit_test_setup_teardown(name, open_wire, close_wire)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WIRE_FACT(a_pending_call_is_collected),
        WIRE_FACT(a_late_answer_can_ride_on_the_reply_to_any_message),
        WIRE_FACT(an_answer_may_come_before_the_word_that_it_is_pending),
        WIRE_FACT(a_heartbeat_is_answered_with_another_collect),
        WIRE_FACT(a_server_that_knows_of_no_open_call_ends_the_late_ones),
        WIRE_FACT(an_answer_that_was_overtaken_ends_no_newer_call),
        WIRE_FACT(a_call_that_the_answer_does_not_mention_is_internal),
        WIRE_FACT(what_the_server_says_of_a_whole_message_ends_its_calls),
        WIRE_FACT(a_second_answer_to_a_call_is_dropped),
        WIRE_FACT(a_code_out_of_range_is_unknown),
        WIRE_FACT(a_cancelled_call_is_told_to_the_server_at_once),
        WIRE_FACT(a_cancellation_waits_for_a_lane),
        WIRE_FACT(a_call_over_its_deadline_needs_no_word),
        WIRE_FACT(a_lost_connection_ends_late_calls_and_those_on_the_lanes),
        WIRE_FACT(a_call_that_is_pending_on_a_lost_connection_ends),
        WIRE_FACT(what_a_lost_connection_says_of_itself_means_nothing_to_the_next),
        WIRE_FACT(calls_left_out_by_a_drain_wait_for_the_next_connection),
        BARE_FACT(a_server_that_never_answers_is_taken_for_dead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
