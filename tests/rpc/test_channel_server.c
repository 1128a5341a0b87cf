/* SPDX-License-Identifier: MIT */
/*
 * test_channel_server.c - calls over TCP between a channel and a server in one process.
 */
#include "rpc/rpc_fixture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "grpc/health/v1/health.freshet.h"
#include "users/v1/users.pb-c.h"

#define MIB (1u << 20)

/* ---- payloads, codes, metadata ---- */

static void a_call_comes_back_with_its_answer(void **state)
{
    struct fixture *f = *state;
    struct fr_result result = call(f, ECHO, "hello", NULL);
    assert_int_equal(result.code, FR_OK);
    assert_true(payload_is(&result, "hello"));
    assert_string_equal(result.message, "");
    assert_int_equal(result.metadata.count, 0);
    assert_false(result.not_sent);
    result = call(f, ECHO, "", NULL);
    assert_int_equal(result.code, FR_OK);
    assert_int_equal(result.payload.size, 0);
}

static void handlers_may_answer_later_from_other_threads(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 200; i++) {
        char text[16];
        snprintf(text, sizeof text, "%u", i);
        struct fr_result result = call(f, LATER, text, NULL);
        assert_int_equal(result.code, FR_OK);
        assert_true(payload_is(&result, text));
    }
}

static void every_code_arrives_with_its_message(void **state)
{
    struct fixture *f = *state;
    for (unsigned code = 1; code < FR_CODE_COUNT; code++) {
        char text[64];
        snprintf(text, sizeof text, "%u the r\xC3\xA9" "ason of %u", code, code);
        struct fr_result result = call(f, FAIL, text, NULL);
        assert_int_equal(result.code, code);
        assert_string_equal(result.message, strchr(text, ' ') + 1);
        assert_int_equal(result.payload.size, 0);
        assert_false(result.not_sent);
    }
}

static void a_code_that_grpc_does_not_know_arrives_as_unknown(void **state)
{
    struct fr_result result = call(*state, FAIL, "77 strange", NULL);
    assert_int_equal(result.code, FR_UNKNOWN);
    assert_string_equal(result.message, "strange");
}

static void an_empty_message_is_empty(void **state)
{
    struct fr_result result = call(*state, FAIL, "5", NULL);
    assert_int_equal(result.code, FR_NOT_FOUND);
    assert_string_equal(result.message, "");
}

static void metadata_travels_both_ways(void **state)
{
    const struct fr_metadata_entry entries[] = {{fr_bytes_of("x-first"), fr_bytes_of("one")},
                                                {fr_bytes_of("x-empty"), {0}},
                                                {fr_bytes_of("x-raw-bin"), fr_bytes_of("\xFF\x01")},
                                                {fr_bytes_of("x-first"), fr_bytes_of("two")}};
    const struct fr_call_options options = {.timeout_us = FR_TEST_PATIENCE_US, .metadata = {entries, 4}};
    struct fr_result result = call(*state, METADATA, "", &options);
    assert_int_equal(result.code, FR_OK);
    assert_int_equal(result.metadata.count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_true(fr_bytes_equal(result.metadata.entries[i].key, entries[i].key));
        assert_true(fr_bytes_equal(result.metadata.entries[i].value, entries[i].value));
    }
}

static void the_most_metadata_that_is_allowed_travels_both_ways(void **state)
{
    struct fixture *f = *state;
    static char value[FR_METADATA_MAX_BYTES + 1];
    struct fr_metadata_entry entries[FR_METADATA_MAX_ENTRIES];
    struct fr_call_options options = {.timeout_us = FR_TEST_PATIENCE_US, .metadata = {entries, 64}};
    for (size_t i = 0; i < FR_METADATA_MAX_ENTRIES; i++) {
        entries[i] = (struct fr_metadata_entry){fr_bytes_of("key"), fr_bytes_of("v")};
    }
    struct fr_result result = call(f, METADATA, "", &options);
    assert_int_equal(result.metadata.count, FR_METADATA_MAX_ENTRIES);
    memset(value, 'v', sizeof value);
    entries[0].value = (struct fr_bytes){(const uint8_t *)value, FR_METADATA_MAX_BYTES - 3};
    options.metadata.count = 1;
    result = call(f, METADATA, "", &options);
    assert_int_equal(result.code, FR_OK);
    assert_int_equal(result.metadata.count, 1);
}

static void bad_metadata_is_refused_before_it_is_sent(void **state)
{
    const struct fr_metadata_entry entry = {fr_bytes_of("Upper"), fr_bytes_of("v")};
    const struct fr_call_options options = {.metadata = {&entry, 1}};
    struct fr_result result = call(*state, METADATA, "", &options);
    assert_int_equal(result.code, FR_INVALID_ARGUMENT);
    assert_true(result.not_sent);
}

