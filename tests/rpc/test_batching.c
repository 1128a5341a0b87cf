/* SPDX-License-Identifier: MIT */
/*
 * test_batching.c - which calls of a channel leave together, seen from the socket of its server.
 */
#include "rpc/rpc_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "rpc/wire.h"

/* As in lane.c. */
#define BATCH_CALLS 1024
#define BATCH_BYTES (1u << 20)

static struct wire server;

static int open_wire(void **state)
{
    fixture_open_bare(state);
    fixture_use_wire(*state, &server);
    return 0;
}

static int close_wire(void **state)
{
    wire_finish(&server);
    return fixture_close(state);
}

static bool request_is(const request_batch *batch, size_t index, const char *payload)
{
    const ProtobufCBinaryData *bytes = &batch->request[index]->payload;
    return bytes->len == strlen(payload) && memcmp(bytes->data, payload, bytes->len) == 0;
}

/* Two calls that keep both lanes busy until they are answered. */
struct busy {
    struct outcome outcomes[2];
    request_batch *batches[2];
    uint32_t tags[2];
};

static void keep_busy(struct fixture *f, struct busy *busy)
{
    for (unsigned i = 0; i < 2; i++) {
        start_call(f, ECHO, "busy", NULL, &busy->outcomes[i], NULL);
        busy->batches[i] = wire_receive(&server, &busy->tags[i]);
        assert_int_equal(busy->batches[i]->n_request, 1);
    }
}

static void end_busy(struct busy *busy, unsigned lane)
{
    wire_reply_echo(&server, busy->tags[lane], busy->batches[lane]);
    await(&busy->outcomes[lane]);
    assert_int_equal(busy->outcomes[lane].code, FR_OK);
    wire_drop(busy->batches[lane]);
}

static void start_numbered(struct fixture *f, struct outcome *outcomes, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char text[16];
        snprintf(text, sizeof text, "%u", i);
        start_call(f, ECHO, text, NULL, &outcomes[i], NULL);
    }
}

static void assert_numbered(const request_batch *batch, unsigned first)
{
    for (unsigned i = 0; i < batch->n_request; i++) {
        char text[16];
        snprintf(text, sizeof text, "%u", first + i);
        assert_true(request_is(batch, i, text));
    }
}

static void a_lone_call_leaves_at_once_and_names_its_session(void **state)
{
    struct fixture *f = *state;
    uint64_t session = 0;
    for (unsigned i = 0; i < 3; i++) {
        struct outcome outcome;
        uint32_t tag;
        start_call(f, ECHO, "lone", NULL, &outcome, NULL);
        request_batch *batch = wire_receive(&server, &tag);
        assert_int_equal(batch->n_request, 1);
        assert_true(request_is(batch, 0, "lone"));
        assert_int_equal(batch->n_cancel, 0);
        assert_int_not_equal(batch->session, 0);
        assert_true(session == 0 || session == batch->session);
        session = batch->session;
        wire_reply_echo(&server, tag, batch);
        wire_drop(batch);
        await(&outcome);
        assert_int_equal(outcome.code, FR_OK);
        assert_string_equal(outcome.payload, "lone");
    }
}

static void calls_issued_while_the_lanes_are_busy_leave_together_oldest_first(void **state)
{
    enum { CALLS = 64 };
    struct fixture *f = *state;
    struct busy busy;
    struct outcome outcomes[CALLS];
    uint32_t tag;
    keep_busy(f, &busy);
    start_numbered(f, outcomes, CALLS);
    assert_true(wire_is_silent(&server));
    end_busy(&busy, 1);
    request_batch *batch = wire_receive(&server, &tag);
    assert_int_equal(batch->n_request, CALLS);
    assert_numbered(batch, 0);
    wire_reply_echo(&server, tag, batch);
    wire_drop(batch);
    for (unsigned i = 0; i < CALLS; i++) {
        char text[16];
        snprintf(text, sizeof text, "%u", i);
        await(&outcomes[i]);
        assert_string_equal(outcomes[i].payload, text);
    }
    end_busy(&busy, 0);
}

