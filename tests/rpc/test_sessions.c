/* SPDX-License-Identifier: MIT */
/*
 * test_sessions.c - late answers on the wire: what a server answers at once, and when the rest can be collected.
 */
#include "rpc/rpc_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "rpc/wire.h"

#define SESSION 7

static struct wire peer;

static int open_peer(void **state)
{
    fixture_open_bare(state);
    struct fixture *f = *state;
    assert_int_equal(fixture_serve(f, "tcp://127.0.0.1:0"), FR_OK);
    wire_connect(&peer, f->address);
    return 0;
}

static int close_peer(void **state)
{
    wire_close(&peer);
    return fixture_close(state);
}

/* Instead of the peer's server. */
static void use_park_time(struct fixture *f, uint64_t park_us)
{
    wire_close(&peer);
    fixture_use_limits(f, &(struct fr_server_limits){.park_us = park_us});
    wire_connect(&peer, f->address);
}

/* An open call of a session, whose handler is known to have run. */
static void hold_call(struct wire *wire, uint64_t session, uint64_t id, const char *method)
{
    response_batch *batch = EXCHANGE(wire, .session = session, .calls = {{id, method, ""}});
    assert_int_equal(batch->n_response, 0);
    assert_int_equal(batch->n_pending, 1);
    assert_true(wire_is_pending(batch, id));
    wire_forget(batch);
}

static void expect_released(struct wire *wire, uint32_t tag, uint64_t id)
{
    response_batch *batch = wire_answer(wire, tag);
    assert_true(wire_payload_is(wire_find(batch, id), "released"));
    assert_false(wire_is_pending(batch, id));
    wire_forget(batch);
}

static void expect_empty(struct wire *wire, uint32_t tag)
{
    response_batch *batch = wire_answer(wire, tag);
    assert_int_equal(batch->n_response + batch->n_pending, 0);
    assert_false(batch->draining);
    wire_forget(batch);
}

/* A collect that has arrived: a later message was answered. Not proof that it is parked, but it was not refused. */
static uint32_t park(struct wire *wire, uint64_t session)
{
    uint32_t tag = ASK(wire, .session = session, .collect = true);
    wire_forget(EXCHANGE(wire, .session = session, .calls = {{999, ECHO, "round trip"}}));
    return tag;
}

static void inline_answers_come_at_once_and_the_other_calls_are_pending(void **state)
{
    (void)state;
    response_batch *batch = EXCHANGE(&peer, .session = SESSION,
                                     .calls = {{1, ECHO, "one"}, {2, HOLD, ""}, {UINT64_MAX, FAIL, "5 none"}});
    assert_int_equal(batch->n_response, 2);
    assert_true(wire_payload_is(wire_find(batch, 1), "one"));
    assert_int_equal(wire_find(batch, UINT64_MAX)->code, FR_NOT_FOUND);
    assert_int_equal(batch->n_pending, 1);
    assert_int_equal(batch->pending[0], 2);
    assert_false(batch->draining);
    wire_forget(batch);
}

static void a_collect_is_parked_until_an_answer_is_ready(void **state)
{
    struct fixture *f = *state;
    hold_call(&peer, SESSION, 1, HOLD);
    uint32_t tag = park(&peer, SESSION);
    assert_false(wire_is_answered(&peer, tag));
    fixture_release(f);
    expect_released(&peer, tag, 1);
}

static void a_second_collect_relieves_the_first(void **state)
{
    struct fixture *f = *state;
    hold_call(&peer, SESSION, 1, HOLD);
    uint32_t one = park(&peer, SESSION), two = park(&peer, SESSION);
    uint32_t relieved = wire_wait_either(&peer, one, two);
    response_batch *batch = wire_answer(&peer, relieved);
    assert_int_equal(batch->n_response, 0);
    assert_true(wire_is_pending(batch, 1));
    wire_forget(batch);
    uint32_t parked = relieved == one ? two : one;
    assert_false(wire_is_answered(&peer, parked));
    fixture_release(f);
    expect_released(&peer, parked, 1);
}