/* ---- typed calls ---- */

static enum fr_code get_user(struct fixture *f, const struct fr_method *method, const char *id, char *name,
                             struct fr_error *error)
{
    Users__V1__GetUserRequest request = USERS__V1__GET_USER_REQUEST__INIT;
    struct ProtobufCMessage *response = NULL;
    request.id = (char *)id;
    enum fr_code code = fr_channel_call_message(f->channel, method, &request.base,
                                                &(struct fr_call_options){.timeout_us = FR_TEST_PATIENCE_US},
                                                &response, error);
    if (code == FR_OK) {
        snprintf(name, 64, "%s/%s", ((Users__V1__User *)response)->id, ((Users__V1__User *)response)->name);
        users__v1__user__free_unpacked((Users__V1__User *)response, NULL);
    }
    return code;
}

static void a_typed_call_gives_a_message(void **state)
{
    char name[64];
    assert_int_equal(get_user(*state, &fixture_get_user, "user-1", name, NULL), FR_OK);
    assert_string_equal(name, "user-1/Ada");
}

static void an_answer_that_is_no_message_is_internal(void **state)
{
    char name[64];
    struct fr_error error;
    assert_int_equal(get_user(*state, &fixture_no_user, "user-1", name, &error), FR_INTERNAL);
    assert_non_null(strstr(error.message, NO_USER));
}

static void a_request_that_is_no_message_is_told_so(void **state)
{
    struct fr_result result = call(*state, GET_USER, "\x0a\x09" "cut", NULL);
    assert_int_equal(result.code, FR_INVALID_ARGUMENT);
    result = call(*state, GET_USER, "\x0a\x01\xFF", NULL);
    assert_int_equal(result.code, FR_INVALID_ARGUMENT);
    assert_non_null(strstr(result.message, "id"));
}

/* ---- many and large ---- */

static void a_thousand_calls_at_once_each_get_their_own_answer(void **state)
{
    struct fixture *f = *state;
    enum { CALLS = 1000 };
    static struct outcome outcomes[CALLS];
    for (unsigned i = 0; i < CALLS; i++) {
        char text[16];
        snprintf(text, sizeof text, "%u", i);
        start_call(f, i % 3 == 0 ? ECHO : LATER, text, &(struct fr_call_options){.timeout_us = FR_TEST_PATIENCE_US},
                   &outcomes[i], NULL);
    }
    for (unsigned i = 0; i < CALLS; i++) {
        char text[16];
        snprintf(text, sizeof text, "%u", i);
        await(&outcomes[i]);
        assert_int_equal(outcomes[i].code, FR_OK);
        assert_string_equal(outcomes[i].payload, text);
        assert_int_equal(outcomes[i].done, 1);
    }
}

static void a_thousand_held_calls_do_not_keep_others_waiting(void **state)
{
    struct fixture *f = *state;
    enum { CALLS = 1000 };
    static struct outcome outcomes[CALLS];
    for (unsigned i = 0; i < CALLS; i++) {
        start_call(f, HOLD, "", NULL, &outcomes[i], NULL);
    }
    fixture_wait_held(f, CALLS);
    assert_int_equal(call(f, ECHO, "x", NULL).code, FR_OK);
    fixture_release(f);
    for (unsigned i = 0; i < CALLS; i++) {
        await(&outcomes[i]);
        assert_int_equal(outcomes[i].code, FR_OK);
        assert_string_equal(outcomes[i].payload, "released");
    }
}

struct caller {
    pthread_t thread;
    struct fixture *fixture;
    unsigned good;
};

static void *call_often(void *argument)
{
    struct caller *self = argument;
    struct fr_arena *arena = fr_arena_new(1024);
    for (unsigned i = 0; i < 200; i++) {
        struct fr_result result;
        char text[16];
        snprintf(text, sizeof text, "%u", i);
        fr_arena_reset(arena);
        self->good += fr_channel_call(self->fixture->channel, i % 2 == 0 ? ECHO : LATER, fr_bytes_of(text),
                                      &(struct fr_call_options){.timeout_us = FR_TEST_PATIENCE_US}, arena,
                                      &result) == FR_OK &&
                      payload_is(&result, text);
    }
    fr_arena_free(arena);
    return NULL;
}

static void threads_share_a_channel(void **state)
{
    struct caller callers[8];
    for (unsigned i = 0; i < 8; i++) {
        callers[i] = (struct caller){.fixture = *state};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
    }
    for (unsigned i = 0; i < 8; i++) {
        pthread_join(callers[i].thread, NULL);
        assert_int_equal(callers[i].good, 200);
    }
}

static char *text_of(size_t size)
{
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, 'p', size);
    text[size] = '\0';
    return text;
}

