/* SPDX-License-Identifier: MIT */
/*
 * test_stubs.c - generated stubs carry calls, whatever the names in the .proto.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "message/schema.h"
#include "odd/bare.freshet.h"
#include "odd/names.freshet.h"
#include "odd/types-only.freshet.h"
#include "support/wait.h"

typedef OddNames__V1beta__URLStuff__HTTPRequest http_request;

static const struct fr_call_options patient = {.timeout_us = FR_TEST_PATIENCE_US};
static int context_object;

struct fixture {
    struct fr_server *server;
    struct fr_channel *channel;
};

/* ---- the handlers ---- */

static void nested(struct fr_call *call, const OddNames__V1beta__URLStuff__HTTPRequest__InnerThing2 *request,
                   void *context)
{
    OddNames__V1beta__URLStuff__HTTPRequest__InnerThing2__DeepHTTPThing response =
        ODD_NAMES__V1BETA__URLSTUFF__HTTPREQUEST__INNER__THING2__DEEP__HTTPTHING__INIT;
    response.class_ = (char *)(request->x == 42 && context == &context_object ? "right" : "wrong");
    odd_names_v1beta_url_stuff_type_names_reply_nested(call, &response);
}

static void imported(struct fr_call *call, const Top *request, void *context)
{
    Top__In response = TOP__IN__INIT;
    (void)context;
    response.text = request->text;
    odd_names_v1beta_url_stuff_type_names_reply_imported(call, &response);
}

static void well_known(struct fr_call *call, const Google__Protobuf__Empty *request, void *context)
{
    (void)context;
    odd_names_v1beta_url_stuff_type_names_reply_well_known(call, request);
}

static void echo_default(struct fr_call *call, const http_request *request, void *context)
{
    (void)context;
    odd_names_v1beta_url_stuff_method_names_reply_default(call, request);
}

static void fail_register(struct fr_call *call, const http_request *request, void *context)
{
    (void)context;
    fr_call_fail(call, FR_ABORTED, "not %s", request->text);
}

/* ---- the fixture ---- */

