/* SPDX-License-Identifier: MIT */
/*
 * test_channel_connection.c - targets that refuse, are silent, go away and come back.
 */
#include "rpc/rpc_fixture.h"

#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "rpc/channel_internal.h"
#include "rpc/program.h"
#include "rpc/wire.h"

#define FAST_US         (5 * FR_SECOND_US) /* on a machine that may be busy; what waits, waits longer */
#define CONNECT_WAIT_US (30 * FR_SECOND_US)

static void a_refused_connection_fails_calls_fast_and_names_the_target(void **state)
{
    struct fixture *f = *state;
    char target[64];
    int fd = wire_listen(false, target);
    fixture_use_target(f, target, &(struct fr_channel_options){.name = "data", .connect_timeout_us = CONNECT_WAIT_US});
    uint64_t begin_us = fr_clock_now_us();
    struct fr_result result = call(f, ECHO, "x", NULL);
    assert_true(fr_clock_now_us() - begin_us < FAST_US);
    assert_int_equal(result.code, FR_UNAVAILABLE);
    assert_true(result.not_sent);
    assert_non_null(strstr(result.message, target));
    assert_non_null(strstr(result.message, "data"));
    assert_non_null(strstr(result.message, "refused"));
    begin_us = fr_clock_now_us();
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(call(f, ECHO, "x", NULL).code, FR_UNAVAILABLE);
    }
    assert_true(fr_clock_now_us() - begin_us < FAST_US);
    close(fd);
}

static void refusals_are_not_taken_for_those_of_another_channel(void **state)
{
    struct fixture *f = *state;
    char refusing[64], silent[64];
    struct fr_channel *other;
    int refusing_fd = wire_listen(false, refusing), silent_fd = wire_listen(true, silent);
    const struct fr_channel_options patient = {.connect_timeout_us = FR_TEST_PATIENCE_US};
    const struct fr_call_options brief = {.timeout_us = 100 * FR_MILLISECOND_US};
    /* Either comes first once. */
    fixture_use_target(f, silent, &patient);
    assert_int_equal(fr_channel_new(refusing, &patient, &other, NULL), FR_OK);
    for (unsigned i = 0; i < 2; i++) {
        struct fr_channel *ours = f->channel;
        f->channel = other;
        struct fr_result result = call(f, ECHO, "x", NULL);
        assert_int_equal(result.code, FR_UNAVAILABLE);
        assert_non_null(strstr(result.message, "refused"));
        f->channel = ours;
        assert_int_equal(call(f, ECHO, "x", &brief).code, FR_DEADLINE_EXCEEDED);
        fixture_use_target(f, silent, &patient);
    }
    fr_channel_free(other);
    fr_channel_free(f->channel);
    f->channel = NULL;
    close(silent_fd);
    close(refusing_fd);
}

static void many_waiting_calls_fail_together(void **state)
{
    struct fixture *f = *state;
    char target[64];
    static struct outcome outcomes[300];
    int fd = wire_listen(false, target);
    fixture_use_target(f, target, NULL);
    for (unsigned i = 0; i < 300; i++) {
        start_call(f, ECHO, "x", i % 2 == 0 ? NULL : &(struct fr_call_options){.timeout_us = FR_TEST_PATIENCE_US},
                   &outcomes[i], NULL);
    }
    for (unsigned i = 0; i < 300; i++) {
        await(&outcomes[i]);
        assert_int_equal(outcomes[i].code, FR_UNAVAILABLE);
        assert_int_equal(outcomes[i].done, 1);
    }
    close(fd);
}

static void a_silent_target_fails_calls_after_the_connect_time_out(void **state)
{
    struct fixture *f = *state;
    char target[64];
    int fd = wire_listen(true, target);
    fixture_use_target(f, target, &(struct fr_channel_options){.connect_timeout_us = 100 * FR_MILLISECOND_US});
    uint64_t begin_us = fr_clock_now_us();
    struct fr_result result = call(f, ECHO, "x", NULL);
    uint64_t took_us = fr_clock_now_us() - begin_us;
    assert_int_equal(result.code, FR_UNAVAILABLE);
    assert_in_range(took_us, 50 * FR_MILLISECOND_US, 5 * FR_SECOND_US);
    assert_non_null(strstr(result.message, target));
    assert_non_null(strstr(result.message, "100 ms"));
    fr_channel_free(f->channel);
    f->channel = NULL;
    close(fd);
}