static void three_mib_work_in_both_directions(void **state)
{
    struct fixture *f = *state;
    char *text = text_of(3 * MIB);
    for (unsigned i = 0; i < 3; i++) {
        struct fr_result result = call(f, i == 1 ? LATER : ECHO, text, NULL);
        assert_int_equal(result.code, FR_OK);
        assert_true(payload_is(&result, text));
    }
    free(text);
}

static void a_request_over_4_mib_is_refused_before_it_is_sent(void **state)
{
    struct fixture *f = *state;
    char *text = text_of(4 * MIB);
    struct fr_result result = call(f, ECHO, text, NULL);
    assert_int_equal(result.code, FR_RESOURCE_EXHAUSTED);
    assert_true(result.not_sent);
    assert_int_equal(call(f, ECHO, "x", NULL).code, FR_OK);
    free(text);
}

static void an_answer_over_4_mib_is_resource_exhausted(void **state)
{
    struct fixture *f = *state;
    char size[32];
    snprintf(size, sizeof size, "%u", 4 * MIB);
    struct fr_result result = call(f, SIZE, size, NULL);
    assert_int_equal(result.code, FR_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(result.message, "4 MiB"));
    snprintf(size, sizeof size, "%u", 4 * MIB - 100);
    result = call(f, SIZE, size, NULL);
    assert_int_equal(result.code, FR_OK);
    assert_int_equal(result.payload.size, 4 * MIB - 100);
}

/* ---- methods and health ---- */

static void an_unknown_method_is_unimplemented_and_named(void **state)
{
    struct fr_result result = call(*state, "test.v1.Test/Nothing", "", NULL);
    assert_int_equal(result.code, FR_UNIMPLEMENTED);
    assert_non_null(strstr(result.message, "test.v1.Test/Nothing"));
    result = call(*state, MISSING, "", NULL);
    assert_int_equal(result.code, FR_UNIMPLEMENTED);
    result = call(*state, "", "", NULL);
    assert_int_equal(result.code, FR_UNIMPLEMENTED);
}

static void the_name_of_an_unknown_method_is_never_echoed_whole(void **state)
{
    char name[501];
    memset(name, 'n', 500);
    name[500] = '\0';
    memcpy(name, "bad\n\xC3\xA9", 6);
    struct fr_result result = call(*state, name, "", NULL);
    assert_int_equal(result.code, FR_UNIMPLEMENTED);
    assert_true(strlen(result.message) < 150);
    assert_null(strchr(result.message, '\n'));
}

static int health_of(struct fixture *f, const char *service)
{
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    Grpc__Health__V1__HealthCheckResponse *response;
    request.service = (char *)service;
    enum fr_code code = grpc_health_v1_health_check(
        f->channel, &request, &(struct fr_call_options){.timeout_us = FR_TEST_PATIENCE_US}, &response, NULL);
    if (code != FR_OK) {
        return -(int)code;
    }
    int status = (int)response->status;
    grpc__health__v1__health_check_response__free_unpacked(response, NULL);
    return status;
}

#define SERVING     GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define NOT_SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING

static void health_knows_every_service_and_no_other(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(health_of(f, ""), SERVING);
    assert_int_equal(health_of(f, "test.v1.Test"), SERVING);
    assert_int_equal(health_of(f, "grpc.health.v1.Health"), SERVING);
    assert_int_equal(health_of(f, "test.v1"), -FR_NOT_FOUND);
    fr_server_set_serving(f->server, false);
    assert_int_equal(health_of(f, ""), NOT_SERVING);
    assert_int_equal(health_of(f, "test.v1.Test"), NOT_SERVING);
    assert_int_equal(health_of(f, "nobody"), -FR_NOT_FOUND);
    fr_server_set_serving(f->server, true);
    assert_int_equal(health_of(f, ""), SERVING);
}

/* The answer is a protobuf string: cut within a character, clients in other languages could not read it. */
static void a_long_service_name_is_cut_at_a_character(void **state)
{
    for (unsigned shift = 0; shift < 4; shift++) {
        char request[2 + 120] = {0x0a, 120};
        memset(request + 2, 'a', 120);
        for (unsigned i = shift; i + 4 <= 120; i += 4) {
            memcpy(request + 2 + i, "\xF0\x9F\x92\xA7", 4);
        }
        char text[sizeof request + 1] = {0};
        memcpy(text, request, sizeof request);
        struct fr_result result = call(*state, "grpc.health.v1.Health/Check", text, NULL);
        assert_int_equal(result.code, FR_NOT_FOUND);
        for (const char *at = result.message; *at != '\0'; at++) {
            if ((unsigned char)*at == 0xF0) {
                assert_memory_equal(at, "\xF0\x9F\x92\xA7", 4);
            }
        }
    }
}

