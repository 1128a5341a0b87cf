/* SPDX-License-Identifier: MIT */
/*
 * test_redis_events.c - in which turns of the loop replies are handled; the test is the Redis.
 */
#include "cache/redis_events.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka.h needs the standard headers first. */
#include <cmocka.h>

#include "base/clock.h"
#include "support/wait.h"

#define REPLY_BYTES 1000

struct talk {
    uv_loop_t loop;
    redisAsyncContext *context;
    int peer;
    size_t turns, replies, turn_of_first, turn_of_last;
    size_t left;  /* replies that are sent when the one before was handled */
    bool drops;   /* the context is given up in the first callback */
};

static void on_turn_end(void *argument)
{
    struct talk *self = argument;
    self->turns++;
}

static void answer(struct talk *self, size_t count)
{
    char reply[REPLY_BYTES];
    memset(reply, 'x', sizeof reply);
    reply[0] = '+';
    memcpy(reply + sizeof reply - 2, "\r\n", 2);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(send(self->peer, reply, sizeof reply, 0), sizeof reply);
    }
}

static void on_reply(redisAsyncContext *context, void *reply, void *argument)
{
    struct talk *self = argument;
    if (reply == NULL) {
        return; /* the connection ends */
    }
    self->turn_of_first = self->replies == 0 ? self->turns : self->turn_of_first;
    self->turn_of_last = self->turns;
    self->replies++;
    if (self->left > 0) {
        self->left--;
        answer(self, 1);
    }
    if (self->drops) {
        self->context = NULL;
        self->drops = false;
        redisAsyncFree(context);
    }
}

static int open_talk(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    struct talk *self = calloc(1, sizeof *self);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_non_null(self);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(uv_loop_init(&self->loop), 0);
    self->context = redisAsyncConnect("127.0.0.1", ntohs(address.sin_port));
    assert_int_equal(self->context->err, 0);
    self->peer = accept(listener, NULL, NULL);
    assert_true(self->peer >= 0);
    close(listener);
    assert_true(fr_redis_events_attach(self->context, &self->loop, on_turn_end, self));
    *state = self;
    return 0;
}

static int close_talk(void **state)
{
    struct talk *self = *state;
    if (self->context != NULL) {
        redisAsyncFree(self->context);
    }
    uv_run(&self->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&self->loop), 0);
    close(self->peer);
    free(self);
    return 0;
}

static void ask(struct talk *self, size_t count)
{
    static const char command[] = "*1\r\n$4\r\nPING\r\n";
    const size_t size = strlen(command);
    char received[4096];
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(redisAsyncFormattedCommand(self->context, on_reply, self, command, size), REDIS_OK);
    }
    uint64_t until_us = fr_clock_now_us() + FR_TEST_PATIENCE_US;
    for (size_t left = count * size; left > 0;) {
        assert_true(fr_clock_now_us() < until_us);
        uv_run(&self->loop, UV_RUN_NOWAIT);
        ssize_t got = recv(self->peer, received, sizeof received, MSG_DONTWAIT);
        left -= got > 0 ? (size_t)got : 0;
    }
}

static void wait_until_readable(struct talk *self, size_t bytes)
{
    uint64_t until_us = fr_clock_now_us() + FR_TEST_PATIENCE_US;
    int arrived = 0;
    while ((size_t)arrived < bytes) {
        assert_int_equal(ioctl(self->context->c.fd, FIONREAD, &arrived), 0);
        assert_true(fr_clock_now_us() < until_us);
    }
}

static void handle(struct talk *self, size_t replies)
{
    uint64_t until_us = fr_clock_now_us() + FR_TEST_PATIENCE_US;
    while (self->replies < replies) {
        assert_true(fr_clock_now_us() < until_us);
        uv_run(&self->loop, UV_RUN_NOWAIT);
    }
}

static void replies_that_came_together_are_handled_in_one_turn(void **state)
{
    struct talk *self = *state;
    ask(self, 50);
    answer(self, 50); /* of which hiredis reads 16 KiB at a time */
    wait_until_readable(self, 50 * REPLY_BYTES);
    handle(self, 50);
    assert_int_equal(self->turn_of_first, self->turn_of_last);
}

static void replies_without_an_end_leave_others_their_turn(void **state)
{
    struct talk *self = *state;
    ask(self, 1000);
    self->left = 999;
    answer(self, 1);
    handle(self, 1000);
    assert_true(self->turn_of_last > self->turn_of_first + 10);
}

static void a_context_that_ends_meanwhile_is_not_read_on(void **state)
{
    struct talk *self = *state;
    ask(self, 50);
    answer(self, 50);
    self->drops = true;
    handle(self, 1);
    assert_null(self->context);
    assert_int_equal(self->replies, 1);
}

#define TALK(name) cmocka_unit_test_setup_teardown(name, open_talk, close_talk)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALK(replies_that_came_together_are_handled_in_one_turn),
        TALK(replies_without_an_end_leave_others_their_turn),
        TALK(a_context_that_ends_meanwhile_is_not_read_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
