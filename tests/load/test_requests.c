/* SPDX-License-Identifier: MIT */
/*
 * test_requests.c - each call gets the request that its text, line, key or number asks for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "load/requests.h"

static struct fr_schema *schema;
static struct requests_scratch scratch;

static int set_up(void **state)
{
    (void)state;
    scratch.arena = fr_arena_new(4096);
    return fr_schema_new((struct fr_bytes){fr_protoset, fr_protoset_size}, &schema, NULL) == FR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    requests_scratch_fini(&scratch);
    fr_arena_free(scratch.arena);
    fr_schema_free(schema);
    return 0;
}

static struct requests_options options_of(const char *text)
{
    return (struct requests_options){.type = fr_schema_find_message(schema, "users.v1.GetUserRequest"),
                                     .text = fr_bytes_of(text)};
}

static struct requests *made(const struct requests_options *options)
{
    struct requests *requests;
    assert_int_equal(requests_new(options, &requests, NULL), FR_OK);
    return requests;
}

/* The id in the request: field 1, of fewer than 128 bytes. */
static const char *id_of(const struct requests *requests, uint64_t n)
{
    static char id[128];
    struct fr_bytes request;
    assert_int_equal(requests_get(requests, n, &scratch, &request, NULL), FR_OK);
    assert_true(request.size >= 2 && request.data[0] == 0x0A && request.data[1] == request.size - 2);
    snprintf(id, sizeof id, "%.*s", (int)request.size - 2, (const char *)request.data + 2);
    return id;
}

static void a_constant_request_is_the_same_for_all(void **state)
{
    (void)state;
    struct requests_options options = options_of("{\"id\":\"user-1\"}");
    struct requests *requests = made(&options);
    assert_string_equal(id_of(requests, 1), "user-1");
    assert_string_equal(id_of(requests, UINT64_MAX), "user-1");
    requests_free(requests);
}

static void the_number_of_the_call_never_repeats(void **state)
{
    (void)state;
    struct requests_options options = options_of("{\"id\":\"{{n}}\"}");
    struct requests *requests = made(&options);
    assert_string_equal(id_of(requests, 1), "1");
    assert_string_equal(id_of(requests, REQUESTS_DRAWN + 7), "262151");
    requests_free(requests);
}

static void lines_are_sent_in_turn(void **state)
{
    (void)state;
    struct requests_options options = options_of("{\"id\":\"a\"}\n\n{\"id\":\"b\"}\r\n  \n{\"id\":\"c\"}");
    options.lines = true;
    options.name = "x.jsonl";
    struct requests *requests = made(&options);
    const char *const expected[] = {"a", "b", "c", "a", "b", "c", "a"};
    for (unsigned i = 0; i < 7; i++) {
        assert_string_equal(id_of(requests, i + 1), expected[i]);
    }
    requests_free(requests);
}

static void lines_may_have_places(void **state)
{
    (void)state;
    struct requests_options options = options_of("{\"id\":\"a{{n}}\"}\n{\"id\":\"b{{rand 5 5}}\"}\n");
    options.lines = true;
    options.name = "x.jsonl";
    struct requests *requests = made(&options);
    assert_string_equal(id_of(requests, 3), "a3");
    assert_string_equal(id_of(requests, 4), "b5");
    requests_free(requests);
}

static void keys_are_drawn_anew_for_each_call(void **state)
{
    (void)state;
    struct keys keys;
    unsigned seen[6] = {0};
    struct requests_options options = options_of("{\"id\":\"{{key}}\"}");
    keys_init(&keys, 1, 5, 0);
    options.keys = &keys;
    struct requests *requests = made(&options);
    for (unsigned i = 0; i < 5000; i++) {
        int key = atoi(id_of(requests, 1));
        assert_in_range(key, 1, 5);
        seen[key]++;
    }
    for (unsigned key = 1; key <= 5; key++) {
        assert_in_range(seen[key], 800, 1200);
    }
    requests_free(requests);
}

static void keys_begin_where_they_are_told(void **state)
{
    (void)state;
    struct keys keys;
    struct requests_options options = options_of("{\"id\":\"{{key}}\"}");
    keys_init(&keys, 1000, 3, 1);
    options.keys = &keys;
    struct requests *requests = made(&options);
    for (unsigned i = 0; i < 100; i++) {
        assert_in_range(atoi(id_of(requests, 1)), 1000, 1002);
    }
    requests_free(requests);
}

static void more_keys_than_can_be_prepared_work_too(void **state)
{
    (void)state;
    struct keys keys;
    struct requests_options options = options_of("{\"id\":\"{{key}}\"}");
    keys_init(&keys, 1, REQUESTS_KEYS * 1000, 0);
    options.keys = &keys;
    struct requests *requests = made(&options);
    unsigned large = 0;
    for (unsigned i = 0; i < 100; i++) {
        large += strtoull(id_of(requests, 1), NULL, 10) > REQUESTS_KEYS;
    }
    assert_true(large > 90);
    requests_free(requests);
}

static void chance_differs_from_call_to_call(void **state)
{
    (void)state;
    struct requests_options options = options_of("{\"id\":\"{{uuid}}\"}");
    struct requests *requests = made(&options);
    char first[128];
    snprintf(first, sizeof first, "%s", id_of(requests, 1));
    assert_string_not_equal(first, id_of(requests, 2));
    assert_string_equal(first, id_of(requests, REQUESTS_DRAWN + 1)); /* as the header says */
    requests_free(requests);
}

static void assert_refused(const struct requests_options *options, const char *message)
{
    struct requests *requests;
    struct fr_error error;
    assert_int_equal(requests_new(options, &requests, &error), FR_INVALID_ARGUMENT);
    if (strstr(error.message, message) == NULL) {
        fail_msg("'%s' is not in '%s'", message, error.message);
    }
}

static void errors_say_where_they_are(void **state)
{
    (void)state;
    struct requests_options options = options_of("{\"id\":\n oops}");
    assert_refused(&options, "line 2, column");
    options = options_of("{\"ID\":\"x\"}");
    assert_refused(&options, "ID");
    options = options_of("{\"id\":\"{{key}}\"}");
    assert_refused(&options, "--keys");
    options = options_of("{\"id\":\"a\"}\n\n{\"id\":7}\n");
    options.lines = true;
    options.name = "x.jsonl";
    assert_refused(&options, "line 3 of 'x.jsonl'");
    options.text = fr_bytes_of("\n\n");
    assert_refused(&options, "holds no request");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_constant_request_is_the_same_for_all),
        cmocka_unit_test(the_number_of_the_call_never_repeats),
        cmocka_unit_test(lines_are_sent_in_turn),
        cmocka_unit_test(lines_may_have_places),
        cmocka_unit_test(keys_are_drawn_anew_for_each_call),
        cmocka_unit_test(keys_begin_where_they_are_told),
        cmocka_unit_test(more_keys_than_can_be_prepared_work_too),
        cmocka_unit_test(chance_differs_from_call_to_call),
        cmocka_unit_test(errors_say_where_they_are),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
