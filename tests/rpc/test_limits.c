/* SPDX-License-Identifier: MIT */
/*
 * test_limits.c - beyond a limit a server refuses at once, and works again when there is room.
 */
#include "rpc/rpc_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "rpc/wire.h"

#define SESSION 7

static struct wire peer;

/* The peer is the only client of a server with these limits. */
static void serve_limited(struct fixture *f, const struct fr_server_limits *limits)
{
    fixture_use_limits(f, limits);
    wire_connect(&peer, f->address);
}

static int close_peer(void **state)
{
    wire_close(&peer);
    return fixture_close(state);
}

static void expect_refused(const response_batch *batch, uint64_t id)
{
    const wire_response *response = wire_find(batch, id);
    assert_non_null(response);
    assert_int_equal(response->code, FR_RESOURCE_EXHAUSTED);
    assert_true(response->retry_after_us > 0);
    assert_false(wire_is_pending(batch, id));
}

/* Of two more calls of a method only the first finds room. */
static void expect_room_for_one(struct wire *wire, uint64_t session, uint64_t id, const char *method)
{
    response_batch *batch = EXCHANGE(wire, .session = session, .calls = {{id, method, ""}, {id + 1, method, ""}});
    assert_int_equal(batch->n_pending, 1);
    assert_true(wire_is_pending(batch, id));
    expect_refused(batch, id + 1);
    wire_forget(batch);
}

static void expect_released(struct wire *wire, uint64_t session, uint64_t id)
{
    response_batch *batch = EXCHANGE(wire, .session = session, .collect = true);
    assert_true(wire_payload_is(wire_find(batch, id), "released"));
    wire_forget(batch);
}

/* What a message held is given back a moment after its answer has left. */
static void expect_room_soon(uint64_t session, const struct wire_call *call)
{
    uint64_t begin_us = fr_clock_now_us();
    for (bool refused = true; refused; ) {
        assert_true(fr_clock_now_us() - begin_us < FR_TEST_PATIENCE_US);
        response_batch *batch = EXCHANGE(&peer, .session = session, .calls = {*call});
        refused = !wire_payload_is(wire_find(batch, call->id), call->payload) && !wire_is_pending(batch, call->id);
        assert_true(!refused || batch->response[0]->code == FR_RESOURCE_EXHAUSTED);
        wire_forget(batch);
    }
}

static void a_session_has_a_number_of_open_calls(void **state)
{
    struct fixture *f = *state;
    serve_limited(f, &(struct fr_server_limits){.session_calls = 1});
    for (unsigned i = 0; i < 3; i++) {
        expect_room_for_one(&peer, SESSION, 1, HOLD);
        expect_room_for_one(&peer, SESSION + 1, 1, HOLD);
        fixture_release(f);
        expect_released(&peer, SESSION, 1);
        expect_released(&peer, SESSION + 1, 1);
    }
}

static void a_server_has_a_number_of_open_calls(void **state)
{
    struct fixture *f = *state;
    struct wire other;
    serve_limited(f, &(struct fr_server_limits){.open_calls = 2});
    wire_connect(&other, f->address);
    for (unsigned i = 0; i < 3; i++) {
        wire_forget(EXCHANGE(&other, .session = SESSION, .calls = {{1, HOLD, ""}}));
        expect_room_for_one(&peer, SESSION, 1, HOLD);
        response_batch *batch = EXCHANGE(&other, .calls = {{2, HOLD, ""}});
        expect_refused(batch, 2);
        wire_forget(batch);
        fixture_release(f);
        expect_released(&other, SESSION, 1);
        expect_released(&peer, SESSION, 1);
    }
    wire_close(&other);
}

static void a_method_has_a_number_of_open_calls(void **state)
{
    struct fixture *f = *state;
    f->max_watched = 1;
    serve_limited(f, &(struct fr_server_limits){0});
    for (unsigned i = 0; i < 3; i++) {
        expect_room_for_one(&peer, SESSION, 1, WATCH);
        response_batch *batch = EXCHANGE(&peer, .session = SESSION, .calls = {{3, HOLD, ""}, {4, HOLD, ""}});
        assert_int_equal(batch->n_pending, 2);
        wire_forget(batch);
        fixture_release(f);
        expect_released(&peer, SESSION, 1);
    }
}

static void a_call_that_is_over_counts_until_its_handler_is_done(void **state)
{
    struct fixture *f = *state;
    serve_limited(f, &(struct fr_server_limits){.session_calls = 1});
    expect_room_for_one(&peer, SESSION, 1, HOLD);
    response_batch *batch = EXCHANGE(&peer, .session = SESSION, .cancel = {1}, .calls = {{3, HOLD, ""}});
    expect_refused(batch, 3);
    wire_forget(batch);
    fixture_release(f);
    expect_room_for_one(&peer, SESSION, 4, HOLD);
}