/* Which of the two depends on which lane is idle first again. */
static void one_of_two_messages_asks_to_be_parked(void **state)
{
    struct fixture *f = *state;
    struct busy busy;
    for (unsigned i = 0; i < 3; i++) {
        keep_busy(f, &busy);
        assert_int_not_equal(busy.batches[0]->collect, busy.batches[1]->collect);
        end_busy(&busy, i % 2);
        end_busy(&busy, 1 - i % 2);
    }
}

static void a_message_takes_a_bounded_number_of_calls(void **state)
{
    enum { CALLS = 2 * BATCH_CALLS + 100 };
    static struct outcome outcomes[CALLS];
    struct fixture *f = *state;
    struct busy busy;
    keep_busy(f, &busy);
    start_numbered(f, outcomes, CALLS);
    end_busy(&busy, 0);
    for (unsigned seen = 0; seen < CALLS; ) {
        uint32_t tag;
        request_batch *batch = wire_receive(&server, &tag);
        assert_int_equal(batch->n_request, CALLS - seen < BATCH_CALLS ? CALLS - seen : BATCH_CALLS);
        assert_numbered(batch, seen);
        seen += (unsigned)batch->n_request;
        wire_reply_echo(&server, tag, batch);
        wire_drop(batch);
    }
    for (unsigned i = 0; i < CALLS; i++) {
        await(&outcomes[i]);
        assert_int_equal(outcomes[i].code, FR_OK);
    }
    end_busy(&busy, 1);
}

/* Calls of these sizes, in this order, wait while both lanes are busy. */
static void start_sized(struct fixture *f, const size_t *sizes, size_t count, struct outcome *outcomes)
{
    for (size_t i = 0; i < count; i++) {
        char *text = malloc(sizes[i] + 1);
        assert_non_null(text);
        memset(text, 'p', sizes[i]);
        text[sizes[i]] = '\0';
        start_call(f, ECHO, text, NULL, &outcomes[i], NULL);
        free(text);
    }
}

static void expect_sizes(const size_t *sizes, size_t count)
{
    uint32_t tag;
    request_batch *batch = wire_receive(&server, &tag);
    assert_int_equal(batch->n_request, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(batch->request[i]->payload.len, sizes[i]);
    }
    wire_reply_echo(&server, tag, batch);
    wire_drop(batch);
}

static void a_message_takes_a_bounded_number_of_bytes_and_a_large_call_leaves_alone(void **state)
{
    static const size_t sizes[] = {BATCH_BYTES / 3, BATCH_BYTES / 3, BATCH_BYTES / 3, 10, 3 * BATCH_BYTES, 20, 30};
    enum { CALLS = sizeof sizes / sizeof sizes[0] };
    struct fixture *f = *state;
    struct outcome outcomes[CALLS];
    struct busy busy;
    keep_busy(f, &busy);
    start_sized(f, sizes, CALLS, outcomes);
    end_busy(&busy, 1);
    expect_sizes(sizes, 2);
    expect_sizes(sizes + 2, 2);
    expect_sizes(sizes + 4, 1);
    expect_sizes(sizes + 5, 2);
    for (unsigned i = 0; i < CALLS; i++) {
        await(&outcomes[i]);
        assert_int_equal(outcomes[i].code, FR_OK);
        assert_int_equal(outcomes[i].payload_size, sizes[i]);
    }
    end_busy(&busy, 0);
}

static void a_request_over_the_limit_fails_and_never_leaves(void **state)
{
    static const size_t size = FR_MAX_MESSAGE_BYTES;
    struct fixture *f = *state;
    struct outcome outcome;
    start_sized(f, &size, 1, &outcome);
    await(&outcome);
    assert_int_equal(outcome.code, FR_RESOURCE_EXHAUSTED);
    assert_true(outcome.not_sent);
    assert_true(wire_is_silent(&server));
}

