/* SPDX-License-Identifier: MIT */
/*
 * test_answer.c - what a blocking call tells beside its reply or its error.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "message/message.h"
#include "support/wait.h"
#include "users/v1/users.freshet.h"

#define PAUSE_US 1500
#define DETAIL   "type.googleapis.com/test.v1.Detail"

struct fixture {
    struct fr_server *server;
    struct fr_channel *channel;
};

/* Answers with the id as metadata; the id "fails" fails with two details, "plain" with nothing else. */
static void get_user(struct fr_call *call, const Users__V1__GetUserRequest *request, void *context)
{
    (void)context;
    if (strcmp(request->id, "plain") == 0) {
        fr_call_fail(call, FR_NOT_FOUND, "nobody");
        return;
    }
    fr_call_set_metadata(call, "id", fr_bytes_of(request->id));
    fr_call_set_metadata(call, "raw-bin", (struct fr_bytes){(const uint8_t *)"\0\xFF", 2});
    if (strcmp(request->id, "fails") == 0) {
        fr_call_add_detail(call, DETAIL, fr_bytes_of("first"));
        fr_call_add_detail(call, "", (struct fr_bytes){0});
        fr_call_set_retry_after(call, PAUSE_US);
        fr_call_fail(call, FR_FAILED_PRECONDITION, "not now");
        return;
    }
    Users__V1__User user = USERS__V1__USER__INIT;
    user.name = (char *)"Ada";
    users_v1_users_reply_get_user(call, &user);
}

static enum fr_code no_user; /* why none can be unpacked, if it is not FR_OK */

/* The linker has all calls of fr_message_unpack go here. */
enum fr_code __real_fr_message_unpack(const struct ProtobufCMessageDescriptor *descriptor, struct fr_bytes bytes,
                                      struct fr_arena *arena, struct ProtobufCMessage **ret_message,
                                      struct fr_error *reterr);
enum fr_code __wrap_fr_message_unpack(const struct ProtobufCMessageDescriptor *descriptor, struct fr_bytes bytes,
                                      struct fr_arena *arena, struct ProtobufCMessage **ret_message,
                                      struct fr_error *reterr);

enum fr_code __wrap_fr_message_unpack(const struct ProtobufCMessageDescriptor *descriptor, struct fr_bytes bytes,
                                      struct fr_arena *arena, struct ProtobufCMessage **ret_message,
                                      struct fr_error *reterr)
{
    return descriptor == &users__v1__user__descriptor && no_user != FR_OK
               ? fr_error_set(reterr, no_user, "no user")
               : __real_fr_message_unpack(descriptor, bytes, arena, ret_message, reterr);
}

static int open_fixture(void **state)
{
    no_user = FR_OK;
    static const struct users_v1_users_service service = {.get_user = get_user};
    struct fixture *self = calloc(1, sizeof *self);
    assert_non_null(self);
    assert_int_equal(fr_server_new(&self->server, NULL), FR_OK);
    assert_int_equal(users_v1_users_register(self->server, &service, NULL), FR_OK);
    assert_int_equal(fr_server_listen(self->server, "tcp://127.0.0.1:0", NULL), FR_OK);
    assert_int_equal(fr_server_serve(self->server, NULL), FR_OK);
    assert_int_equal(fr_channel_new(fr_server_address(self->server), NULL, &self->channel, NULL), FR_OK);
    *state = self;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *self = *state;
    fr_channel_free(self->channel);
    fr_server_free(self->server);
    free(self);
    return 0;
}

/* A call that fills answer, which held anything before. */
static enum fr_code ask(struct fixture *f, const char *id, const struct fr_metadata *metadata, bool raw,
                        struct fr_answer *answer)
{
    struct fr_call_options options = {.timeout_us = FR_TEST_PATIENCE_US, .answer = answer};
    Users__V1__GetUserRequest request = USERS__V1__GET_USER_REQUEST__INIT;
    Users__V1__User *user = NULL;
    memset(answer, 0xA5, sizeof *answer);
    request.id = (char *)id;
    options.metadata = metadata == NULL ? options.metadata : *metadata;
    if (raw) {
        struct fr_arena *arena = fr_arena_new(1024);
        struct fr_buffer packed = {0};
        struct fr_result result;
        fr_message_pack(&request.base, &packed);
        enum fr_code code = fr_channel_call(f->channel, users_v1_users_get_user_method.name,
                                            (struct fr_bytes){packed.data, packed.size}, &options, arena, &result);
        /* The answer borrows nothing of them. */
        fr_buffer_fini(&packed);
        fr_arena_free(arena);
        return code;
    }
    enum fr_code code = users_v1_users_get_user(f->channel, &request, &options, &user, NULL);
    if (code == FR_OK) {
        users__v1__user__free_unpacked(user, NULL);
    }
    return code;
}