static void a_client_that_waits_for_each_answer_is_never_over_the_limit(void **state)
{
    struct fixture *f = *state;
    serve_limited(f, &(struct fr_server_limits){.session_calls = 1});
    for (uint64_t id = 1; id <= 2000; id++) {
        response_batch *batch = EXCHANGE(&peer, .session = SESSION, .collect = true, .calls = {{id, LATER, "x"}});
        assert_true(wire_payload_is(wire_find(batch, id), "x"));
        wire_forget(batch);
    }
}

static void only_a_method_that_is_registered_can_be_limited(void **state)
{
    struct fr_server *server;
    struct fr_error error;
    (void)state;
    assert_int_equal(fr_server_new(&server, NULL), FR_OK);
    assert_int_equal(fr_server_limit_method(server, "no.such/Method", 1, &error), FR_NOT_FOUND);
    fr_server_free(server);
}

/* "released" with its Response takes 14 bytes. */
static void a_session_keeps_a_number_of_bytes_that_are_not_collected(void **state)
{
    struct fixture *f = *state;
    serve_limited(f, &(struct fr_server_limits){.session_bytes = 30});
    for (unsigned i = 0; i < 3; i++) {
        response_batch *batch = EXCHANGE(&peer, .session = SESSION,
                                         .calls = {{1, HOLD, ""}, {2, HOLD, ""}, {3, HOLD, ""}, {4, HOLD, ""}});
        assert_int_equal(batch->n_pending, 4);
        wire_forget(batch);
        fixture_release(f);
        batch = EXCHANGE(&peer, .session = SESSION, .collect = true);
        assert_int_equal(batch->n_response, 4);
        assert_true(wire_payload_is(wire_find(batch, 1), "released"));
        assert_true(wire_payload_is(wire_find(batch, 2), "released"));
        assert_int_equal(wire_find(batch, 3)->code, FR_RESOURCE_EXHAUSTED);
        assert_int_equal(wire_find(batch, 4)->code, FR_RESOURCE_EXHAUSTED);
        wire_forget(batch);
    }
}

