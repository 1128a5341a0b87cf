/* SPDX-License-Identifier: MIT */
/*
 * test_passing_on.c - what goes on to the service behind, and what comes back from it: cancellation, errors, metadata.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cached/forward.h"
#include "cached/products.h"
#include "support/wait.h"

#define MOST_HELD 8

/* An api whose Redis is not there, and the data service behind it, which does what the test wants. */
struct fixture {
    struct fr_cache *cache;
    struct fr_cached *cached;
    struct fr_server *data_server, *api_server;
    struct fr_channel *data, *api;
    struct fr_wait wait;
    /* Guarded by wait. */
    struct fr_call *held[MOST_HELD]; /* by data */
    uint64_t held_count, over_count, answered;
};

static void check(enum fr_code code, const struct fr_error *error)
{
    if (code != FR_OK) {
        fail_msg("%s: %s", fr_code_name(code), error->message);
    }
}

static void count_over(void *argument)
{
    struct fixture *self = argument;
    fr_wait_lock(&self->wait);
    self->over_count++;
    fr_wait_unlock_changed(&self->wait);
}

static void hold(struct fixture *self, struct fr_call *call)
{
    fr_call_on_over(call, count_over, self);
    fr_wait_lock(&self->wait);
    FR_ASSERT(self->held_count < MOST_HELD);
    self->held[self->held_count++] = call;
    fr_wait_unlock_changed(&self->wait);
}

static void data_get(struct fr_call *call, const Products__V1__GetProductRequest *request, void *context)
{
    (void)request;
    hold(context, call);
}

static void data_find(struct fr_call *call, const Products__V1__FindProductRequest *request, void *context)
{
    (void)request;
    hold(context, call);
}

/* A method that is passed on as it is. */
static void api_recall(struct fr_call *call, const Products__V1__GetProductRequest *request, void *context)
{
    struct fixture *self = context;
    (void)request;
    fr_forward_handle(call,
                      &(struct fr_forward){self->data, "products.v1.ProductData/GetProduct", self->cache});
}

static struct fr_channel *serve(struct fr_server *server)
{
    struct fr_error error;
    struct fr_channel *channel;
    check(fr_server_listen(server, "tcp://127.0.0.1:0", &error), &error);
    check(fr_server_serve(server, &error), &error);
    check(fr_channel_new(fr_server_address(server), NULL, &channel, &error), &error);
    return channel;
}

static int open_fixture(void **state)
{
    static const struct products_v1_product_data_service data = {.get_product = data_get,
                                                                 .find_product = data_find};
    static const struct products_v1_products_service api = {.recall_product = api_recall};
    struct fixture *self = calloc(1, sizeof *self);
    struct fr_error error;
    assert_non_null(self);
    fr_wait_init(&self->wait);
    check(fr_cache_new(&(struct fr_cache_options){.url = "redis://127.0.0.1:1/0"}, &self->cache, &error),
          &error);
    check(fr_cached_new(&(struct fr_cached_options){.cache = self->cache}, &self->cached, &error), &error);
    check(fr_server_new(&self->data_server, &error), &error);
    assert_int_equal(products_v1_product_data_register(self->data_server, &data, self), FR_OK);
    self->data = serve(self->data_server);
    const struct products_v1_products_sources sources = {.get_product = self->data,
                                                         .find_product = self->data};
    check(fr_server_new(&self->api_server, &error), &error);
    check(products_v1_products_register_cached(self->api_server, &api, self, self->cached, &sources, &error),
          &error);
    self->api = serve(self->api_server);
    *state = self;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *self = *state;
    fr_channel_free(self->api);
    fr_server_free(self->api_server);
    fr_cache_stop(self->cache);
    fr_channel_free(self->data);
    fr_server_free(self->data_server);
    fr_cache_free(self->cache);
    fr_cached_free(self->cached);
    fr_wait_fini(&self->wait);
    free(self);
    return 0;
}

/* A call to api and what it came to. */
struct outcome {
    struct fixture *fixture;
    struct fr_pending *pending;
    uint64_t done; /* guarded by the fixture's wait */
    void (*look)(const struct fr_result *result);
    enum fr_code code;
};