static int open_fixture(void **state)
{
    static const struct odd_names_v1beta_url_stuff_type_names_service types = {
        .nested = nested, .imported = imported, .well_known = well_known};
    static const struct odd_names_v1beta_url_stuff_method_names_service methods = {
        .default_ = echo_default, .register_ = fail_register};
    struct fixture *self = calloc(1, sizeof *self);
    assert_non_null(self);
    assert_int_equal(fr_server_new(&self->server, NULL), FR_OK);
    assert_int_equal(odd_names_v1beta_url_stuff_type_names_register(self->server, &types, &context_object), FR_OK);
    assert_int_equal(odd_names_v1beta_url_stuff_method_names_register(self->server, &methods, NULL), FR_OK);
    assert_int_equal(odd_names_v1beta_url_stuff_no_methods_register(self->server, NULL, NULL), FR_OK);
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

/* ---- calls ---- */

static void a_handler_gets_its_request_and_its_context(void **state)
{
    struct fixture *self = *state;
    OddNames__V1beta__URLStuff__HTTPRequest__InnerThing2 request =
        ODD_NAMES__V1BETA__URLSTUFF__HTTPREQUEST__INNER__THING2__INIT;
    OddNames__V1beta__URLStuff__HTTPRequest__InnerThing2__DeepHTTPThing *response;
    request.x = 42;
    assert_int_equal(odd_names_v1beta_url_stuff_type_names_nested(self->channel, &request, &patient, &response, NULL),
                     FR_OK);
    assert_string_equal(response->class_, "right");
    protobuf_c_message_free_unpacked(&response->base, NULL);
}

static void imported_types_travel(void **state)
{
    struct fixture *self = *state;
    Top request = TOP__INIT;
    Top__In *response;
    Google__Protobuf__Empty nothing = GOOGLE__PROTOBUF__EMPTY__INIT, *empty;
    request.text = (char *)"top";
    assert_int_equal(odd_names_v1beta_url_stuff_type_names_imported(self->channel, &request, &patient, &response, NULL),
                     FR_OK);
    assert_string_equal(response->text, "top");
    protobuf_c_message_free_unpacked(&response->base, NULL); /* a nested type has no function of its own */
    assert_int_equal(odd_names_v1beta_url_stuff_type_names_well_known(self->channel, &nothing, &patient, &empty, NULL),
                     FR_OK);
    google__protobuf__empty__free_unpacked(empty, NULL);
}

static void a_method_may_be_called_like_a_keyword(void **state)
{
    struct fixture *self = *state;
    http_request request = ODD_NAMES__V1BETA__URLSTUFF__HTTPREQUEST__INIT, *response;
    struct fr_error error;
    request.text = (char *)"this";
    assert_int_equal(odd_names_v1beta_url_stuff_method_names_default(self->channel, &request, &patient, &response, NULL),
                     FR_OK);
    assert_string_equal(response->text, "this");
    odd_names__v1beta__urlstuff__httprequest__free_unpacked(response, NULL);
    assert_int_equal(
        odd_names_v1beta_url_stuff_method_names_register_(self->channel, &request, &patient, &response, &error),
        FR_ABORTED);
    assert_string_equal(error.message, "not this");
}

static void a_member_that_is_null_is_unimplemented(void **state)
{
    struct fixture *self = *state;
    http_request request = ODD_NAMES__V1BETA__URLSTUFF__HTTPREQUEST__INIT, *response;
    Google__Protobuf__Empty *empty;
    assert_int_equal(
        odd_names_v1beta_url_stuff_method_names_get_http_status2_x(self->channel, &request, &patient, &response, NULL),
        FR_UNIMPLEMENTED);
    assert_int_equal(odd_names_v1beta_url_stuff_method_names_delete(self->channel, &request, &patient, &empty, NULL),
                     FR_UNIMPLEMENTED);
}

static void a_malformed_request_never_reaches_a_handler(void **state)
{
    struct fixture *self = *state;
    struct fr_arena *arena = fr_arena_new(1024);
    struct fr_result result;
    assert_int_equal(fr_channel_call(self->channel, odd_names_v1beta_url_stuff_method_names_default_method.name,
                                     fr_bytes_of("\x0a\x05" "ab"), &patient, arena, &result),
                     FR_INVALID_ARGUMENT);
    fr_arena_free(arena);
}

/* ---- asynchronous calls ---- */

struct outcome {
    struct fr_wait wait;
    uint64_t done; /* guarded by wait */
    enum fr_code code;
    char text[32];
};

static void on_default(void *argument, const struct fr_result *result, const http_request *response)
{
    struct outcome *self = argument;
    fr_wait_lock(&self->wait);
    self->done++;
    self->code = result->code;
    strncpy(self->text, response == NULL ? "none" : response->text, sizeof self->text - 1);
    fr_wait_unlock_changed(&self->wait);
}

static void an_asynchronous_call_delivers_typed_answers_and_errors(void **state)
{
    struct fixture *self = *state;
    http_request request = ODD_NAMES__V1BETA__URLSTUFF__HTTPREQUEST__INIT;
    struct outcome outcome = {0};
    struct fr_pending *pending;
    fr_wait_init(&outcome.wait);
    request.text = (char *)"later";
    odd_names_v1beta_url_stuff_method_names_default_async(self->channel, &request, &patient, on_default, &outcome,
                                                          &pending);
    assert_true(fr_wait_for(&outcome.wait, &outcome.done, 1, FR_TEST_PATIENCE_US));
    fr_pending_cancel(pending);
    fr_pending_unref(pending);
    assert_int_equal(outcome.code, FR_OK);
    assert_string_equal(outcome.text, "later");
    odd_names_v1beta_url_stuff_method_names_register__async(self->channel, &request, NULL, on_default, &outcome, NULL);
    assert_true(fr_wait_for(&outcome.wait, &outcome.done, 2, FR_TEST_PATIENCE_US));
    assert_int_equal(outcome.code, FR_ABORTED);
    assert_string_equal(outcome.text, "none");
    fr_wait_fini(&outcome.wait);
}

/* ---- tables ---- */

static void methods_know_their_names_types_and_idempotency(void **state)
{
    (void)state;
    assert_string_equal(bare_do_method.name, "Bare/Do");
    assert_ptr_equal(bare_do_method.response, &top__in__descriptor);
    assert_int_equal(bare_do_method.idempotency, FR_NO_SIDE_EFFECTS);
    assert_null(bare_do_method.cached);
    assert_int_equal(odd_names_v1beta_url_stuff_method_names_old_method.idempotency, FR_IDEMPOTENT);
    assert_int_equal(odd_names_v1beta_url_stuff_method_names_already_snake_method.idempotency,
                     FR_IDEMPOTENCY_UNKNOWN);
    assert_string_equal(odd_names_v1beta_url_stuff_type_names_digits_method.name,
                        "Odd_names.v1beta.URLStuff.TypeNames/Digits");
    assert_ptr_equal(odd_names_v1beta_url_stuff_type_names_digits_method.request,
                     &odd_names__v1beta__urlstuff__httprequest__xmlhttp2_request3__descriptor);
    assert_ptr_equal(odd_names_v1beta_url_stuff_type_names_lower_method.response,
                     &odd_names__v1beta__urlstuff__a__b___c__descriptor);
}

static void descriptors_are_complete(void **state)
{
    const struct fr_bytes sets[] = {odd_names_proto_descriptors, odd_bare_proto_descriptors,
                                    odd_types_only_proto_descriptors};
    static const char *const symbols[] = {"Odd_names.v1beta.URLStuff.TypeNames", "Bare", "odd.types.Lonely"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct fr_schema *schema;
        struct fr_buffer text = {0};
        struct fr_error error;
        if (fr_schema_new(sets[i], &schema, &error) != FR_OK) {
            fail_msg("%s", error.message);
        }
        assert_int_equal(fr_schema_describe(schema, symbols[i], &text, &error), FR_OK);
        assert_true(i != 0 || strstr(fr_buffer_text(&text), "// Every message of this file, in and out.") != NULL);
        fr_buffer_fini(&text);
        fr_schema_free(schema);
    }
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(a_handler_gets_its_request_and_its_context),
        FACT(imported_types_travel),
        FACT(a_method_may_be_called_like_a_keyword),
        FACT(a_member_that_is_null_is_unimplemented),
        FACT(a_malformed_request_never_reaches_a_handler),
        FACT(an_asynchronous_call_delivers_typed_answers_and_errors),
        cmocka_unit_test(methods_know_their_names_types_and_idempotency),
        cmocka_unit_test(descriptors_are_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