static void a_late_answer_rides_on_the_reply_to_any_message(void **state)
{
    struct fixture *f = *state;
    hold_call(&peer, SESSION, 1, HOLD);
    fixture_release(f);
    response_batch *batch = EXCHANGE(&peer, .session = SESSION, .calls = {{2, ECHO, "two"}, {3, HOLD, ""}});
    assert_int_equal(batch->n_response, 2);
    assert_true(wire_payload_is(wire_find(batch, 1), "released"));
    assert_true(wire_payload_is(wire_find(batch, 2), "two"));
    assert_int_equal(batch->n_pending, 1);
    assert_true(wire_is_pending(batch, 3));
    wire_forget(batch);
    fixture_release(f);
    expect_released(&peer, ASK(&peer, .session = SESSION), 3);
}

/* The client may see the two replies in any order, so the one without the answer must not pass over the call. */
static void a_call_whose_answer_rides_elsewhere_is_pending_in_its_own_reply(void **state)
{
    struct fixture *f = *state;
    uint32_t tag = ASK(&peer, .session = SESSION, .collect = true, .calls = {{1, HOLD, ""}});
    fixture_wait_held(f, 1);
    wire_forget(EXCHANGE(&peer, .session = SESSION, .calls = {{2, ECHO, ""}}));
    response_batch *batch = EXCHANGE(&peer, .session = SESSION, .calls = {{3, RELEASE, ""}});
    bool rides = wire_find(batch, 1) != NULL;
    wire_forget(batch);
    batch = wire_answer(&peer, tag);
    assert_int_equal(wire_find(batch, 1) != NULL, !rides);
    assert_int_equal(wire_is_pending(batch, 1), rides);
    wire_forget(batch);
}

static void a_late_answer_comes_once(void **state)
{
    struct fixture *f = *state;
    hold_call(&peer, SESSION, 1, HOLD);
    fixture_release(f);
    expect_released(&peer, ASK(&peer, .session = SESSION, .collect = true), 1);
    expect_empty(&peer, ASK(&peer, .session = SESSION, .collect = true));
}

static void a_collect_without_open_calls_gets_an_empty_batch(void **state)
{
    (void)state;
    expect_empty(&peer, ASK(&peer, .session = SESSION, .collect = true));
}

static void a_message_that_collects_and_has_inline_answers_is_not_parked(void **state)
{
    (void)state;
    hold_call(&peer, SESSION, 1, HOLD);
    response_batch *batch = EXCHANGE(&peer, .session = SESSION, .collect = true, .calls = {{2, ECHO, "two"}});
    assert_true(wire_payload_is(wire_find(batch, 2), "two"));
    wire_forget(batch);
}

static void a_message_that_collects_waits_for_its_own_late_call(void **state)
{
    struct fixture *f = *state;
    uint32_t tag = ASK(&peer, .session = SESSION, .collect = true, .calls = {{1, HOLD, ""}});
    fixture_wait_held(f, 1);
    wire_forget(EXCHANGE(&peer, .calls = {{2, ECHO, ""}}));
    assert_false(wire_is_answered(&peer, tag));
    fixture_release(f);
    expect_released(&peer, tag, 1);
}

static void answers_that_do_not_fit_the_reply_are_pending_and_come_later(void **state)
{
    (void)state;
    response_batch *batch = EXCHANGE(&peer, .session = SESSION, .max_reply_bytes = 1000,
                                     .calls = {{1, SIZE, "600"}, {2, SIZE, "600"}, {3, SIZE, "600"}, {4, SIZE, "5"}});
    assert_int_equal(wire_find(batch, 1)->payload.len, 600);
    assert_int_equal(wire_find(batch, 4)->payload.len, 5);
    assert_int_equal(batch->n_pending, 2);
    wire_forget(batch);
    for (uint64_t id = 2; id <= 3; id++) {
        batch = EXCHANGE(&peer, .session = SESSION, .collect = true, .max_reply_bytes = 1000);
        assert_int_equal(batch->n_response, 1);
        assert_int_equal(wire_find(batch, id)->payload.len, 600);
        wire_forget(batch);
    }
    expect_empty(&peer, ASK(&peer, .session = SESSION, .collect = true));
}