static void on_done(void *argument, const struct fr_result *result)
{
    struct outcome *self = argument;
    if (self->look != NULL) {
        self->look(result);
    }
    fr_wait_lock(&self->fixture->wait);
    self->code = result->code;
    self->done = 1;
    fr_wait_unlock_changed(&self->fixture->wait);
}

static const struct fr_call_options patient = {.timeout_us = FR_TEST_PATIENCE_US};

static void start(struct fixture *self, const char *method, const struct fr_call_options *options,
                  struct outcome *outcome)
{
    static const uint8_t id_7[] = {1 << 3, 7};
    outcome->fixture = self;
    fr_channel_start(self->api, method, (struct fr_bytes){id_7, sizeof id_7}, options, on_done, outcome,
                     &outcome->pending);
}

static enum fr_code finish(struct outcome *outcome)
{
    assert_true(fr_wait_for(&outcome->fixture->wait, &outcome->done, 1, FR_TEST_PATIENCE_US));
    fr_pending_unref(outcome->pending);
    return outcome->code;
}

static void wait_held(struct fixture *self, uint64_t count)
{
    assert_true(fr_wait_for(&self->wait, &self->held_count, count, FR_TEST_PATIENCE_US));
}

static void wait_over(struct fixture *self, uint64_t count)
{
    assert_true(fr_wait_for(&self->wait, &self->over_count, count, FR_TEST_PATIENCE_US));
}

/* Until a second reader has joined the read that is under way. */
static void wait_coalesced(struct fixture *self)
{
    struct fr_cache_statistics now = {0};
    for (uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US; now.coalesced == 0;) {
        assert_true(fr_clock_now_us() < end_us);
        fr_cache_statistics(self->cache, &now);
    }
}

#define READ    "products.v1.Products/GetProduct"
#define FORWARD "products.v1.Products/RecallProduct"

static const char *const ways[] = {READ, FORWARD};
#define WAYS (sizeof ways / sizeof ways[0])

/* Time to arrive at data also where the machine is busy. */
#define HASTY_US (500 * FR_MILLISECOND_US)

/* ---- cancellation ---- */

static void a_cancelled_call_is_cancelled_behind_too_and_open_no_longer(void **state)
{
    struct fixture *self = *state;
    for (size_t i = 0; i < WAYS; i++) {
        struct outcome outcome = {0};
        start(self, ways[i], &patient, &outcome);
        wait_held(self, i + 1);
        fr_pending_cancel(outcome.pending);
        assert_int_equal(finish(&outcome), FR_CANCELLED);
        wait_over(self, i + 1);
    }
    /* data has not answered yet, but nobody waits for it. */
    assert_int_equal(fr_server_drain(self->api_server, FR_TEST_PATIENCE_US), 0);
    fr_call_reply(self->held[0], (struct fr_bytes){0});
    fr_call_reply(self->held[1], (struct fr_bytes){0});
}

static void the_end_of_a_connection_cancels_behind_too(void **state)
{
    struct fixture *self = *state;
    struct fr_error error;
    struct outcome outcome = {0};
    start(self, READ, &patient, &outcome);
    wait_held(self, 1);
    fr_channel_free(self->api);
    assert_int_equal(finish(&outcome), FR_CANCELLED);
    wait_over(self, 1);
    fr_call_reply(self->held[0], (struct fr_bytes){0});
    check(fr_channel_new(fr_server_address(self->api_server), NULL, &self->api, &error), &error);
}

