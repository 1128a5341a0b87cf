/* SPDX-License-Identifier: MIT */
/*
 * test_retries.c - which calls a channel tries again, and when; servers that come and go under load.
 */
#include "rpc/rpc_fixture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "rpc/load.h"
#include "rpc/program.h"
#include "rpc/wire.h"

#define ANY "tcp://127.0.0.1:0"

static struct wire server;
static int listener;
static char target[64];

static const struct fr_retry_policy quick = {.max_attempts = 3, .initial_backoff_us = 1000, .max_backoff_us = 5000};
static const struct fr_call_options idempotent = {.idempotent = true, .timeout_us = FR_TEST_PATIENCE_US};
static const struct fr_call_options once = {.timeout_us = FR_TEST_PATIENCE_US};

static void use_policy(struct fixture *f, const struct fr_retry_policy *policy)
{
    fixture_use_target(f, target, &(struct fr_channel_options){.retry = policy,
                                                               .connect_timeout_us = FR_TEST_PATIENCE_US});
}

static void open_server(struct fixture *f, const struct fr_retry_policy *policy)
{
    listener = wire_listen(true, target);
    use_policy(f, policy);
    wire_accept(&server, listener);
}

/* With the channel, whose calls end. */
static void close_server(struct fixture *f)
{
    close(listener);
    wire_finish(&server);
    fr_channel_free(f->channel);
    f->channel = NULL;
}

static int open_wire(void **state)
{
    fixture_open_bare(state);
    open_server(*state, &quick);
    return 0;
}

static int close_wire(void **state)
{
    close_server(*state);
    return fixture_close(state);
}

/* Receives a message of one call, or of none when collect is due; returns the call's id. */
static uint64_t receive_one(uint32_t *ret_tag, uint64_t *ret_timeout_us)
{
    request_batch *batch = wire_receive(&server, ret_tag);
    assert_int_equal(batch->n_request, 1);
    uint64_t id = batch->request[0]->id;
    if (ret_timeout_us != NULL) {
        *ret_timeout_us = batch->request[0]->timeout_us;
    }
    wire_drop(batch);
    return id;
}

/* Answers the next attempt with an error, or with "fine". */
static uint64_t answer_attempt(enum fr_code code, uint64_t retry_after_us)
{
    uint32_t tag;
    uint64_t id = receive_one(&tag, NULL);
    REPLY(&server, tag, .answers = {{id, code, code == FR_OK ? "fine" : "", retry_after_us}}, .answer_count = 1);
    return id;
}

static void an_idempotent_call_is_tried_again_until_it_is_answered(void **state)
{
    struct outcome outcome;
    start_call(*state, ECHO, "x", &idempotent, &outcome, NULL);
    uint64_t first = answer_attempt(FR_UNAVAILABLE, 0), second = answer_attempt(FR_UNAVAILABLE, 0);
    assert_int_not_equal(first, second);
    answer_attempt(FR_OK, 0);
    await(&outcome);
    assert_int_equal(outcome.code, FR_OK);
    assert_string_equal(outcome.payload, "fine");
}

static void the_last_attempt_decides(void **state)
{
    struct outcome outcome;
    start_call(*state, ECHO, "x", &idempotent, &outcome, NULL);
    for (unsigned i = 0; i < quick.max_attempts; i++) {
        answer_attempt(FR_UNAVAILABLE, 0);
    }
    await(&outcome);
    assert_int_equal(outcome.code, FR_UNAVAILABLE);
    assert_false(outcome.not_sent);
    assert_true(wire_is_silent(&server));
}