static void an_answer_that_fits_no_reply_is_resource_exhausted(void **state)
{
    (void)state;
    response_batch *batch = EXCHANGE(&peer, .session = SESSION, .max_reply_bytes = 300,
                                     .calls = {{1, SIZE, "400"}, {2, ECHO, "fine"}});
    wire_response *second = (wire_response *)wire_find(batch, 2);
    assert_true(wire_payload_is(second, "fine"));
    if (wire_is_pending(batch, 1)) {
        wire_forget(batch);
        batch = EXCHANGE(&peer, .session = SESSION, .collect = true, .max_reply_bytes = 300);
    }
    assert_int_equal(wire_find(batch, 1)->code, FR_RESOURCE_EXHAUSTED);
    wire_forget(batch);
}

static void without_a_session_a_message_is_answered_when_all_its_calls_are(void **state)
{
    struct fixture *f = *state;
    uint32_t tag = ASK(&peer, .collect = true, .calls = {{1, ECHO, "one"}, {2, HOLD, ""}, {3, HOLD, ""}});
    fixture_wait_held(f, 2);
    /* Neither another message nor a session's collect has anything of it. */
    expect_empty(&peer, ASK(&peer, .collect = true));
    expect_empty(&peer, ASK(&peer, .session = SESSION, .collect = true, .cancel = {2}));
    assert_false(wire_is_answered(&peer, tag));
    fixture_release(f);
    response_batch *batch = wire_answer(&peer, tag);
    assert_int_equal(batch->n_response, 3);
    assert_int_equal(batch->n_pending, 0);
    assert_true(wire_payload_is(wire_find(batch, 1), "one"));
    assert_true(wire_payload_is(wire_find(batch, 2), "released"));
    assert_true(wire_payload_is(wire_find(batch, 3), "released"));
    wire_forget(batch);
}

static void sessions_and_connections_are_apart(void **state)
{
    struct fixture *f = *state;
    struct wire other;
    wire_connect(&other, f->address);
    hold_call(&peer, SESSION, 1, HOLD);
    expect_empty(&peer, ASK(&peer, .session = SESSION + 1, .collect = true));
    expect_empty(&other, ASK(&other, .session = SESSION, .collect = true, .cancel = {1}));
    fixture_release(f);
    expect_empty(&peer, ASK(&peer, .session = SESSION + 1, .collect = true));
    expect_empty(&other, ASK(&other, .session = SESSION, .collect = true));
    expect_released(&peer, ASK(&peer, .session = SESSION, .collect = true), 1);
    wire_close(&other);
}

static void a_cancelled_call_is_over_and_never_answered(void **state)
{
    struct fixture *f = *state;
    hold_call(&peer, SESSION, 1, WATCH);
    hold_call(&peer, SESSION, 2, WATCH);
    assert_false(fr_call_is_over(f->held[0]));
    response_batch *batch = EXCHANGE(&peer, .session = SESSION, .cancel = {1, 1, 77});
    assert_int_equal(batch->n_response + batch->n_pending, 0);
    wire_forget(batch);
    fixture_wait_over(f, 1);
    assert_true(fr_call_is_over(f->held[0]));
    assert_false(fr_call_is_over(f->held[1]));
    fixture_release(f);
    batch = EXCHANGE(&peer, .session = SESSION, .collect = true);
    assert_int_equal(batch->n_response, 1);
    assert_true(wire_payload_is(wire_find(batch, 2), "released"));
    wire_forget(batch);
    assert_int_equal(f->over_count, 1);
}

static void cancelling_the_last_open_call_answers_the_parked_collect(void **state)
{
    (void)state;
    hold_call(&peer, SESSION, 1, HOLD);
    uint32_t tag = park(&peer, SESSION);
    wire_forget(EXCHANGE(&peer, .session = SESSION, .cancel = {1}));
    expect_empty(&peer, tag);
}

static void a_deadline_answers_the_parked_collect(void **state)
{
    (void)state;
    response_batch *batch = EXCHANGE(&peer, .session = SESSION, .calls = {{1, HOLD, "", 20 * FR_MILLISECOND_US}});
    assert_true(wire_is_pending(batch, 1));
    wire_forget(batch);
    batch = EXCHANGE(&peer, .session = SESSION, .collect = true);
    assert_int_equal(wire_find(batch, 1)->code, FR_DEADLINE_EXCEEDED);
    wire_forget(batch);
}