static void a_call_that_ends_in_the_queue_never_leaves(void **state)
{
    struct fixture *f = *state;
    struct busy busy;
    struct outcome late, cancelled, good;
    struct fr_pending *pending;
    uint32_t tag;
    keep_busy(f, &busy);
    start_call(f, ECHO, "late", &(struct fr_call_options){.timeout_us = 20 * FR_MILLISECOND_US}, &late, NULL);
    start_call(f, ECHO, "cancelled", NULL, &cancelled, &pending);
    start_call(f, ECHO, "good", &(struct fr_call_options){.timeout_us = FR_TEST_PATIENCE_US}, &good, NULL);
    fr_pending_cancel(pending);
    fr_pending_unref(pending);
    await(&late);
    await(&cancelled);
    assert_int_equal(late.code, FR_DEADLINE_EXCEEDED);
    assert_int_equal(cancelled.code, FR_CANCELLED);
    assert_true(late.not_sent && cancelled.not_sent);
    end_busy(&busy, 0);
    request_batch *batch = wire_receive(&server, &tag);
    assert_int_equal(batch->n_request, 1);
    assert_true(request_is(batch, 0, "good"));
    assert_int_equal(batch->n_cancel, 0);
    /* What it waited in the queue, at least the other one's deadline, is gone. */
    assert_in_range(batch->request[0]->timeout_us, 1, FR_TEST_PATIENCE_US - 20 * FR_MILLISECOND_US);
    wire_reply_echo(&server, tag, batch);
    wire_drop(batch);
    await(&good);
    assert_int_equal(good.code, FR_OK);
    end_busy(&busy, 1);
}

static void more_waiting_calls_than_allowed_fail_at_once(void **state)
{
    char target[64];
    struct fixture *f = *state;
    struct outcome outcomes[6], cancelled;
    struct fr_pending *pending;
    int listener = wire_listen(true, target);
    fixture_use_target(f, target, &(struct fr_channel_options){.connect_timeout_us = FR_TEST_PATIENCE_US,
                                                              .max_waiting = 5});
    /* One that has ended leaves its place. */
    start_call(f, ECHO, "cancelled", NULL, &cancelled, &pending);
    fr_pending_cancel(pending);
    fr_pending_unref(pending);
    start_numbered(f, outcomes, 6);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(outcomes[i].done, 0);
    }
    assert_int_equal(outcomes[5].done, 1);
    assert_int_equal(outcomes[5].code, FR_RESOURCE_EXHAUSTED);
    assert_true(outcomes[5].retry_after_us > 0);
    assert_true(outcomes[5].not_sent);
    struct wire other;
    uint32_t tag;
    wire_accept(&other, listener);
    request_batch *batch = wire_receive(&other, &tag);
    assert_int_equal(batch->n_request, 5);
    wire_reply_echo(&other, tag, batch);
    wire_drop(batch);
    for (unsigned i = 0; i < 5; i++) {
        await(&outcomes[i]);
        assert_int_equal(outcomes[i].code, FR_OK);
    }
    wire_finish(&other);
    close(listener);
}

static void ten_thousand_calls_in_flight_are_all_answered(void **state)
{
    enum { CALLS = 10000 };
    static struct outcome outcomes[CALLS];
    struct fixture *f = *state;
    for (unsigned i = 0; i < CALLS; i++) {
        start_call(f, HOLD, "", i % 2 == 0 ? NULL : &(struct fr_call_options){.timeout_us = 6 * FR_TEST_PATIENCE_US},
                   &outcomes[i], NULL);
    }
    fixture_wait_held(f, CALLS);
    assert_int_equal(call(f, ECHO, "meanwhile", NULL).code, FR_OK);
    fixture_release(f);
    for (unsigned i = 0; i < CALLS; i++) {
        await(&outcomes[i]);
        assert_int_equal(outcomes[i].code, FR_OK);
        assert_string_equal(outcomes[i].payload, "released");
    }
}

#define BARE_FACT(name) cmocka_unit_test_setup_teardown(name, fixture_open_bare, fixture_close)
#define WIRE_FACT(name) cmocka_unit_test_setup_teardown(name, open_wire, close_wire)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WIRE_FACT(a_lone_call_leaves_at_once_and_names_its_session),
        WIRE_FACT(calls_issued_while_the_lanes_are_busy_leave_together_oldest_first),
        WIRE_FACT(one_of_two_messages_asks_to_be_parked),
        WIRE_FACT(a_message_takes_a_bounded_number_of_calls),
        WIRE_FACT(a_message_takes_a_bounded_number_of_bytes_and_a_large_call_leaves_alone),
        WIRE_FACT(a_request_over_the_limit_fails_and_never_leaves),
        WIRE_FACT(a_call_that_ends_in_the_queue_never_leaves),
        BARE_FACT(more_waiting_calls_than_allowed_fail_at_once),
        FACT(ten_thousand_calls_in_flight_are_all_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