static void a_server_holds_a_number_of_bytes_of_open_calls(void **state)
{
    struct fixture *f = *state;
    char text[8001];
    memset(text, 't', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    serve_limited(f, &(struct fr_server_limits){.held_bytes = 12000});
    for (unsigned i = 0; i < 3; i++) {
        expect_room_soon(SESSION, &(struct wire_call){.id = 1, .method = HOLD, .payload = text});
        response_batch *batch = EXCHANGE(&peer, .session = SESSION, .calls = {{2, ECHO, text}, {3, ECHO, "small"}});
        expect_refused(batch, 2);
        expect_refused(batch, 3);
        wire_forget(batch);
        expect_room_soon(SESSION, &(struct wire_call){.id = 4, .method = ECHO, .payload = "small"});
        fixture_release(f);
        expect_released(&peer, SESSION, 1);
    }
}

/* Each of them would fit its session. */
static void late_answers_beyond_the_bytes_of_the_server_are_refused(void **state)
{
    enum { CALLS = 8, KEPT = 3 };
    static const uint8_t mib[1 << 20];
    struct fixture *f = *state;
    struct wire_request request = {.session = SESSION};
    for (unsigned i = 0; i < CALLS; i++) {
        request.calls[i] = (struct wire_call){.id = i + 1, .method = HOLD};
    }
    serve_limited(f, &(struct fr_server_limits){.held_bytes = (KEPT + 1) * sizeof mib});
    wire_forget(wire_answer(&peer, wire_ask(&peer, &request)));
    fixture_wait_held(f, CALLS);
    for (; f->released < CALLS; f->released++) {
        fr_call_reply(f->held[f->released], (struct fr_bytes){mib, sizeof mib});
    }
    response_batch *batch = EXCHANGE(&peer, .session = SESSION, .collect = true);
    assert_int_equal(batch->n_response, CALLS);
    for (unsigned i = 0; i < CALLS; i++) {
        assert_int_equal(wire_find(batch, i + 1)->code, i < KEPT ? FR_OK : FR_RESOURCE_EXHAUSTED);
        /* That would say that it was not started. */
        assert_int_equal(wire_find(batch, i + 1)->retry_after_us, 0);
    }
    wire_forget(batch);
}

static void a_server_has_a_number_of_connections(void **state)
{
    struct fixture *f = *state;
    struct wire second, third;
    serve_limited(f, &(struct fr_server_limits){.connections = 2});
    wire_forget(EXCHANGE(&peer, .calls = {{1, ECHO, ""}}));
    wire_connect(&second, f->address);
    wire_forget(EXCHANGE(&second, .calls = {{1, ECHO, ""}}));
    wire_connect(&third, f->address);
    wire_wait_closed(&third);
    wire_close(&third);
    wire_forget(EXCHANGE(&peer, .calls = {{1, ECHO, ""}}));
    /* One that leaves makes room. The server learns of that when the other calls of the connection end. */
    ASK(&second, .calls = {{1, WATCH, ""}});
    fixture_wait_held(f, 1);
    wire_close(&second);
    fixture_wait_over(f, 1);
    wire_connect(&third, f->address);
    wire_forget(EXCHANGE(&third, .calls = {{1, ECHO, ""}}));
    wire_close(&third);
}

static void a_connection_has_16_sessions_and_an_idle_one_makes_room(void **state)
{
    struct fixture *f = *state;
    serve_limited(f, &(struct fr_server_limits){0});
    for (uint64_t session = 1; session <= 16; session++) {
        response_batch *batch = EXCHANGE(&peer, .session = session, .calls = {{1, HOLD, ""}});
        assert_true(wire_is_pending(batch, 1));
        wire_forget(batch);
    }
    response_batch *batch = EXCHANGE(&peer, .session = 17, .calls = {{1, ECHO, ""}});
    expect_refused(batch, 0);
    wire_forget(batch);
    wire_forget(EXCHANGE(&peer, .calls = {{1, ECHO, "needs no session"}}));
    fixture_release(f);
    /* Answers that were not collected are not lost. */
    batch = EXCHANGE(&peer, .session = 17, .calls = {{1, ECHO, ""}});
    assert_int_equal(wire_find(batch, 0)->code, FR_RESOURCE_EXHAUSTED);
    wire_forget(batch);
    expect_released(&peer, 1, 1);
    expect_room_soon(17, &(struct wire_call){.id = 1, .method = ECHO, .payload = "room"});
    for (uint64_t session = 2; session <= 16; session++) {
        expect_released(&peer, session, 1);
    }
    for (uint64_t session = 100; session < 200; session++) {
        expect_room_soon(session, &(struct wire_call){.id = 1, .method = ECHO, .payload = "room"});
    }
}

/* The refusal of a repeated id that does not fit the reply is late too; it must not upset the count of open calls. */
static void refusals_that_do_not_fit_the_reply_do_not_widen_a_limit(void **state)
{
    struct fixture *f = *state;
    serve_limited(f, &(struct fr_server_limits){.session_calls = 1});
    for (unsigned i = 0; i < 10; i++) {
        response_batch *batch = EXCHANGE(&peer, .session = SESSION, .max_reply_bytes = 100,
                                         .calls = {{1, SIZE, "50"}, {1, ECHO, ""}});
        assert_int_equal(batch->n_response, 1);
        wire_forget(batch);
        batch = EXCHANGE(&peer, .session = SESSION, .collect = true);
        assert_int_equal(wire_find(batch, 1)->code, FR_INVALID_ARGUMENT);
        wire_forget(batch);
    }
    expect_room_for_one(&peer, SESSION, 1, HOLD);
    fixture_release(f);
    assert_int_equal(fr_server_drain(f->server, FR_TEST_PATIENCE_US), 0);
}

#define LIMIT_FACT(name) cmocka_unit_test_setup_teardown(name, fixture_open_bare, close_peer)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIMIT_FACT(a_session_has_a_number_of_open_calls),
        LIMIT_FACT(a_server_has_a_number_of_open_calls),
        LIMIT_FACT(a_method_has_a_number_of_open_calls),
        LIMIT_FACT(a_call_that_is_over_counts_until_its_handler_is_done),
        LIMIT_FACT(a_client_that_waits_for_each_answer_is_never_over_the_limit),
        cmocka_unit_test(only_a_method_that_is_registered_can_be_limited),
        LIMIT_FACT(a_session_keeps_a_number_of_bytes_that_are_not_collected),
        LIMIT_FACT(a_server_holds_a_number_of_bytes_of_open_calls),
        LIMIT_FACT(late_answers_beyond_the_bytes_of_the_server_are_refused),
        LIMIT_FACT(a_server_has_a_number_of_connections),
        LIMIT_FACT(a_connection_has_16_sessions_and_an_idle_one_makes_room),
        LIMIT_FACT(refusals_that_do_not_fit_the_reply_do_not_widen_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
