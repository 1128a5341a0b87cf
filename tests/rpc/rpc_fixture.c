/* SPDX-License-Identifier: MIT */
/*
 * rpc_fixture.c - a server and a channel in one process, with methods that a test can hold and release.
 */
#include "rpc/rpc_fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "rpc/wire.h"
#include "users/v1/users.pb-c.h"

static void echo(struct fr_call *call, void *context)
{
    (void)context;
    fr_call_reply(call, fr_call_request(call));
}

struct errand {
    struct fr_work work;
    struct fr_call *call;
};

static void run_errand(struct fr_work *work, unsigned worker)
{
    struct errand *errand = (struct errand *)work;
    (void)worker;
    fr_call_reply(errand->call, fr_call_request(errand->call));
    free(errand);
}

static void later(struct fr_call *call, void *context)
{
    struct fixture *fixture = context;
    struct errand *errand = malloc(sizeof *errand);
    FR_ASSERT(errand != NULL);
    *errand = (struct errand){{.run = run_errand}, call};
    FR_ASSERT(fr_worker_pool_submit(fixture->workers, &errand->work, NULL) == FR_OK);
}

static void hold(struct fr_call *call, void *context)
{
    struct fixture *fixture = context;
    fr_wait_lock(&fixture->wait);
    FR_ASSERT(fixture->held_count < FIXTURE_HELD);
    fixture->held[fixture->held_count++] = call;
    fr_wait_unlock_changed(&fixture->wait);
}

static void release(struct fr_call *call, void *context)
{
    fixture_release(context);
    fr_call_reply(call, (struct fr_bytes){0});
}

void fixture_count_over(void *argument)
{
    struct fixture *fixture = argument;
    fr_wait_lock(&fixture->wait);
    fixture->over_count++;
    fr_wait_unlock_changed(&fixture->wait);
}

static void watch(struct fr_call *call, void *context)
{
    fr_call_on_over(call, fixture_count_over, context);
    hold(call, context);
}

static void payload_text(const struct fr_call *call, char *text, size_t room)
{
    struct fr_bytes request = fr_call_request(call);
    snprintf(text, room, "%.*s", (int)request.size, (const char *)request.data);
}

static void fail_as_asked(struct fr_call *call, void *context)
{
    char text[1024];
    char *message;
    (void)context;
    payload_text(call, text, sizeof text);
    unsigned long code = strtoul(text, &message, 10);
    fr_call_fail(call, (enum fr_code)code, "%s", message + (*message == ' '));
}

static void answer_metadata(struct fr_call *call, void *context)
{
    struct fr_metadata metadata = fr_call_metadata(call);
    (void)context;
    for (size_t i = 0; i < metadata.count; i++) {
        struct fr_bytes key = metadata.entries[i].key;
        char text[256];
        snprintf(text, sizeof text, "%.*s", (int)key.size, (const char *)key.data);
        fr_call_set_metadata(call, text, metadata.entries[i].value);
    }
    fr_call_reply(call, (struct fr_bytes){0});
}

static void answer_size(struct fr_call *call, void *context)
{
    char text[32];
    (void)context;
    payload_text(call, text, sizeof text);
    size_t size = strtoul(text, NULL, 10);
    uint8_t *bytes = malloc(size + 1);
    FR_ASSERT(bytes != NULL);
    memset(bytes, 's', size);
    fr_call_reply(call, (struct fr_bytes){bytes, size});
    free(bytes);
}

static void answer_timeout(struct fr_call *call, void *context)
{
    char text[32];
    (void)context;
    snprintf(text, sizeof text, "%" PRIu64, fr_call_timeout_us(call));
    fr_call_reply(call, fr_bytes_of(text));
}

static void fail_with_details(struct fr_call *call, void *context)
{
    static const uint8_t bytes[256];
    char text[32], type[64];
    (void)context;
    payload_text(call, text, sizeof text);
    unsigned count = (unsigned)strtoul(text, NULL, 10);
    for (unsigned i = 0; i < count; i++) {
        snprintf(type, sizeof type, "type.googleapis.com/test.v1.Detail%u", i);
        fr_call_add_detail(call, type, (struct fr_bytes){bytes, i});
    }
    fr_call_set_metadata(call, "beside", fr_bytes_of("them"));
    fr_call_set_retry_after(call, 1500);
    fr_call_fail(call, FR_FAILED_PRECONDITION, "not now");
}