static void a_deadline_cancels_the_read_behind_but_not_for_others(void **state)
{
    struct fixture *self = *state;
    struct outcome hasty = {0}, waiting = {0};
    start(self, READ, &patient, &waiting);
    wait_held(self, 1);
    start(self, READ, &(struct fr_call_options){.timeout_us = HASTY_US}, &hasty);
    wait_coalesced(self);
    assert_int_equal(finish(&hasty), FR_DEADLINE_EXCEEDED);
    fr_call_reply(self->held[0], (struct fr_bytes){0});
    assert_int_equal(finish(&waiting), FR_OK);
    assert_int_equal(self->over_count, 0);
    hasty = (struct outcome){0};
    start(self, READ, &(struct fr_call_options){.timeout_us = HASTY_US}, &hasty);
    wait_held(self, 2);
    wait_over(self, 1);
    assert_int_equal(finish(&hasty), FR_DEADLINE_EXCEEDED);
    fr_call_reply(self->held[1], (struct fr_bytes){0});
}

/* ---- what comes back ---- */

#define LONG_URL_BYTES 1000

static char long_url[LONG_URL_BYTES + 1];

static void is_as_data_said(const struct fr_result *result)
{
    assert_int_equal(result->code, FR_RESOURCE_EXHAUSTED);
    assert_string_equal(result->message, "data is full");
    assert_int_equal(result->retry_after_us, 1234);
    assert_true(fr_bytes_equal(fr_metadata_find(result->metadata, "beside"), fr_bytes_of("it")));
    assert_int_equal(result->details.count, 2);
    assert_true(fr_bytes_equal(result->details.entries[0].type_url, fr_bytes_of("t/short")));
    assert_true(fr_bytes_equal(result->details.entries[0].value, fr_bytes_of("value")));
    assert_true(fr_bytes_equal(result->details.entries[1].type_url, fr_bytes_of(long_url)));
}

static void an_error_arrives_whole_at_everybody_who_waits(void **state)
{
    struct fixture *self = *state;
    memset(long_url, 'u', LONG_URL_BYTES);
    for (size_t i = 0; i < WAYS; i++) {
        struct outcome outcomes[2] = {{.look = is_as_data_said}, {.look = is_as_data_said}};
        bool shared = strcmp(ways[i], READ) == 0;
        start(self, ways[i], &patient, &outcomes[0]);
        wait_held(self, i + 1);
        if (shared) {
            start(self, ways[i], &patient, &outcomes[1]);
            wait_coalesced(self);
        }
        fr_call_set_metadata(self->held[i], "beside", fr_bytes_of("it"));
        fr_call_add_detail(self->held[i], "t/short", fr_bytes_of("value"));
        fr_call_add_detail(self->held[i], long_url, (struct fr_bytes){0});
        fr_call_set_retry_after(self->held[i], 1234);
        fr_call_fail(self->held[i], FR_RESOURCE_EXHAUSTED, "data is full");
        for (size_t k = 0; k < 1 + (size_t)shared; k++) {
            assert_int_equal(finish(&outcomes[k]), FR_RESOURCE_EXHAUSTED);
        }
    }
}

static void has_metadata_but_no_event(const struct fr_result *result)
{
    assert_true(fr_bytes_equal(fr_metadata_find(result->metadata, "beside"), fr_bytes_of("it")));
    assert_int_equal(fr_metadata_find(result->metadata, "x-cache-event").size, 0);
}

static void metadata_of_a_forwarded_answer_is_passed_on_but_not_its_event(void **state)
{
    struct fixture *self = *state;
    for (unsigned event = 0; event < 2; event++) {
        struct outcome outcome = {.look = has_metadata_but_no_event};
        start(self, FORWARD, &patient, &outcome);
        wait_held(self, event + 1);
        fr_call_set_metadata(self->held[event], "beside", fr_bytes_of("it"));
        if (event == 1) {
            fr_call_set_metadata(self->held[event], "x-cache-event", fr_bytes_of("1@2"));
        }
        fr_call_reply(self->held[event], (struct fr_bytes){0});
        assert_int_equal(finish(&outcome), FR_OK);
    }
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(a_cancelled_call_is_cancelled_behind_too_and_open_no_longer),
        FACT(the_end_of_a_connection_cancels_behind_too),
        FACT(a_deadline_cancels_the_read_behind_but_not_for_others),
        FACT(an_error_arrives_whole_at_everybody_who_waits),
        FACT(metadata_of_a_forwarded_answer_is_passed_on_but_not_its_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