static void text_that_is_no_utf8_is_made_so_in_an_answer(void **state)
{
    struct fr_result result = call(*state, FAIL, "3 bad \xFF\xC3 end", NULL);
    assert_int_equal(result.code, FR_INVALID_ARGUMENT);
    assert_string_equal(result.message, "bad ?? end");
}

/* ---- the server's end ---- */

struct drain {
    struct fixture *fixture;
    size_t left;
};

static void *drain(void *argument)
{
    struct drain *self = argument;
    self->left = fr_server_drain(self->fixture->server, FR_TEST_PATIENCE_US);
    return NULL;
}

static void a_draining_server_finishes_open_calls_and_refuses_new_ones(void **state)
{
    struct fixture *f = *state;
    struct outcome open;
    struct drain draining = {.fixture = f};
    pthread_t thread;
    start_call(f, HOLD, "", NULL, &open, NULL);
    fixture_wait_held(f, 1);
    assert_int_equal(pthread_create(&thread, NULL, drain, &draining), 0);
    uint64_t begin_us = fr_clock_now_us();
    while (call(f, ECHO, "x", NULL).code == FR_OK) {
        assert_true(fr_clock_now_us() - begin_us < FR_TEST_PATIENCE_US);
    }
    struct fr_result result = call(f, ECHO, "x", NULL);
    assert_int_equal(result.code, FR_UNAVAILABLE);
    assert_non_null(strstr(result.message, "shutting down"));
    assert_true(result.not_sent);
    /* A channel that was told goes elsewhere; one that is new is still told why. */
    struct fr_channel *told = f->channel;
    f->channel = fixture_channel(f->address);
    assert_int_equal(health_of(f, ""), NOT_SERVING);
    fr_channel_free(f->channel);
    f->channel = told;
    assert_int_equal(open.done, 0);
    fixture_release(f);
    await(&open);
    assert_int_equal(open.code, FR_OK);
    assert_string_equal(open.payload, "released");
    pthread_join(thread, NULL);
    assert_int_equal(draining.left, 0);
}

static void draining_gives_up_at_its_time_out(void **state)
{
    struct fixture *f = *state;
    struct outcome open;
    start_call(f, HOLD, "", NULL, &open, NULL);
    fixture_wait_held(f, 1);
    assert_int_equal(fr_server_drain(f->server, 10 * FR_MILLISECOND_US), 1);
    fixture_release(f);
    await(&open);
}

static void an_answer_after_the_server_was_freed_harms_nobody(void **state)
{
    struct fixture *f = *state;
    struct outcome open;
    start_call(f, HOLD, "", NULL, &open, NULL);
    fixture_wait_held(f, 1);
    fr_server_free(f->server);
    f->server = NULL;
    fixture_release(f);
    await(&open);
    assert_int_equal(open.code, FR_UNAVAILABLE);
    assert_false(open.not_sent);
}

static void two_hundred_servers_and_channels_come_and_go(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        void *cycle;
        fixture_open(&cycle);
        struct fixture *f = cycle;
        if (i % 4 != 3) {
            struct fr_result result = call(f, i % 2 == 0 ? ECHO : LATER, "x", NULL);
            assert_int_equal(result.code, FR_OK);
        }
        fixture_close(&cycle);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(a_call_comes_back_with_its_answer),
        FACT(handlers_may_answer_later_from_other_threads),
        FACT(every_code_arrives_with_its_message),
        FACT(a_code_that_grpc_does_not_know_arrives_as_unknown),
        FACT(an_empty_message_is_empty),
        FACT(metadata_travels_both_ways),
        FACT(the_most_metadata_that_is_allowed_travels_both_ways),
        FACT(bad_metadata_is_refused_before_it_is_sent),
        FACT(a_typed_call_gives_a_message),
        FACT(an_answer_that_is_no_message_is_internal),
        FACT(a_request_that_is_no_message_is_told_so),
        FACT(a_thousand_calls_at_once_each_get_their_own_answer),
        FACT(a_thousand_held_calls_do_not_keep_others_waiting),
        FACT(threads_share_a_channel),
        FACT(three_mib_work_in_both_directions),
        FACT(a_request_over_4_mib_is_refused_before_it_is_sent),
        FACT(an_answer_over_4_mib_is_resource_exhausted),
        FACT(an_unknown_method_is_unimplemented_and_named),
        FACT(the_name_of_an_unknown_method_is_never_echoed_whole),
        FACT(health_knows_every_service_and_no_other),
        FACT(a_long_service_name_is_cut_at_a_character),
        FACT(text_that_is_no_utf8_is_made_so_in_an_answer),
        FACT(a_draining_server_finishes_open_calls_and_refuses_new_ones),
        FACT(draining_gives_up_at_its_time_out),
        FACT(an_answer_after_the_server_was_freed_harms_nobody),
        cmocka_unit_test(two_hundred_servers_and_channels_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