static void get_user(struct fr_call *call, void *context)
{
    struct ProtobufCMessage *request;
    struct fr_error error;
    (void)context;
    if (fr_call_unpack(call, &request, &error) != FR_OK) {
        fr_call_fail_error(call, &error);
        return;
    }
    Users__V1__User user = USERS__V1__USER__INIT;
    user.id = ((Users__V1__GetUserRequest *)request)->id;
    user.name = (char *)"Ada";
    fr_call_reply_message(call, &user.base);
}

static void no_user(struct fr_call *call, void *context)
{
    (void)context;
    fr_call_reply(call, fr_bytes_of("\x0a\x05" "ab"));
}

#define METHOD(text)                                                                                                   \
    {                                                                                                                  \
        .name = text, .request = &users__v1__get_user_request__descriptor, .response = &users__v1__user__descriptor    \
    }

const struct fr_method fixture_get_user = METHOD(GET_USER), fixture_no_user = METHOD(NO_USER);
static const struct {
    struct fr_method method;
    fr_handler *handler;
} methods[] = {
    {METHOD(GET_USER), get_user},
    {METHOD(NO_USER), no_user},
    {METHOD(ECHO), echo},
    {METHOD(LATER), later},
    {METHOD(HOLD), hold},
    {METHOD(WATCH), watch},
    {METHOD(RELEASE), release},
    {METHOD(FAIL), fail_as_asked},
    {METHOD(METADATA), answer_metadata},
    {METHOD(SIZE), answer_size},
    {METHOD(TIMEOUT), answer_timeout},
    {METHOD(DETAILS), fail_with_details},
    {METHOD(MISSING), NULL},
};
#define METHODS (sizeof methods / sizeof methods[0])

enum fr_code fixture_serve_limited(struct fixture *self, const char *address, const struct fr_server_limits *limits)
{
    struct fr_server_method served[METHODS];
    for (size_t i = 0; i < METHODS; i++) {
        served[i] = (struct fr_server_method){
            .method = &methods[i].method, .handler = methods[i].handler, .context = self};
    }
    assert_int_equal(fr_server_new(&self->server, NULL), FR_OK);
    if (limits != NULL) {
        fr_server_set_limits(self->server, limits);
    }
    assert_int_equal(fr_server_register(self->server, "test.v1.Test", served, METHODS, NULL), FR_OK);
    assert_int_equal(fr_server_limit_method(self->server, WATCH, self->max_watched, NULL), FR_OK);
    enum fr_code code = fr_server_listen(self->server, address, NULL);
    if (code == FR_OK) {
        code = fr_server_serve(self->server, NULL);
    }
    if (code != FR_OK) {
        fr_server_free(self->server);
        self->server = NULL;
        return code;
    }
    snprintf(self->address, sizeof self->address, "%s", fr_server_address(self->server));
    return FR_OK;
}

enum fr_code fixture_serve(struct fixture *self, const char *address)
{
    return fixture_serve_limited(self, address, NULL);
}

struct fr_channel *fixture_channel(const char *target)
{
    struct fr_channel *channel = NULL;
    assert_int_equal(fr_channel_new(target, NULL, &channel, NULL), FR_OK);
    return channel;
}

void fixture_use_target(struct fixture *self, const char *target, const struct fr_channel_options *options)
{
    fr_channel_free(self->channel);
    self->channel = NULL;
    assert_int_equal(fr_channel_new(target, options, &self->channel, NULL), FR_OK);
}

void fixture_use_wire(struct fixture *self, struct wire *server)
{
    char target[64];
    int listener = wire_listen(true, target);
    fixture_use_target(self, target, &(struct fr_channel_options){.connect_timeout_us = FR_TEST_PATIENCE_US});
    wire_accept(server, listener);
    close(listener);
}

void fixture_use_limits(struct fixture *self, const struct fr_server_limits *limits)
{
    fr_server_free(self->server);
    assert_int_equal(fixture_serve_limited(self, "tcp://127.0.0.1:0", limits), FR_OK);
}

