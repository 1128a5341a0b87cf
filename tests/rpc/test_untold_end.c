/* SPDX-License-Identifier: MIT */
/*
 * test_untold_end.c - connections whose end nng does not tell, since its reaper hangs as nng_shut.h says.
 */
#include "rpc/rpc_fixture.h"

#include <nng/nng.h>

#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <unistd.h>

#include "base/clock.h"
#include "rpc/server_internal.h"
#include "rpc/wire.h"

/* Two ends of a connection whose end keeps the reaper busy. */
static struct {
    nng_socket one, other;
    bool used;
    struct fr_wait wait;
    uint64_t hanging, released; /* guarded by wait */
} reaper;

static void hang(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
    (void)pipe;
    (void)event;
    (void)argument;
    fr_wait_lock(&reaper.wait);
    reaper.hanging++;
    fr_wait_unlock_changed(&reaper.wait);
    FR_ASSERT(fr_wait_for(&reaper.wait, &reaper.released, 1, 10 * FR_TEST_PATIENCE_US));
}

static void hang_reaper(void)
{
    nng_dialer dialer;
    fr_wait_init(&reaper.wait);
    reaper.hanging = reaper.released = 0;
    reaper.used = true;
    assert_int_equal(nng_rep0_open(&reaper.one), 0);
    assert_int_equal(nng_req0_open(&reaper.other), 0);
    assert_int_equal(nng_listen(reaper.one, "inproc://reaper", NULL, 0), 0);
    assert_int_equal(nng_pipe_notify(reaper.other, NNG_PIPE_EV_REM_POST, hang, NULL), 0);
    assert_int_equal(nng_dial(reaper.other, "inproc://reaper", &dialer, 0), 0);
    assert_int_equal(nng_dialer_close(dialer), 0);
    assert_true(fr_wait_for(&reaper.wait, &reaper.hanging, 1, FR_TEST_PATIENCE_US));
}

static void release_reaper(void)
{
    fr_wait_lock(&reaper.wait);
    reaper.released = 1;
    fr_wait_unlock_changed(&reaper.wait);
    nng_close(reaper.one);
    nng_close(reaper.other);
    fr_wait_fini(&reaper.wait);
    reaper.used = false;
}

/* Also after a failure. */
static int close_all(void **state)
{
    if (reaper.used) {
        release_reaper();
    }
    return fixture_close(state);
}

static void answer_next_as_pending(struct wire *server)
{
    uint32_t tag;
    request_batch *batch = wire_receive(server, &tag);
    wire_reply_pending(server, tag, batch);
    wire_drop(batch);
}

static void assert_echoed(struct outcome *outcome)
{
    await(outcome);
    assert_int_equal(outcome->code, FR_OK);
    assert_string_equal(outcome->payload, "x");
}

static void a_channel_ends_its_calls_and_connects_anew(void **state)
{
    struct fixture *f = *state;
    static const struct fr_retry_policy policy;
    static const struct fr_call_options again = {.idempotent = true}; /* when it left just before the end */
    struct wire server;
    struct outcome late, next;
    char target[64];
    int listener = wire_listen(true, target);
    fixture_use_target(
        f, target, &(struct fr_channel_options){.connect_timeout_us = FR_TEST_PATIENCE_US, .retry = &policy});
    wire_accept(&server, listener);
    start_call(f, ECHO, "x", NULL, &late, NULL);
    answer_next_as_pending(&server);
    wire_drop(wire_receive(&server, &(uint32_t){0})); /* who asks for the answer has heard that it is late */
    hang_reaper();
    for (unsigned i = 0; i < 2; i++) {
        wire_close(&server);
        if (i == 0) {
            await(&late);
            assert_int_equal(late.code, FR_UNAVAILABLE);
            assert_false(late.not_sent);
        }
        start_call(f, ECHO, "x", &again, &next, NULL);
        wire_accept(&server, listener);
        wire_echo_next(&server);
        assert_echoed(&next);
    }
    /* The news of the two ends come now, and mean nothing to the third connection. */
    release_reaper();
    start_call(f, ECHO, "x", NULL, &next, NULL);
    wire_echo_next(&server);
    assert_echoed(&next);
    wire_finish(&server);
    close(listener);
}

/* Its side is open still when nng has closed ours. */
static void a_channel_does_not_wait_for_the_news_of_a_silent_server(void **state)
{
    struct fixture *f = *state;
    static const struct fr_retry_policy policy;
    static const struct fr_call_options again = {.idempotent = true};
    struct wire silent, server;
    struct outcome outcome;
    char target[64];
    int listener = wire_listen(true, target);
    fixture_use_target(f, target,
                       &(struct fr_channel_options){.connect_timeout_us = FR_TEST_PATIENCE_US,
                                                    .keepalive_us = 100 * FR_MILLISECOND_US,
                                                    .retry = &policy});
    wire_accept(&silent, listener);
    hang_reaper();
    start_call(f, ECHO, "x", &again, &outcome, NULL);
    wire_accept(&server, listener);
    wire_echo_next(&server);
    assert_echoed(&outcome);
    fr_channel_free(f->channel); /* does not wait for nng either */
    f->channel = NULL;
    release_reaper();
    wire_close(&silent);
    wire_close(&server);
    close(listener);
}

static void a_server_ends_the_calls_of_a_client_that_has_gone(void **state)
{
    struct fixture *f = *state;
    struct wire client;
    fixture_use_limits(f, &(struct fr_server_limits){.park_us = 80 * FR_MILLISECOND_US});
    wire_connect(&client, f->address);
    ASK(&client, .session = 1, .calls = {{1, WATCH, ""}});
    fixture_wait_held(f, 1);
    hang_reaper();
    wire_close(&client);
    fixture_wait_over(f, 1);
    release_reaper();
}

static void who_connects_while_a_server_ends_is_turned_away(void **state)
{
    struct fixture *f = *state;
    struct wire client;
    atomic_store(&f->server->freeing, true);
    wire_connect(&client, f->address);
    wire_wait_closed(&client);
    wire_close(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_channel_ends_its_calls_and_connects_anew, fixture_open_bare, close_all),
        cmocka_unit_test_setup_teardown(a_channel_does_not_wait_for_the_news_of_a_silent_server, fixture_open_bare,
                                        close_all),
        cmocka_unit_test_setup_teardown(a_server_ends_the_calls_of_a_client_that_has_gone, fixture_open, close_all),
        cmocka_unit_test_setup_teardown(who_connects_while_a_server_ends_is_turned_away, fixture_open, close_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