/* As an HTTP server does, and as a server does that publishes over SP. */
static void a_target_with_another_protocol_is_told_from_one_that_is_slow(void **state)
{
    static const struct {
        const char *greeting;
        size_t size;
    } others[] = {{"HTTP/1.1 400 Bad Request\r\n", 26}, {"\0SP\0\0\x20\0\0", 8}};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char target[64];
        struct outcome outcome;
        int fd = wire_listen(true, target);
        fixture_use_target(f, target, &(struct fr_channel_options){.connect_timeout_us = FR_SECOND_US});
        start_call(f, ECHO, "x", NULL, &outcome, NULL);
        while (!fr_wait_for(outcome.wait, &outcome.done, 1, 0)) {
            struct pollfd ready = {.fd = fd, .events = POLLIN};
            if (poll(&ready, 1, 10) == 1) {
                uint8_t greeting[8];
                int peer = accept(fd, NULL, NULL);
                recv(peer, greeting, sizeof greeting, MSG_WAITALL);
                send(peer, others[i].greeting, others[i].size, MSG_NOSIGNAL);
                close(peer);
            }
        }
        assert_int_equal(outcome.code, FR_UNAVAILABLE);
        assert_non_null(strstr(outcome.message, "does not speak Freshet's protocol"));
        fr_channel_free(f->channel);
        f->channel = NULL;
        close(fd);
    }
}

static void greet_as_http(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    uint8_t greeting[8];
    if (poll(&ready, 1, 0) == 1) {
        int peer = accept(fd, NULL, NULL);
        recv(peer, greeting, sizeof greeting, MSG_WAITALL);
        send(peer, "HTTP/1.1", 8, MSG_NOSIGNAL);
        close(peer);
    }
}

/* Until a call fails with these words, or without. One with a deadline has the channel look what its attempts came to. */
static void call_until(struct fixture *f, int http_fd, const char *words, bool so, struct outcome *outcome)
{
    uint64_t begin_us = fr_clock_now_us();
    do {
        if (http_fd >= 0) {
            greet_as_http(http_fd);
        }
        (void)call(f, ECHO, "x", &(struct fr_call_options){.timeout_us = 30 * FR_MILLISECOND_US});
        start_call(f, ECHO, "x", NULL, outcome, NULL);
        await(outcome);
        assert_int_equal(outcome->code, FR_UNAVAILABLE);
        assert_true(fr_clock_now_us() - begin_us < FR_TEST_PATIENCE_US);
    } while ((strstr(outcome->message, words) != NULL) != so);
}

static void another_protocol_that_has_gone_is_forgotten(void **state)
{
    struct fixture *f = *state;
    char target[64];
    int fd = wire_listen(true, target);
    struct outcome outcome;
    const struct fr_retry_policy once = {.max_attempts = 1};
    fixture_use_target(f, target, &(struct fr_channel_options){.connect_timeout_us = 1, .retry = &once});
    call_until(f, fd, "does not speak Freshet's protocol", true, &outcome);
    shutdown(fd, SHUT_RDWR); /* the port is still ours */
    call_until(f, -1, "refused", true, &outcome);
    assert_int_equal(listen(fd, 16), 0);
    call_until(f, -1, "refused", false, &outcome);
    assert_null(strstr(outcome.message, "does not speak"));
    fr_channel_free(f->channel);
    f->channel = NULL;
    close(fd);
}

static void a_waiting_call_ends_at_its_own_deadline(void **state)
{
    struct fixture *f = *state;
    char target[64];
    int fd = wire_listen(true, target);
    fixture_use_target(f, target, &(struct fr_channel_options){.connect_timeout_us = FR_TEST_PATIENCE_US});
    struct fr_result result = call(f, ECHO, "x", &(struct fr_call_options){.timeout_us = 20 * FR_MILLISECOND_US});
    assert_int_equal(result.code, FR_DEADLINE_EXCEEDED);
    fr_channel_free(f->channel);
    f->channel = NULL;
    close(fd);
}

static void a_waiting_call_can_be_cancelled(void **state)
{
    struct fixture *f = *state;
    char target[64];
    struct outcome outcome;
    struct fr_pending *pending;
    int fd = wire_listen(true, target);
    fixture_use_target(f, target, &(struct fr_channel_options){.connect_timeout_us = FR_TEST_PATIENCE_US});
    start_call(f, ECHO, "x", NULL, &outcome, &pending);
    fr_pending_cancel(pending);
    await(&outcome);
    assert_int_equal(outcome.code, FR_CANCELLED);
    assert_true(outcome.not_sent);
    fr_pending_unref(pending);
    fr_channel_free(f->channel);
    f->channel = NULL;
    close(fd);
}

