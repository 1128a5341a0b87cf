/* SPDX-License-Identifier: MIT */
/*
 * test_server.c - what a server answers to a peer that is no channel: batches, deadlines, broken messages.
 */
#include "rpc/rpc_fixture.h"

#include <nng/nng.h>

#include <nng/protocol/reqrep0/req.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "freshet/rpc/v1/rpc.pb-c.h"

typedef Freshet__Rpc__V1__ResponseBatch answer_batch;

static nng_socket peer;

static int open_peer(void **state)
{
    fixture_open(state);
    struct fixture *f = *state;
    assert_int_equal(nng_req0_open(&peer), 0);
    nng_socket_set_ms(peer, NNG_OPT_RECVTIMEO, (nng_duration)(FR_TEST_PATIENCE_US / 1000));
    nng_socket_set_ms(peer, NNG_OPT_SENDTIMEO, (nng_duration)(FR_TEST_PATIENCE_US / 1000));
    assert_int_equal(nng_dial(peer, f->address, NULL, 0), 0);
    return 0;
}

static int close_peer(void **state)
{
    nng_close(peer);
    return fixture_close(state);
}

/* Sends bytes, gives the answer; the caller frees it. */
static answer_batch *exchange(const void *bytes, size_t size)
{
    void *answer;
    size_t answer_size;
    assert_int_equal(nng_send(peer, (void *)bytes, size, 0), 0);
    assert_int_equal(nng_recv(peer, &answer, &answer_size, NNG_FLAG_ALLOC), 0);
    answer_batch *batch = freshet__rpc__v1__response_batch__unpack(NULL, answer_size, answer);
    nng_free(answer, answer_size);
    assert_non_null(batch);
    return batch;
}

static void forget(answer_batch *batch)
{
    freshet__rpc__v1__response_batch__free_unpacked(batch, NULL);
}

struct one {
    uint64_t id;
    const char *method, *payload;
    uint64_t timeout_us;
};

static answer_batch *exchange_requests(const struct one *ones, size_t count, uint32_t max_reply_bytes)
{
    Freshet__Rpc__V1__RequestBatch batch = FRESHET__RPC__V1__REQUEST_BATCH__INIT;
    Freshet__Rpc__V1__Request requests[8];
    Freshet__Rpc__V1__Request *pointers[8];
    for (size_t i = 0; i < count; i++) {
        pointers[i] = &requests[i];
        requests[i] = (Freshet__Rpc__V1__Request)FRESHET__RPC__V1__REQUEST__INIT;
        requests[i].id = ones[i].id;
        requests[i].method = (char *)ones[i].method;
        requests[i].timeout_us = ones[i].timeout_us;
        requests[i].payload = (ProtobufCBinaryData){strlen(ones[i].payload), (uint8_t *)ones[i].payload};
    }
    batch.n_request = count;
    batch.request = pointers;
    batch.max_reply_bytes = max_reply_bytes;
    size_t size = freshet__rpc__v1__request_batch__get_packed_size(&batch);
    uint8_t *bytes = malloc(size + 1);
    assert_non_null(bytes);
    freshet__rpc__v1__request_batch__pack(&batch, bytes);
    answer_batch *answer = exchange(bytes, size);
    free(bytes);
    return answer;
}

/* The only answer with this id. */
static const Freshet__Rpc__V1__Response *answer_to(const answer_batch *batch, uint64_t id)
{
    const Freshet__Rpc__V1__Response *found = NULL;
    for (size_t i = 0; i < batch->n_response; i++) {
        if (batch->response[i]->id == id) {
            assert_null(found);
            found = batch->response[i];
        }
    }
    assert_non_null(found);
    return found;
}

static void assert_payload(const Freshet__Rpc__V1__Response *response, const char *text)
{
    assert_int_equal(response->code, FR_OK);
    assert_int_equal(response->payload.len, strlen(text));
    assert_memory_equal(response->payload.data, text, strlen(text));
}

static void every_call_of_a_batch_is_answered(void **state)
{
    (void)state;
    const struct one ones[] = {{7, ECHO, "seven", 0}, {0, LATER, "zero", 0}, {UINT64_MAX, FAIL, "5 none", 0}, {9, "x", "", 0}};
    answer_batch *batch = exchange_requests(ones, 4, 0);
    assert_int_equal(batch->n_response, 4);
    assert_payload(answer_to(batch, 7), "seven");
    assert_payload(answer_to(batch, 0), "zero");
    assert_int_equal(answer_to(batch, UINT64_MAX)->code, FR_NOT_FOUND);
    assert_int_equal(answer_to(batch, 9)->code, FR_UNIMPLEMENTED);
    assert_false(batch->draining);
    forget(batch);
}