int fixture_open_bare(void **state)
{
    struct fixture *self = calloc(1, sizeof *self);
    assert_non_null(self);
    fr_wait_init(&self->wait);
    self->arena = fr_arena_new(4096);
    assert_int_equal(fr_worker_pool_new(4, FIXTURE_HELD, &self->workers, NULL), FR_OK);
    *state = self;
    return 0;
}

/* A channel gives up connecting after a second, which a busy machine may need. */
static void wait_connected(const struct fixture *self)
{
    uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US;
    struct fr_result result;
    while (fr_channel_call(self->channel, ECHO, (struct fr_bytes){0}, NULL, self->arena, &result) != FR_OK) {
        assert_true(fr_clock_now_us() < end_us);
    }
}

int fixture_open(void **state)
{
    fixture_open_bare(state);
    struct fixture *self = *state;
    assert_int_equal(fixture_serve(self, "tcp://127.0.0.1:0"), FR_OK);
    self->channel = fixture_channel(self->address);
    wait_connected(self);
    return 0;
}

int fixture_close(void **state)
{
    struct fixture *self = *state;
    fixture_release(self);
    fr_channel_free(self->channel);
    fr_worker_pool_free(self->workers);
    fr_server_free(self->server);
    fixture_release(self);
    fr_arena_free(self->arena);
    fr_wait_fini(&self->wait);
    free(self);
    return 0;
}

struct fr_result call(struct fixture *self, const char *method, const char *payload,
                      const struct fr_call_options *options)
{
    struct fr_result result;
    const struct fr_call_options patient = {.timeout_us = FR_TEST_PATIENCE_US};
    enum fr_code code = fr_channel_call(self->channel, method, fr_bytes_of(payload),
                                        options == NULL ? &patient : options, self->arena, &result);
    assert_int_equal(code, result.code);
    return result;
}

struct fr_result call_past_deadline(struct fixture *self, const char *method, uint64_t *ret_timeout_us)
{
    struct fr_call_options options = {.timeout_us = 15 * FR_MILLISECOND_US};
    struct fr_result result;
    do {
        options.timeout_us *= 2;
        result = call(self, method, "", &options);
        assert_int_equal(result.code, FR_DEADLINE_EXCEEDED);
    } while (result.not_sent);
    if (ret_timeout_us != NULL) {
        *ret_timeout_us = options.timeout_us;
    }
    return result;
}

bool payload_is(const struct fr_result *result, const char *text)
{
    return fr_bytes_equal(result->payload, fr_bytes_of(text));
}

static void on_done(void *argument, const struct fr_result *result)
{
    struct outcome *self = argument;
    fr_wait_lock(self->wait);
    self->done++;
    self->code = result->code;
    self->not_sent = result->not_sent;
    self->retry_after_us = result->retry_after_us;
    self->payload_size = result->payload.size;
    snprintf(self->message, sizeof self->message, "%s", result->message);
    snprintf(self->payload, sizeof self->payload, "%.*s", (int)result->payload.size,
             result->payload.data == NULL ? "" : (const char *)result->payload.data);
    fr_wait_unlock_changed(self->wait);
}

void start_call(struct fixture *self, const char *method, const char *payload, const struct fr_call_options *options,
                struct outcome *outcome, struct fr_pending **ret_pending)
{
    *outcome = (struct outcome){.wait = &self->wait};
    fr_channel_start(self->channel, method, fr_bytes_of(payload), options, on_done, outcome, ret_pending);
}

void await(struct outcome *outcome)
{
    assert_true(fr_wait_for(outcome->wait, &outcome->done, 1, FR_TEST_PATIENCE_US));
}

void fixture_wait_held(struct fixture *self, uint64_t count)
{
    assert_true(fr_wait_for(&self->wait, &self->held_count, count, FR_TEST_PATIENCE_US));
}

void fixture_wait_over(struct fixture *self, uint64_t count)
{
    assert_true(fr_wait_for(&self->wait, &self->over_count, count, FR_TEST_PATIENCE_US));
}

void fixture_release(struct fixture *self)
{
    for (;;) {
        fr_wait_lock(&self->wait);
        struct fr_call *held = self->released < self->held_count ? self->held[self->released++] : NULL;
        fr_wait_unlock_changed(&self->wait);
        if (held == NULL) {
            return;
        }
        fr_call_reply(held, fr_bytes_of("released"));
    }
}
