/* SPDX-License-Identifier: MIT */
/*
 * test_unread.c - clients that send and do not read, or have more messages under way than is fair, cost nobody else
 * anything.
 */
#include "rpc/rpc_fixture.h"

#include <sys/socket.h>

#include "base/clock.h"
#include "rpc/wire.h"

#define SESSION 7
#define LARGE   "100000" /* bytes of an answer: the kernel takes some MB of them before the server has to keep any */
#define MANY    300      /* of them are surely more than it takes */

static struct wire peer, other;

static void serve_limited(struct fixture *f, const struct fr_server_limits *limits)
{
    fixture_use_limits(f, limits);
    wire_connect(&peer, f->address);
    wire_connect(&other, f->address);
    int small = 65536;
    setsockopt(peer.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    peer.may_close = true;
}

static int close_peers(void **state)
{
    wire_close(&peer);
    wire_close(&other);
    return fixture_close(state);
}

static void ask_many(struct wire *wire, unsigned count, const char *method, const char *payload)
{
    for (unsigned i = 0; i < count && !wire->closed; i++) {
        ASK(wire, .calls = {{1, method, payload}});
    }
}

static void expect_served(struct wire *wire)
{
    response_batch *batch = EXCHANGE(wire, .calls = {{1, ECHO, "x"}});
    assert_true(wire_payload_is(wire_find(batch, 1), "x"));
    wire_forget(batch);
}

static void a_connection_with_too_many_messages_under_way_is_closed(void **state)
{
    struct fixture *f = *state;
    serve_limited(f, &(struct fr_server_limits){.connection_messages = 8});
    ask_many(&peer, 8, WATCH, "");
    ask_many(&other, 8, HOLD, "");
    fixture_wait_held(f, 16);
    assert_true(wire_is_silent(&peer));
    ask_many(&peer, 1, ECHO, "");
    fixture_wait_over(f, 8);
    wire_wait_closed(&peer);
    assert_true(wire_is_silent(&other));
}

static void messages_that_are_answered_do_not_count(void **state)
{
    struct fixture *f = *state;
    serve_limited(f, &(struct fr_server_limits){.connection_messages = 64});
    for (unsigned i = 0; i < 1000; i++) {
        expect_served(&peer);
    }
}

static void a_connection_that_does_not_read_is_closed_beyond_its_bytes(void **state)
{
    struct fixture *f = *state;
    serve_limited(f, &(struct fr_server_limits){.connection_bytes = 1 << 20});
    ask_many(&peer, 2 * MANY, SIZE, LARGE);
    expect_served(&other);
    wire_wait_closed(&peer);
}

static void a_connection_that_does_not_read_is_closed_after_a_time(void **state)
{
    struct fixture *f = *state;
    serve_limited(f, &(struct fr_server_limits){.park_us = 40 * FR_MILLISECOND_US});
    ask_many(&peer, 1, WATCH, "");
    ask_many(&peer, MANY, SIZE, LARGE);
    fixture_wait_over(f, 1);
    expect_served(&other);
}

/* 112 of 128: the next message of any client closes the connection with the most. */
static void when_few_are_left_the_connection_with_the_most_messages_is_closed(void **state)
{
    struct fixture *f = *state;
    struct wire third;
    serve_limited(f, &(struct fr_server_limits){.messages = 128});
    wire_connect(&third, f->address);
    ask_many(&peer, 70, WATCH, "");
    ask_many(&other, 40, HOLD, "");
    ask_many(&third, 2, HOLD, "");
    fixture_wait_held(f, 112);
    struct wire fourth;
    wire_connect(&fourth, f->address);
    expect_served(&fourth);
    fixture_wait_over(f, 70);
    expect_served(&other);
    expect_served(&third);
    wire_close(&third);
    wire_close(&fourth);
}

static void one_connection_cannot_take_all_messages_of_the_server(void **state)
{
    struct fixture *f = *state;
    serve_limited(f, &(struct fr_server_limits){.messages = 128});
    ask_many(&peer, 1000, HOLD, "");
    wire_wait_closed(&peer);
    expect_served(&other);
}

/* So each of our channels, with its two messages, can wait for late answers. */
static void ordinary_clients_are_not_closed_when_few_are_left(void **state)
{
    enum { CLIENTS = 57 };
    struct fixture *f = *state;
    struct wire clients[CLIENTS];
    serve_limited(f, &(struct fr_server_limits){.messages = 128});
    for (unsigned i = 0; i < CLIENTS; i++) {
        wire_connect(&clients[i], f->address);
        wire_forget(EXCHANGE(&clients[i], .session = SESSION, .calls = {{1, HOLD, ""}}));
        ASK(&clients[i], .calls = {{1, HOLD, ""}});
        fixture_wait_held(f, 2 * i + 2);
        ASK(&clients[i], .session = SESSION, .collect = true);
    }
    expect_served(&other);
    fixture_release(f);
    for (unsigned i = 0; i < CLIENTS; i++) {
        expect_served(&clients[i]);
        wire_close(&clients[i]);
    }
}

static void a_drain_does_not_wait_for_clients_that_do_not_read(void **state)
{
    struct fixture *f = *state;
    serve_limited(f, &(struct fr_server_limits){0});
    ask_many(&peer, MANY, SIZE, LARGE);
    ask_many(&peer, 1, HOLD, "");
    fixture_wait_held(f, 1);
    fixture_release(f);
    uint64_t begin_us = fr_clock_now_us();
    assert_int_equal(fr_server_drain(f->server, FR_TEST_PATIENCE_US), 0);
    assert_true(fr_clock_now_us() - begin_us < FR_TEST_PATIENCE_US / 2);
}

#define UNREAD_FACT(name) cmocka_unit_test_setup_teardown(name, fixture_open_bare, close_peers)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNREAD_FACT(a_connection_with_too_many_messages_under_way_is_closed),
        UNREAD_FACT(messages_that_are_answered_do_not_count),
        UNREAD_FACT(a_connection_that_does_not_read_is_closed_beyond_its_bytes),
        UNREAD_FACT(a_connection_that_does_not_read_is_closed_after_a_time),
        UNREAD_FACT(when_few_are_left_the_connection_with_the_most_messages_is_closed),
        UNREAD_FACT(one_connection_cannot_take_all_messages_of_the_server),
        UNREAD_FACT(ordinary_clients_are_not_closed_when_few_are_left),
        UNREAD_FACT(a_drain_does_not_wait_for_clients_that_do_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
