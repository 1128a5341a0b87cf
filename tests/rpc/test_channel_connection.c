/* SPDX-License-Identifier: MIT */
/*
 * test_channel_connection.c - targets that refuse, are silent, go away and come back.
 */
#include "rpc/rpc_fixture.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define FAST_US (500 * FR_MILLISECOND_US)

/* A port that is ours: bound, so that nobody else listens on it. With listening, connections succeed and stay mute. */
static int own_port(bool listening, char target[64])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    if (listening) {
        assert_int_equal(listen(fd, 16), 0);
    }
    snprintf(target, 64, "tcp://127.0.0.1:%u", ntohs(address.sin_port));
    return fd;
}

static void use_target(struct fixture *f, const char *target, const struct fr_channel_options *options)
{
    fr_channel_free(f->channel);
    f->channel = NULL;
    assert_int_equal(fr_channel_new(target, options, &f->channel, NULL), FR_OK);
}

static void a_refused_connection_fails_calls_fast_and_names_the_target(void **state)
{
    struct fixture *f = *state;
    char target[64];
    int fd = own_port(false, target);
    use_target(f, target, &(struct fr_channel_options){.name = "data"});
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

static void many_waiting_calls_fail_together(void **state)
{
    struct fixture *f = *state;
    char target[64];
    static struct outcome outcomes[300];
    int fd = own_port(false, target);
    use_target(f, target, NULL);
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
    int fd = own_port(true, target);
    use_target(f, target, &(struct fr_channel_options){.connect_timeout_us = 100 * FR_MILLISECOND_US});
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

static void a_waiting_call_ends_at_its_own_deadline(void **state)
{
    struct fixture *f = *state;
    char target[64];
    int fd = own_port(true, target);
    use_target(f, target, &(struct fr_channel_options){.connect_timeout_us = FR_TEST_PATIENCE_US});
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
    int fd = own_port(true, target);
    use_target(f, target, &(struct fr_channel_options){.connect_timeout_us = FR_TEST_PATIENCE_US});
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

/* The old listener closes in the background, so its port is free only a little later. */
static void serve_again(struct fixture *f)
{
    char address[128];
    uint64_t begin_us = fr_clock_now_us();
    memcpy(address, f->address, sizeof address);
    while (fixture_serve(f, address) != FR_OK) {
        assert_true(fr_clock_now_us() - begin_us < FR_TEST_PATIENCE_US);
    }
}

static void a_lost_server_ends_open_calls_as_unavailable(void **state)
{
    struct fixture *f = *state;
    struct outcome outcomes[20];
    for (unsigned i = 0; i < 20; i++) {
        start_call(f, HOLD, "", NULL, &outcomes[i], NULL);
    }
    fixture_wait_held(f, 20);
    fr_server_free(f->server);
    f->server = NULL;
    for (unsigned i = 0; i < 20; i++) {
        await(&outcomes[i]);
        assert_int_equal(outcomes[i].code, FR_UNAVAILABLE);
        assert_false(outcomes[i].not_sent);
        assert_non_null(strstr(outcomes[i].message, f->address));
    }
    uint64_t begin_us = fr_clock_now_us();
    assert_int_equal(call(f, ECHO, "x", NULL).code, FR_UNAVAILABLE);
    assert_true(fr_clock_now_us() - begin_us < 2 * FR_SECOND_US);
}

static void calls_work_again_when_the_server_comes_back_on_its_port(void **state)
{
    struct fixture *f = *state;
    for (unsigned round = 0; round < 5; round++) {
        assert_int_equal(call(f, ECHO, "x", NULL).code, FR_OK);
        fr_server_free(f->server);
        f->server = NULL;
        uint64_t begin_us = fr_clock_now_us();
        while (call(f, ECHO, "x", NULL).code == FR_OK) {
            assert_true(fr_clock_now_us() - begin_us < FR_TEST_PATIENCE_US);
        }
        serve_again(f);
        begin_us = fr_clock_now_us();
        while (call(f, ECHO, "x", NULL).code != FR_OK) {
            assert_true(fr_clock_now_us() - begin_us < FR_TEST_PATIENCE_US);
        }
    }
}

static void channels_to_nowhere_come_and_go(void **state)
{
    struct fixture *f = *state;
    char target[64];
    int fd = own_port(false, target);
    for (unsigned i = 0; i < 100; i++) {
        use_target(f, target, NULL);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(a_refused_connection_fails_calls_fast_and_names_the_target),
        FACT(many_waiting_calls_fail_together),
        FACT(a_silent_target_fails_calls_after_the_connect_time_out),
        FACT(a_waiting_call_ends_at_its_own_deadline),
        FACT(a_waiting_call_can_be_cancelled),
        FACT(a_lost_server_ends_open_calls_as_unavailable),
        FACT(calls_work_again_when_the_server_comes_back_on_its_port),
        FACT(channels_to_nowhere_come_and_go),
        cmocka_unit_test(a_target_that_is_no_address_is_refused),
        FACT(a_server_says_why_it_cannot_listen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