/* The whole of the other process. A call of HOLD is told by a line. */
static int serve(const char *address)
{
    void *state;
    char byte;
    fixture_open(&state);
    struct fixture *f = state;
    fr_server_free(f->server);
    FR_ASSERT(fixture_serve(f, address) == FR_OK);
    FR_ASSERT(write(STDOUT_FILENO, f->address, strlen(f->address)) > 0);
    fixture_wait_held(f, 1);
    FR_ASSERT(write(STDOUT_FILENO, "held", 4) == 4);
    return read(STDIN_FILENO, &byte, 1) == 0 ? 0 : 1;
}

static void a_lost_server_ends_open_calls_as_unavailable(void **state)
{
    struct fixture *f = *state;
    struct program program;
    char address[64], held[4];
    struct outcome outcomes[20];
    program_start(&program, "tcp://127.0.0.1:0", -1, address);
    fixture_use_target(f, address, NULL);
    assert_int_equal(call(f, ECHO, "x", NULL).code, FR_OK);
    for (unsigned i = 0; i < 20; i++) {
        start_call(f, HOLD, "", NULL, &outcomes[i], NULL);
    }
    assert_int_equal(read(program.from, held, sizeof held), (ssize_t)sizeof held);
    program_kill(&program);
    for (unsigned i = 0; i < 20; i++) {
        await(&outcomes[i]);
        assert_int_equal(outcomes[i].code, FR_UNAVAILABLE);
        assert_non_null(strstr(outcomes[i].message, address));
    }
    uint64_t begin_us = fr_clock_now_us();
    assert_int_equal(call(f, ECHO, "x", NULL).code, FR_UNAVAILABLE);
    assert_true(fr_clock_now_us() - begin_us < 2 * FR_SECOND_US);
}

static void calls_work_again_when_the_server_comes_back_on_its_port(void **state)
{
    struct fixture *f = *state;
    char address[64], again[64];
    struct program program;
    program_start(&program, "tcp://127.0.0.1:0", -1, address);
    fixture_use_target(f, address, NULL);
    for (unsigned round = 0; round < 5; round++) {
        uint64_t begin_us = fr_clock_now_us();
        while (call(f, ECHO, "x", NULL).code != FR_OK) {
            assert_true(fr_clock_now_us() - begin_us < FR_TEST_PATIENCE_US);
        }
        program_kill(&program);
        assert_int_equal(call(f, ECHO, "x", NULL).code, FR_UNAVAILABLE);
        program_start(&program, address, -1, again);
        assert_string_equal(again, address);
    }
    program_kill(&program);
}

/* As a server does that is stopped at that moment. */
static void a_target_that_closes_during_the_handshake_is_dialled_again(void **state)
{
    struct fixture *f = *state;
    char target[64];
    int fd = wire_listen(true, target);
    fixture_use_target(f, target, NULL);
    for (unsigned i = 0; i < 12; i++) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        uint8_t greeting[8];
        assert_int_equal(poll(&ready, 1, (int)(FR_TEST_PATIENCE_US / 1000)), 1);
        int peer = accept(fd, NULL, NULL);
        assert_true(peer >= 0);
        if (i % 3 > 0) {
            assert_int_equal(recv(peer, greeting, sizeof greeting, MSG_WAITALL), (ssize_t)sizeof greeting);
        }
        if (i % 3 > 1) {
            assert_int_equal(send(peer, "\0SP\0", 4, MSG_NOSIGNAL), 4);
        }
        close(peer);
    }
    fr_channel_free(f->channel);
    f->channel = NULL;
    close(fd);
}

/* The guard reads the clock, and another thread loads a message and reads it again. */
static void a_message_that_is_newer_than_the_look_at_it_is_not_overdue(void **state)
{
    struct fixture *f = *state;
    static struct wire server;
    struct outcome outcome;
    uint32_t tag;
    fixture_use_wire(f, &server);
    start_call(f, ECHO, "x", NULL, &outcome, NULL);
    request_batch *batch = wire_receive(&server, &tag);
    struct fr_channel *channel = f->channel;
    pthread_mutex_lock(&channel->mu);
    for (unsigned i = 0; i < FR_LANES; i++) {
        channel->lanes[i].since_us = fr_clock_now_us() + FR_TEST_PATIENCE_US;
    }
    /* When the second look is over, so is all that comes of the first. */
    for (unsigned looks = 0; looks < 2; looks++) {
        uint64_t next_us = channel->guard.deadline_us;
        while (channel->guarding && channel->guard.deadline_us == next_us) {
            pthread_mutex_unlock(&channel->mu);
            sched_yield();
            pthread_mutex_lock(&channel->mu);
        }
    }
    pthread_mutex_unlock(&channel->mu);
    wire_reply_echo(&server, tag, batch);
    wire_drop(batch);
    await(&outcome);
    assert_int_equal(outcome.code, FR_OK);
    wire_finish(&server);
}