static void an_empty_batch_gets_an_empty_batch(void **state)
{
    (void)state;
    answer_batch *batch = exchange("", 0);
    assert_int_equal(batch->n_response, 0);
    forget(batch);
}

static void what_is_no_batch_gets_one_internal_with_id_0(void **state)
{
    (void)state;
    answer_batch *batch = exchange("\xFF\xFF", 2);
    assert_int_equal(batch->n_response, 1);
    assert_int_equal(answer_to(batch, 0)->code, FR_INTERNAL);
    forget(batch);
    const struct one good = {1, ECHO, "still here", 0};
    batch = exchange_requests(&good, 1, 0);
    assert_payload(answer_to(batch, 1), "still here");
    forget(batch);
}

static void a_batch_of_too_many_calls_is_refused_as_a_whole(void **state)
{
    (void)state;
    static char bytes[2 * (FR_MAX_BATCH_CALLS + 1)];
    for (size_t i = 0; i < sizeof bytes; i += 2) {
        bytes[i] = 0x0a;
    }
    answer_batch *batch = exchange(bytes, sizeof bytes);
    assert_int_equal(batch->n_response, 1);
    assert_int_equal(answer_to(batch, 0)->code, FR_RESOURCE_EXHAUSTED);
    forget(batch);
}

static void a_repeated_id_is_an_invalid_argument_for_the_repeats(void **state)
{
    (void)state;
    const struct one ones[] = {{1, ECHO, "first", 0}, {2, ECHO, "other", 0}, {1, ECHO, "again", 0},
                               {1, ECHO, "again", 0}, {3, ECHO, "after them", 0}};
    answer_batch *batch = exchange_requests(ones, 5, 0);
    unsigned good = 0, repeated = 0;
    for (size_t i = 0; i < batch->n_response; i++) {
        good += batch->response[i]->code == FR_OK;
        repeated += batch->response[i]->code == FR_INVALID_ARGUMENT && batch->response[i]->id == 1;
    }
    assert_int_equal(good, 3);
    assert_int_equal(repeated, 2);
    forget(batch);
}

static void an_answer_has_its_own_details_only(void **state)
{
    (void)state;
    const struct one ones[] = {{1, DETAILS, "2", 0}, {2, DETAILS, "2", 0}, {3, ECHO, "plain", 0}, {4, DETAILS, "2", 0}};
    answer_batch *batch = exchange_requests(ones, 4, 0);
    assert_int_equal(answer_to(batch, 1)->n_details, 2);
    assert_int_equal(answer_to(batch, 2)->n_details, 2);
    assert_int_equal(answer_to(batch, 3)->n_details, 0);
    assert_int_equal(answer_to(batch, 4)->n_details, 2);
    forget(batch);
}

static void the_server_ends_a_call_at_its_deadline_and_drops_the_late_answer(void **state)
{
    struct fixture *f = *state;
    const struct one ones[] = {{1, HOLD, "", 20 * FR_MILLISECOND_US}, {2, ECHO, "fast", 20 * FR_MILLISECOND_US}};
    uint64_t begin_us = fr_clock_now_us();
    answer_batch *batch = exchange_requests(ones, 2, 0);
    assert_true(fr_clock_now_us() - begin_us >= 20 * FR_MILLISECOND_US);
    assert_int_equal(batch->n_response, 2);
    assert_int_equal(answer_to(batch, 1)->code, FR_DEADLINE_EXCEEDED);
    assert_payload(answer_to(batch, 2), "fast");
    forget(batch);
    fixture_release(f);
    batch = exchange_requests(&(struct one){3, ECHO, "next", 0}, 1, 0);
    assert_payload(answer_to(batch, 3), "next");
    forget(batch);
}

static void handler_and_deadline_together_answer_once(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        const struct one ones[] = {{1, LATER, "a", 1 + round % 100 * 20}, {2, LATER, "b", 1}, {3, ECHO, "c", 1}};
        answer_batch *batch = exchange_requests(ones, 3, 0);
        assert_int_equal(batch->n_response, 3);
        for (uint64_t id = 1; id <= 3; id++) {
            uint32_t code = answer_to(batch, id)->code;
            assert_true(code == FR_OK || code == FR_DEADLINE_EXCEEDED);
        }
        forget(batch);
    }
}

static void a_deadline_at_the_end_of_time_is_not_an_early_one(void **state)
{
    (void)state;
    answer_batch *batch = exchange_requests(&(struct one){1, LATER, "x", UINT64_MAX}, 1, 0);
    assert_payload(answer_to(batch, 1), "x");
    forget(batch);
}