static void a_parked_collect_is_answered_in_time_with_the_open_calls(void **state)
{
    const uint64_t park_us = 200 * FR_MILLISECOND_US;
    struct fixture *f = *state;
    use_park_time(f, park_us);
    hold_call(&peer, SESSION, 1, HOLD);
    uint64_t begin_us = fr_clock_now_us();
    for (unsigned i = 0; i < 4; i++) {
        response_batch *batch = EXCHANGE(&peer, .session = SESSION, .collect = true);
        assert_int_equal(batch->n_response, 0);
        assert_int_equal(batch->n_pending, 1);
        assert_true(wire_is_pending(batch, 1));
        wire_forget(batch);
    }
    /* All the time it was no silent client. */
    assert_in_range(fr_clock_now_us() - begin_us, 4 * park_us, FR_TEST_PATIENCE_US);
    fixture_release(f);
    expect_released(&peer, ASK(&peer, .session = SESSION, .collect = true), 1);
}

static void a_client_that_is_silent_while_calls_are_open_is_disconnected(void **state)
{
    struct fixture *f = *state;
    struct wire busy, sloppy;
    use_park_time(f, 20 * FR_MILLISECOND_US);
    wire_forget(EXCHANGE(&peer, .session = SESSION, .calls = {{1, ECHO, ""}}));
    wire_connect(&busy, f->address);
    wire_connect(&sloppy, f->address);
    hold_call(&sloppy, SESSION, 2, HOLD);
    fixture_release(f);
    hold_call(&busy, SESSION, 2, WATCH);
    wire_wait_closed(&busy);
    fixture_wait_over(f, 1);
    wire_wait_closed(&sloppy);
    /* One without open calls may be silent for as long as it likes. */
    response_batch *batch = EXCHANGE(&peer, .session = SESSION, .calls = {{3, ECHO, "still here"}});
    assert_true(wire_payload_is(wire_find(batch, 3), "still here"));
    wire_forget(batch);
    wire_close(&busy);
    wire_close(&sloppy);
}

static void a_lost_connection_ends_the_calls_of_its_sessions(void **state)
{
    struct fixture *f = *state;
    struct wire gone;
    wire_connect(&gone, f->address);
    hold_call(&gone, SESSION, 1, WATCH);
    hold_call(&gone, SESSION + 1, 1, WATCH);
    ASK(&gone, .calls = {{1, WATCH, ""}});
    fixture_wait_held(f, 3);
    park(&gone, SESSION);
    hold_call(&peer, SESSION, 1, WATCH);
    wire_close(&gone);
    fixture_wait_over(f, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(fr_call_is_over(f->held[i]));
    }
    assert_false(fr_call_is_over(f->held[3]));
    fixture_release(f);
    expect_released(&peer, ASK(&peer, .session = SESSION), 1);
    assert_int_equal(f->over_count, 3);
}

#define PEER_FACT(name) cmocka_unit_test_setup_teardown(name, open_peer, close_peer)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PEER_FACT(inline_answers_come_at_once_and_the_other_calls_are_pending),
        PEER_FACT(a_collect_is_parked_until_an_answer_is_ready),
        PEER_FACT(a_second_collect_relieves_the_first),
        PEER_FACT(a_late_answer_rides_on_the_reply_to_any_message),
        PEER_FACT(a_call_whose_answer_rides_elsewhere_is_pending_in_its_own_reply),
        PEER_FACT(a_late_answer_comes_once),
        PEER_FACT(a_collect_without_open_calls_gets_an_empty_batch),
        PEER_FACT(a_message_that_collects_and_has_inline_answers_is_not_parked),
        PEER_FACT(a_message_that_collects_waits_for_its_own_late_call),
        PEER_FACT(answers_that_do_not_fit_the_reply_are_pending_and_come_later),
        PEER_FACT(an_answer_that_fits_no_reply_is_resource_exhausted),
        PEER_FACT(without_a_session_a_message_is_answered_when_all_its_calls_are),
        PEER_FACT(sessions_and_connections_are_apart),
        PEER_FACT(a_cancelled_call_is_over_and_never_answered),
        PEER_FACT(cancelling_the_last_open_call_answers_the_parked_collect),
        PEER_FACT(a_deadline_answers_the_parked_collect),
        PEER_FACT(a_parked_collect_is_answered_in_time_with_the_open_calls),
        PEER_FACT(a_client_that_is_silent_while_calls_are_open_is_disconnected),
        PEER_FACT(a_lost_connection_ends_the_calls_of_its_sessions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