/* nng tells of both in threads of their own. */
static void a_connection_that_was_lost_before_it_was_told_of_is_none(void **state)
{
    struct fixture *f = *state;
    char target[64];
    const int pipe = 7;
    struct outcome outcome;
    int fd = wire_listen(false, target);
    fixture_use_target(f, target, NULL);
    fr_channel_lost(f->channel, pipe);
    fr_channel_connected(f->channel, pipe, nng_dialer_id(f->channel->dialer));
    start_call(f, ECHO, "x", NULL, &outcome, NULL);
    await(&outcome);
    assert_int_equal(outcome.code, FR_UNAVAILABLE);
    assert_true(outcome.not_sent);
    close(fd);
}

static void channels_to_nowhere_come_and_go(void **state)
{
    struct fixture *f = *state;
    char target[64];
    int fd = wire_listen(false, target);
    for (unsigned i = 0; i < 100; i++) {
        fixture_use_target(f, target, NULL);
        if (i % 10 == 0) {
            assert_int_equal(call(f, ECHO, "x", NULL).code, FR_UNAVAILABLE);
        }
    }
    close(fd);
}

static void a_target_that_is_no_address_is_refused(void **state)
{
    static const char *const wrong[] = {"", "tcp://", "tcp://127.0.0.1", "127.0.0.1:7001", "ipc:///x:1",
                                        "tcp://127.0.0.1:port"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct fr_channel *channel = NULL;
        struct fr_error error;
        assert_int_equal(fr_channel_new(wrong[i], NULL, &channel, &error), FR_INVALID_ARGUMENT);
        assert_null(channel);
    }
    char long_target[400] = "tcp://";
    memset(long_target + 6, 'h', 300);
    strcat(long_target, ":1");
    struct fr_channel *channel;
    assert_int_equal(fr_channel_new(long_target, NULL, &channel, NULL), FR_INVALID_ARGUMENT);
    fr_channel_free(NULL);
}

static void a_server_says_why_it_cannot_listen(void **state)
{
    struct fixture *f = *state;
    struct fr_server *second;
    struct fr_error error;
    assert_int_equal(fr_server_new(&second, NULL), FR_OK);
    assert_string_equal(fr_server_address(second), "");
    assert_int_equal(fr_server_listen(second, f->address, &error), FR_UNAVAILABLE);
    assert_non_null(strstr(error.message, f->address));
    fr_server_free(second);
    assert_int_equal(fr_server_new(&second, NULL), FR_OK);
    assert_int_equal(fr_server_listen(second, "tcp://nonsense", &error), FR_INVALID_ARGUMENT);
    fr_server_free(second);
    fr_server_free(NULL);
}

int main(int argc, char **argv)
{
    if (program_is_server(argc, argv)) {
        return serve(argv[0]);
    }
    const struct CMUnitTest tests[] = {
        FACT(a_refused_connection_fails_calls_fast_and_names_the_target),
        FACT(refusals_are_not_taken_for_those_of_another_channel),
        FACT(many_waiting_calls_fail_together),
        FACT(a_silent_target_fails_calls_after_the_connect_time_out),
        FACT(a_target_with_another_protocol_is_told_from_one_that_is_slow),
        FACT(another_protocol_that_has_gone_is_forgotten),
        FACT(a_waiting_call_ends_at_its_own_deadline),
        FACT(a_waiting_call_can_be_cancelled),
        FACT(a_lost_server_ends_open_calls_as_unavailable),
        FACT(calls_work_again_when_the_server_comes_back_on_its_port),
        FACT(a_target_that_closes_during_the_handshake_is_dialled_again),
        FACT(a_message_that_is_newer_than_the_look_at_it_is_not_overdue),
        FACT(a_connection_that_was_lost_before_it_was_told_of_is_none),
        FACT(channels_to_nowhere_come_and_go),
        cmocka_unit_test(a_target_that_is_no_address_is_refused),
        FACT(a_server_says_why_it_cannot_listen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