static void answers_that_do_not_fit_are_resource_exhausted(void **state)
{
    (void)state;
    const struct one ones[] = {{1, SIZE, "600", 0}, {2, SIZE, "600", 0}, {3, ECHO, "small", 0}};
    answer_batch *batch = exchange_requests(ones, 3, 1000);
    assert_int_equal(batch->n_response, 3);
    assert_int_equal(answer_to(batch, 1)->code, FR_OK);
    assert_int_equal(answer_to(batch, 2)->code, FR_RESOURCE_EXHAUSTED);
    assert_payload(answer_to(batch, 3), "small");
    forget(batch);
}

static void a_request_over_4_mib_spares_the_rest_of_its_batch(void **state)
{
    (void)state;
    char *text = malloc(FR_MAX_MESSAGE_BYTES + 1);
    assert_non_null(text);
    memset(text, 'p', FR_MAX_MESSAGE_BYTES);
    text[FR_MAX_MESSAGE_BYTES] = '\0';
    const struct one ones[] = {{1, ECHO, text, 0}, {2, ECHO, "small", 0}};
    answer_batch *batch = exchange_requests(ones, 2, 0);
    assert_int_equal(answer_to(batch, 1)->code, FR_RESOURCE_EXHAUSTED);
    assert_payload(answer_to(batch, 2), "small");
    forget(batch);
    free(text);
}

static void too_much_metadata_is_refused(void **state)
{
    (void)state;
    struct fr_buffer request = {0}, bytes = {0};
    fr_buffer_append(&request, "\x08\x01\x12\x11" ECHO, 4 + strlen(ECHO));
    assert_int_equal(strlen(ECHO), 0x11);
    for (unsigned i = 0; i < 65; i++) {
        fr_buffer_append(&request, "\x22\x03\x0a\x01k", 5);
    }
    fr_buffer_append(&bytes, (uint8_t[]){0x0a, (uint8_t)(0x80 | (request.size & 0x7F)), (uint8_t)(request.size >> 7)}, 3);
    fr_buffer_append(&bytes, request.data, request.size);
    answer_batch *batch = exchange(bytes.data, bytes.size);
    assert_int_equal(answer_to(batch, 1)->code, FR_RESOURCE_EXHAUSTED);
    forget(batch);
    fr_buffer_fini(&request);
    fr_buffer_fini(&bytes);
}

static void a_draining_server_says_so(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fr_server_drain(f->server, FR_TEST_PATIENCE_US), 0);
    answer_batch *batch = exchange_requests(&(struct one){1, ECHO, "x", 0}, 1, 0);
    assert_int_equal(answer_to(batch, 1)->code, FR_UNAVAILABLE);
    assert_true(batch->draining);
    forget(batch);
}

static void a_peer_that_leaves_before_its_answer_harms_nobody(void **state)
{
    struct fixture *f = *state;
    nng_socket gone;
    static const char request[] = "\x0a\x15\x08\x01\x12\x11" HOLD;
    assert_int_equal(nng_req0_open(&gone), 0);
    assert_int_equal(nng_dial(gone, f->address, NULL, 0), 0);
    assert_int_equal(nng_send(gone, (void *)request, sizeof request - 1, 0), 0);
    fixture_wait_held(f, 1);
    nng_close(gone);
    fixture_release(f);
    answer_batch *batch = exchange_requests(&(struct one){1, ECHO, "x", 0}, 1, 0);
    assert_payload(answer_to(batch, 1), "x");
    forget(batch);
    assert_int_equal(fr_server_drain(f->server, FR_TEST_PATIENCE_US), 0);
}

#define PEER_FACT(name) cmocka_unit_test_setup_teardown(name, open_peer, close_peer)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PEER_FACT(every_call_of_a_batch_is_answered),
        PEER_FACT(an_empty_batch_gets_an_empty_batch),
        PEER_FACT(what_is_no_batch_gets_one_internal_with_id_0),
        PEER_FACT(a_batch_of_too_many_calls_is_refused_as_a_whole),
        PEER_FACT(a_repeated_id_is_an_invalid_argument_for_the_repeats),
        PEER_FACT(an_answer_has_its_own_details_only),
        PEER_FACT(the_server_ends_a_call_at_its_deadline_and_drops_the_late_answer),
        PEER_FACT(handler_and_deadline_together_answer_once),
        PEER_FACT(a_deadline_at_the_end_of_time_is_not_an_early_one),
        PEER_FACT(answers_that_do_not_fit_are_resource_exhausted),
        PEER_FACT(a_request_over_4_mib_spares_the_rest_of_its_batch),
        PEER_FACT(too_much_metadata_is_refused),
        PEER_FACT(a_draining_server_says_so),
        PEER_FACT(a_peer_that_leaves_before_its_answer_harms_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
