/* SPDX-License-Identifier: MIT */
/*
 * test_drain.c - a server that drains sends its clients elsewhere and loses no call.
 */
#include "rpc/rpc_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "rpc/load.h"
#include "rpc/program.h"
#include "rpc/wire.h"

#define SESSION 7
#define ANY     "tcp://127.0.0.1:0"
#define HEALTH  "grpc.health.v1.Health/Check"

static struct wire peer;

static int open_peer(void **state)
{
    fixture_open_bare(state);
    struct fixture *f = *state;
    assert_int_equal(fixture_serve(f, ANY), FR_OK);
    wire_connect(&peer, f->address);
    return 0;
}

static int close_peer(void **state)
{
    wire_close(&peer);
    return fixture_close(state);
}

static void a_parked_collect_is_answered_so_that_the_client_learns_of_the_drain(void **state)
{
    struct fixture *f = *state;
    wire_forget(EXCHANGE(&peer, .session = SESSION, .calls = {{1, HOLD, ""}}));
    uint32_t tag = ASK(&peer, .session = SESSION, .collect = true);
    wire_forget(EXCHANGE(&peer, .session = SESSION, .calls = {{2, ECHO, ""}}));
    assert_int_equal(fr_server_drain(f->server, 1), 1);
    response_batch *batch = wire_answer(&peer, tag);
    assert_true(batch->draining);
    assert_int_equal(batch->n_response, 0);
    assert_true(wire_is_pending(batch, 1));
    wire_forget(batch);
    /* Open calls still end well. */
    fixture_release(f);
    batch = EXCHANGE(&peer, .session = SESSION, .collect = true);
    assert_true(wire_payload_is(wire_find(batch, 1), "released"));
    assert_true(batch->draining);
    wire_forget(batch);
}

static void a_call_of_a_session_is_left_out_without_a_word(void **state)
{
    struct fixture *f = *state;
    wire_forget(EXCHANGE(&peer, .session = SESSION, .calls = {{1, ECHO, ""}}));
    assert_int_equal(fr_server_drain(f->server, FR_TEST_PATIENCE_US), 0);
    response_batch *batch = EXCHANGE(&peer, .session = SESSION,
                                     .calls = {{2, HOLD, ""}, {3, HEALTH, ""}, {4, "no/Method"}});
    assert_true(batch->draining);
    assert_int_equal(batch->n_pending, 0);
    assert_null(wire_find(batch, 2));
    assert_non_null(wire_find(batch, 3));
    assert_int_equal(wire_find(batch, 4)->code, FR_UNIMPLEMENTED);
    assert_int_equal(f->held_count, 0);
    wire_forget(batch);
}

static void a_call_without_a_session_is_refused(void **state)
{
    struct fixture *f = *state;
    wire_forget(EXCHANGE(&peer, .calls = {{1, ECHO, ""}}));
    assert_int_equal(fr_server_drain(f->server, FR_TEST_PATIENCE_US), 0);
    response_batch *batch = EXCHANGE(&peer, .calls = {{2, HOLD, ""}});
    assert_true(batch->draining);
    assert_int_equal(wire_find(batch, 2)->code, FR_UNAVAILABLE);
    assert_int_equal(f->held_count, 0);
    wire_forget(batch);
}

/* Until its connection ends a client is told, so that it knows that its call was not started. */
static void a_message_that_arrives_before_the_end_is_answered(void **state)
{
    enum { CLIENTS = 100 };
    struct fixture *f = *state;
    struct wire clients[CLIENTS];
    uint32_t tags[CLIENTS];
    for (unsigned i = 0; i < CLIENTS; i++) {
        wire_connect(&clients[i], f->address);
        wire_forget(EXCHANGE(&clients[i], .session = SESSION, .calls = {{1, ECHO, ""}}));
    }
    assert_int_equal(fr_server_drain(f->server, FR_TEST_PATIENCE_US), 0);
    for (unsigned i = 0; i < CLIENTS; i++) {
        tags[i] = ASK(&clients[i], .session = SESSION, .calls = {{2, HOLD, ""}});
    }
    fr_server_free(f->server);
    f->server = NULL;
    for (unsigned i = 0; i < CLIENTS; i++) {
        response_batch *batch = wire_answer(&clients[i], tags[i]);
        assert_true(batch->draining);
        wire_forget(batch);
        wire_close(&clients[i]);
    }
    assert_int_equal(f->held_count, 0);
}

static void draining_waits_for_the_open_calls(void **state)
{
    struct fixture *f = *state;
    struct wire other;
    wire_connect(&other, f->address);
    for (unsigned i = 0; i < 200; i++) {
        ASK(&peer, .session = SESSION, .collect = true, .calls = {{i + 1, LATER, ""}});
        ASK(&other, .calls = {{1, LATER, ""}, {2, LATER, ""}});
    }
    assert_int_equal(fr_server_drain(f->server, FR_TEST_PATIENCE_US), 0);
    wire_close(&other);
}

/* Servers drain and follow each other on one port under load. */
static void a_drain_under_load_loses_no_call_and_runs_none_twice(void **state)
{
    enum { ROUNDS = 5, CALLS_BETWEEN = 3000 };
    char address[64], again[64];
    struct load load;
    struct program program;
    struct fr_channel *channel;
    const struct fr_retry_policy policy = {0};
    const struct fr_channel_options options = {.retry = &policy};
    (void)state;
    load_init(&load);
    program_start(&program, ANY, load.shared, address);
    assert_int_equal(fr_channel_new(address, &options, &channel, NULL), FR_OK);
    load_start(&load, channel);
    for (unsigned round = 0; round < ROUNDS; round++) {
        load_wait_more(&load, CALLS_BETWEEN);
        program_end(&program);
        program_start(&program, address, load.shared, again);
        assert_string_equal(again, address);
    }
    load_wait_more(&load, CALLS_BETWEEN);
    load_stop(&load);
    for (int idempotent = 0; idempotent < 2; idempotent++) {
        unsigned least, most;
        assert_int_equal(load_count(&load, idempotent, LOAD_FAILED), 0);
        assert_int_equal(load_count(&load, idempotent, LOAD_IN_DOUBT), 0);
        load_runs(&load, idempotent, LOAD_ANSWERED, &least, &most);
        assert_int_equal(least, 1);
        assert_int_equal(most, 1);
    }
    fr_channel_free(channel);
    program_end(&program);
    load_fini(&load);
}

#define PEER_FACT(name) cmocka_unit_test_setup_teardown(name, open_peer, close_peer)

int main(int argc, char **argv)
{
    if (program_is_server(argc, argv)) {
        return load_serve(argv[0]);
    }
    const struct CMUnitTest tests[] = {
        PEER_FACT(a_parked_collect_is_answered_so_that_the_client_learns_of_the_drain),
        PEER_FACT(a_call_of_a_session_is_left_out_without_a_word),
        PEER_FACT(a_call_without_a_session_is_refused),
        PEER_FACT(a_message_that_arrives_before_the_end_is_answered),
        PEER_FACT(draining_waits_for_the_open_calls),
        cmocka_unit_test(a_drain_under_load_loses_no_call_and_runs_none_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