static void assert_metadata(const struct fr_answer *answer, const char *id)
{
    assert_int_equal(answer->metadata.count, 2);
    assert_true(fr_bytes_equal(fr_metadata_find(answer->metadata, "id"), fr_bytes_of(id)));
    assert_true(fr_bytes_equal(fr_metadata_find(answer->metadata, "raw-bin"),
                               (struct fr_bytes){(const uint8_t *)"\0\xFF", 2}));
    assert_false(answer->not_sent);
}

static void a_reply_comes_with_its_metadata(void **state)
{
    for (int raw = 0; raw < 2; raw++) {
        struct fr_answer answer;
        assert_int_equal(ask(*state, "user-1", NULL, raw, &answer), FR_OK);
        assert_metadata(&answer, "user-1");
        assert_int_equal(answer.details.count, 0);
        assert_int_equal(answer.retry_after_us, 0);
        fr_answer_fini(&answer);
        assert_int_equal(answer.metadata.count, 0);
    }
}

static void an_error_comes_with_details_metadata_and_a_time_to_wait(void **state)
{
    for (int raw = 0; raw < 2; raw++) {
        struct fr_answer answer;
        assert_int_equal(ask(*state, "fails", NULL, raw, &answer), FR_FAILED_PRECONDITION);
        assert_metadata(&answer, "fails");
        assert_int_equal(answer.retry_after_us, PAUSE_US);
        assert_int_equal(answer.details.count, 2);
        assert_true(fr_bytes_equal(answer.details.entries[0].type_url, fr_bytes_of(DETAIL)));
        assert_true(fr_bytes_equal(answer.details.entries[0].value, fr_bytes_of("first")));
        assert_int_equal(answer.details.entries[1].type_url.size, 0);
        assert_int_equal(answer.details.entries[1].value.size, 0);
        fr_answer_fini(&answer);
    }
}

static void assert_empty(const struct fr_answer *answer)
{
    assert_int_equal(answer->metadata.count, 0);
    assert_int_equal(answer->details.count, 0);
    assert_int_equal(answer->retry_after_us, 0);
    assert_null(answer->memory);
}

static void an_error_may_come_with_nothing(void **state)
{
    for (int raw = 0; raw < 2; raw++) {
        struct fr_answer answer;
        assert_int_equal(ask(*state, "plain", NULL, raw, &answer), FR_NOT_FOUND);
        assert_empty(&answer);
        assert_false(answer.not_sent);
    }
}

static void a_call_that_never_left_says_so(void **state)
{
    const struct fr_metadata_entry entry = {fr_bytes_of("Upper"), fr_bytes_of("v")};
    const struct fr_metadata bad = {&entry, 1};
    for (int raw = 0; raw < 2; raw++) {
        struct fr_answer answer;
        assert_int_equal(ask(*state, "user-1", &bad, raw, &answer), FR_INVALID_ARGUMENT);
        assert_empty(&answer);
        assert_true(answer.not_sent);
    }
}

static void no_answer_is_wanted_by_default(void **state)
{
    struct fixture *f = *state;
    Users__V1__GetUserRequest request = USERS__V1__GET_USER_REQUEST__INIT;
    Users__V1__User *user;
    struct fr_error error;
    request.id = (char *)"fails";
    assert_int_equal(users_v1_users_get_user(f->channel, &request, NULL, &user, &error), FR_FAILED_PRECONDITION);
    assert_string_equal(error.message, "not now");
}

static void lack_of_memory_for_the_reply_is_not_the_servers_fault(void **state)
{
    struct fixture *f = *state;
    Users__V1__GetUserRequest request = USERS__V1__GET_USER_REQUEST__INIT;
    Users__V1__User *user;
    struct fr_error error;
    request.id = (char *)"user-1";
    no_user = FR_RESOURCE_EXHAUSTED;
    assert_int_equal(users_v1_users_get_user(f->channel, &request, NULL, &user, &error), FR_RESOURCE_EXHAUSTED);
    assert_string_equal(error.message, "no user");
    no_user = FR_INVALID_ARGUMENT;
    assert_int_equal(users_v1_users_get_user(f->channel, &request, NULL, &user, &error), FR_INTERNAL);
    assert_string_equal(error.message, "the answer of users.v1.Users/GetUser is malformed: no user");
}

static void an_answer_that_is_none_can_be_given_back(void **state)
{
    struct fr_answer answer = {0};
    (void)state;
    fr_answer_fini(&answer);
    fr_answer_fini(NULL);
}

#define ANSWER_FACT(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ANSWER_FACT(a_reply_comes_with_its_metadata),
        ANSWER_FACT(an_error_comes_with_details_metadata_and_a_time_to_wait),
        ANSWER_FACT(an_error_may_come_with_nothing),
        ANSWER_FACT(a_call_that_never_left_says_so),
        ANSWER_FACT(no_answer_is_wanted_by_default),
        ANSWER_FACT(lack_of_memory_for_the_reply_is_not_the_servers_fault),
        cmocka_unit_test(an_answer_that_is_none_can_be_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