static void other_calls_and_codes_are_not_tried_again(void **state)
{
    static const struct {
        const struct fr_call_options *options;
        enum fr_code code;
        uint64_t retry_after_us;
    } cases[] = {{&once, FR_UNAVAILABLE, 0},     {&once, FR_RESOURCE_EXHAUSTED, 1000}, {&idempotent, FR_ABORTED, 0},
                 {&idempotent, FR_INTERNAL, 0}, {&idempotent, FR_RESOURCE_EXHAUSTED, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct outcome outcome;
        start_call(*state, ECHO, "x", cases[i].options, &outcome, NULL);
        answer_attempt(cases[i].code, cases[i].retry_after_us);
        await(&outcome);
        assert_int_equal(outcome.code, cases[i].code);
        assert_int_equal(outcome.retry_after_us, cases[i].retry_after_us);
    }
    assert_true(wire_is_silent(&server));
}

static void the_pause_that_the_server_asks_for_is_kept(void **state)
{
    const uint64_t pause_us = 40 * FR_MILLISECOND_US;
    struct outcome outcome;
    uint64_t timeouts_us[2];
    uint32_t tag;
    start_call(*state, ECHO, "x", &idempotent, &outcome, NULL);
    uint64_t id = receive_one(&tag, &timeouts_us[0]);
    uint64_t begin_us = fr_clock_now_us();
    REPLY(&server, tag, .answers = {{id, FR_RESOURCE_EXHAUSTED, "", pause_us}}, .answer_count = 1);
    id = receive_one(&tag, &timeouts_us[1]);
    assert_true(fr_clock_now_us() - begin_us >= pause_us);
    /* One deadline for all attempts. */
    assert_true(timeouts_us[0] - timeouts_us[1] >= pause_us);
    REPLY(&server, tag, .answers = {{id}}, .answer_count = 1);
    await(&outcome);
    assert_int_equal(outcome.code, FR_OK);
}

static void a_pause_beyond_the_deadline_ends_the_call(void **state)
{
    struct outcome outcome;
    start_call(*state, ECHO, "x", &idempotent, &outcome, NULL);
    answer_attempt(FR_RESOURCE_EXHAUSTED, 2 * FR_TEST_PATIENCE_US);
    await(&outcome);
    assert_int_equal(outcome.code, FR_RESOURCE_EXHAUSTED);
}

static void a_call_that_pauses_can_be_cancelled_and_ends_with_its_channel(void **state)
{
    struct fixture *f = *state;
    struct outcome outcomes[2];
    struct fr_pending *pending;
    start_call(f, ECHO, "x", &idempotent, &outcomes[0], &pending);
    answer_attempt(FR_RESOURCE_EXHAUSTED, FR_TEST_PATIENCE_US / 2);
    start_call(f, ECHO, "x", &idempotent, &outcomes[1], NULL);
    answer_attempt(FR_RESOURCE_EXHAUSTED, FR_TEST_PATIENCE_US / 2);
    fr_pending_cancel(pending);
    fr_pending_unref(pending);
    await(&outcomes[0]);
    assert_int_equal(outcomes[0].code, FR_CANCELLED);
    close_server(f);
    assert_int_equal(outcomes[1].done, 1);
    assert_int_equal(outcomes[1].code, FR_CANCELLED);
    open_server(f, &quick);
}

static void many_failures_stop_retries(void **state)
{
    const struct fr_retry_policy few = {.max_attempts = 2, .initial_backoff_us = 100, .max_tokens = 4};
    struct fixture *f = *state;
    unsigned attempts = 0;
    close_server(f);
    open_server(f, &few);
    for (unsigned i = 0; i < 10; i++) {
        struct outcome outcome;
        start_call(f, ECHO, "x", &idempotent, &outcome, NULL);
        do {
            answer_attempt(FR_UNAVAILABLE, 0);
            attempts++;
        } while (i == 0 && attempts < 2);
        await(&outcome);
        assert_int_equal(outcome.code, FR_UNAVAILABLE);
    }
    assert_int_equal(attempts, 11);
}

static void after_a_lost_connection_only_idempotent_calls_leave_again(void **state)
{
    struct fixture *f = *state;
    struct outcome repeated, lost;
    uint32_t tag;
    start_call(f, ECHO, "repeated", &idempotent, &repeated, NULL);
    wire_drop(wire_receive(&server, &tag));
    start_call(f, ECHO, "lost", &once, &lost, NULL);
    wire_drop(wire_receive(&server, &tag));
    wire_close(&server);
    await(&lost);
    assert_int_equal(lost.code, FR_UNAVAILABLE);
    assert_false(lost.not_sent);
    wire_accept(&server, listener);
    request_batch *batch = wire_receive(&server, &tag);
    assert_int_equal(batch->n_request, 1);
    assert_int_equal(batch->request[0]->payload.len, strlen("repeated"));
    wire_reply_echo(&server, tag, batch);
    wire_drop(batch);
    await(&repeated);
    assert_int_equal(repeated.code, FR_OK);
    assert_true(wire_is_silent(&server));
}

#define MANY 10000

/* Receives until so many calls are under way. Messages that only collect stay unanswered. */
static void receive_many(size_t count, void (*reply)(struct wire *, uint32_t, const request_batch *))
{
    uint32_t tag;
    while (count > 0) {
        request_batch *batch = wire_receive(&server, &tag);
        assert_true(batch->n_request <= count);
        count -= batch->n_request;
        if (batch->n_request > 0) {
            reply(&server, tag, batch);
        }
        wire_drop(batch);
    }
}

static void a_lost_connection_fails_none_of_ten_thousand_idempotent_calls(void **state)
{
    struct fixture *f = *state;
    struct outcome *outcomes = calloc(MANY, sizeof *outcomes);
    assert_non_null(outcomes);
    close_server(f);
    open_server(f, &(struct fr_retry_policy){0});
    for (size_t i = 0; i < MANY; i++) {
        start_call(f, ECHO, "x", &idempotent, &outcomes[i], NULL);
    }
    receive_many(MANY, wire_reply_pending);
    wire_close(&server);
    wire_accept(&server, listener);
    receive_many(MANY, wire_reply_echo);
    for (size_t i = 0; i < MANY; i++) {
        await(&outcomes[i]);
        assert_int_equal(outcomes[i].code, FR_OK);
    }
    free(outcomes);
}

/* Answers the next message as a whole. */
static void refuse_message(enum fr_code code, uint64_t retry_after_us)
{
    uint32_t tag;
    receive_one(&tag, NULL);
    REPLY(&server, tag, .answers = {{0, code, "", retry_after_us}}, .answer_count = 1);
}

static void a_refused_message_is_sent_again_whatever_its_calls_after_the_pause_it_names(void **state)
{
    const uint64_t pause_us = 10 * FR_MILLISECOND_US;
    const struct fr_call_options *const options[] = {&once, &idempotent};
    for (size_t i = 0; i < 2; i++) {
        struct outcome outcome;
        start_call(*state, ECHO, "x", options[i], &outcome, NULL);
        uint64_t begin_us = fr_clock_now_us();
        /* More often than there are attempts. */
        for (unsigned n = 0; n < 2 * quick.max_attempts; n++) {
            refuse_message(n % 2 == 0 ? FR_RESOURCE_EXHAUSTED : FR_UNAVAILABLE, pause_us);
        }
        answer_attempt(FR_OK, 0);
        assert_true(fr_clock_now_us() - begin_us >= 2 * quick.max_attempts * pause_us);
        await(&outcome);
        assert_int_equal(outcome.code, FR_OK);
    }
}

static void a_refusal_after_an_attempt_does_not_say_that_it_was_never_sent(void **state)
{
    const struct fr_call_options *const options[] = {&idempotent, &once};
    for (size_t i = 0; i < 2; i++) {
        struct outcome outcome;
        start_call(*state, ECHO, "x", options[i], &outcome, NULL);
        if (options[i]->idempotent) {
            answer_attempt(FR_UNAVAILABLE, 0);
        }
        refuse_message(FR_INTERNAL, 0);
        await(&outcome);
        assert_int_equal(outcome.code, FR_INTERNAL);
        assert_int_equal(outcome.not_sent, !options[i]->idempotent);
    }
}

static void an_absurd_push_back_ends_a_call_without_a_deadline(void **state)
{
    struct outcome outcome;
    start_call(*state, ECHO, "x", &(struct fr_call_options){.idempotent = true}, &outcome, NULL);
    answer_attempt(FR_UNAVAILABLE, UINT64_MAX - 1);
    await(&outcome);
    assert_int_equal(outcome.code, FR_UNAVAILABLE);
    assert_true(outcome.retry_after_us == UINT64_MAX - 1);
    assert_true(wire_is_silent(&server));
}

static void a_call_that_was_tried_does_not_say_that_it_was_never_sent(void **state)
{
    struct fixture *f = *state;
    struct outcome outcome;
    uint32_t tag;
    start_call(f, ECHO, "x", &(struct fr_call_options){.idempotent = true}, &outcome, NULL);
    wire_drop(wire_receive(&server, &tag));
    close(listener);
    wire_close(&server);
    await(&outcome);
    assert_int_equal(outcome.code, FR_UNAVAILABLE);
    assert_false(outcome.not_sent);
    open_server(f, &quick);
}

static void a_call_with_a_deadline_waits_for_a_connection(void **state)
{
    struct fixture *f = *state;
    struct outcome waits, hurries, expires;
    int later = wire_listen(false, target);
    fixture_use_target(f, target, &(struct fr_channel_options){.retry = &quick});
    start_call(f, ECHO, "waits", &once, &waits, NULL);
    start_call(f, ECHO, "expires", &(struct fr_call_options){.timeout_us = 30 * FR_MILLISECOND_US}, &expires, NULL);
    start_call(f, ECHO, "hurries", NULL, &hurries, NULL);
    await(&hurries);
    assert_int_equal(hurries.code, FR_UNAVAILABLE);
    await(&expires);
    assert_int_equal(expires.code, FR_DEADLINE_EXCEEDED);
    assert_true(hurries.not_sent && expires.not_sent);
    assert_int_equal(waits.done, 0);
    assert_int_equal(listen(later, 16), 0);
    struct wire other;
    uint32_t tag;
    wire_accept(&other, later);
    request_batch *batch = wire_receive(&other, &tag);
    assert_int_equal(batch->n_request, 1);
    wire_reply_echo(&other, tag, batch);
    wire_drop(batch);
    await(&waits);
    assert_int_equal(waits.code, FR_OK);
    wire_finish(&other);
    close(later);
}

/* Servers are killed and follow each other on one port under load. FRESHET_SOAK_ROUNDS makes it longer. */
static void killed_servers_fail_no_idempotent_call_and_run_no_other_twice(void **state)
{
    const char *soak = getenv("FRESHET_SOAK_ROUNDS");
    unsigned rounds = soak == NULL ? 6 : (unsigned)strtoul(soak, NULL, 10), least, most;
    char address[64], again[64];
    struct load load;
    struct program program;
    struct fr_channel *channel;
    const struct fr_retry_policy policy = {.max_attempts = 10};
    const struct fr_channel_options options = {.retry = &policy};
    (void)state;
    load_init(&load);
    program_start(&program, ANY, load.shared, address);
    assert_int_equal(fr_channel_new(address, &options, &channel, NULL), FR_OK);
    load_start(&load, channel);
    for (unsigned round = 0; round < rounds; round++) {
        load_wait_more(&load, 1000);
        program_kill(&program);
        program_start(&program, address, load.shared, again);
        assert_string_equal(again, address);
    }
    load_wait_more(&load, 1000);
    load_stop(&load);
    assert_int_equal(load_count(&load, true, LOAD_IN_DOUBT) + load_count(&load, true, LOAD_FAILED), 0);
    assert_int_equal(load_count(&load, false, LOAD_FAILED), 0);
    assert_true(load_count(&load, false, LOAD_IN_DOUBT) > 0);
    load_runs(&load, true, LOAD_ANSWERED, &least, &most);
    assert_true(least >= 1);
    load_runs(&load, false, LOAD_ANSWERED, &least, &most);
    assert_int_equal(least, 1);
    assert_int_equal(most, 1);
    load_runs(&load, false, LOAD_IN_DOUBT, &least, &most);
    assert_true(most <= 1);
    fr_channel_free(channel);
    program_end(&program);
    load_fini(&load);
}

#define BARE_FACT(name) cmocka_unit_test_setup_teardown(name, fixture_open_bare, fixture_close)
#define WIRE_FACT(name) cmocka_unit_test_setup_teardown(name, open_wire, close_wire)

int main(int argc, char **argv)
{
    if (program_is_server(argc, argv)) {
        return load_serve(argv[0]);
    }
    const struct CMUnitTest tests[] = {
        WIRE_FACT(an_idempotent_call_is_tried_again_until_it_is_answered),
        WIRE_FACT(the_last_attempt_decides),
        WIRE_FACT(other_calls_and_codes_are_not_tried_again),
        WIRE_FACT(the_pause_that_the_server_asks_for_is_kept),
        WIRE_FACT(a_pause_beyond_the_deadline_ends_the_call),
        WIRE_FACT(a_call_that_pauses_can_be_cancelled_and_ends_with_its_channel),
        WIRE_FACT(many_failures_stop_retries),
        WIRE_FACT(after_a_lost_connection_only_idempotent_calls_leave_again),
        WIRE_FACT(a_lost_connection_fails_none_of_ten_thousand_idempotent_calls),
        WIRE_FACT(a_refused_message_is_sent_again_whatever_its_calls_after_the_pause_it_names),
        WIRE_FACT(a_refusal_after_an_attempt_does_not_say_that_it_was_never_sent),
        WIRE_FACT(an_absurd_push_back_ends_a_call_without_a_deadline),
        WIRE_FACT(a_call_that_was_tried_does_not_say_that_it_was_never_sent),
        BARE_FACT(a_call_with_a_deadline_waits_for_a_connection),
        cmocka_unit_test(killed_servers_fail_no_idempotent_call_and_run_no_other_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
