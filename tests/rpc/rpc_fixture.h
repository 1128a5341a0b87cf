/* SPDX-License-Identifier: MIT */
/*
 * rpc_fixture.h - a server and a channel in one process, with methods that a test can hold and release.
 */
#ifndef FR_TESTS_RPC_RPC_FIXTURE_H
#define FR_TESTS_RPC_RPC_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>

#include "base/worker_pool.h"
#include "rpc/channel.h"
#include "rpc/server.h"
#include "support/wait.h"

#define FIXTURE_HELD 16384

#define ECHO     "test.v1.Test/Echo"     /* answers with its payload */
#define LATER    "test.v1.Test/Later"    /* the same, from a worker's thread */
#define HOLD     "test.v1.Test/Hold"     /* is kept until fixture_release */
#define WATCH    "test.v1.Test/Watch"    /* the same, and counts when it is over before */
#define RELEASE  "test.v1.Test/Release"  /* calls fixture_release, then answers */
#define FAIL     "test.v1.Test/Fail"     /* payload "5 text" fails with code 5 and that message */
#define METADATA "test.v1.Test/Metadata" /* answers with its metadata, as metadata */
#define SIZE     "test.v1.Test/Size"     /* payload "77" answers with 77 bytes */
#define TIMEOUT  "test.v1.Test/Timeout"  /* answers with the time it has, in microseconds */
#define GET_USER "test.v1.Test/GetUser"  /* users.v1: a user with that id */
#define NO_USER  "test.v1.Test/NoUser"   /* declared as GetUser, answers with bytes that are none */
#define DETAILS  "test.v1.Test/Details"  /* payload "2" fails with two details */
#define MISSING  "test.v1.Test/Missing"  /* declared without a handler */

struct fixture {
    struct fr_server *server;
    struct fr_channel *channel;
    struct fr_worker_pool *workers;
    struct fr_arena *arena; /* of the answers of call() */
    char address[128];
    struct fr_wait wait;
    struct fr_call *held[FIXTURE_HELD]; /* guarded by wait */
    uint64_t held_count;                /* guarded by wait; never falls */
    uint64_t released;
    uint64_t over_count; /* guarded by wait: of WATCH */
    unsigned max_watched; /* limit of WATCH, before fixture_serve; 0: none */
};

extern const struct fr_method fixture_get_user, fixture_no_user;

/* cmocka's set-up and tear-down. */
int fixture_open(void **state);
int fixture_open_bare(void **state); /* without server and channel */
int fixture_close(void **state);

/* The parts: a server on address (port 0: any), which serves the methods above; and a channel to it. */
enum fr_code fixture_serve(struct fixture *self, const char *address);
enum fr_code fixture_serve_limited(struct fixture *self, const char *address, const struct fr_server_limits *limits);
struct fr_channel *fixture_channel(const char *target);
/* Another channel instead of the one it has. */
void fixture_use_target(struct fixture *self, const char *target, const struct fr_channel_options *options);
/* Another channel, whose server is the test itself. */
struct wire;
void fixture_use_wire(struct fixture *self, struct wire *server);
/* Another server instead of the one it has. */
void fixture_use_limits(struct fixture *self, const struct fr_server_limits *limits);

/* One blocking call with a text; what it gives is borrowed until the fixture closes. */
struct fr_result call(struct fixture *self, const char *method, const char *payload,
                      const struct fr_call_options *options);
/*
 * A blocking call that leaves, gets no answer and ends at its deadline, which is as long as it takes to leave on this
 * machine. ret_timeout_us, the deadline, may be NULL.
 */
struct fr_result call_past_deadline(struct fixture *self, const char *method, uint64_t *ret_timeout_us);
bool payload_is(const struct fr_result *result, const char *text);

/* An asynchronous call; zeroed but for wait. */
struct outcome {
    struct fr_wait *wait;
    uint64_t done; /* guarded by wait: how often done ran */
    enum fr_code code;
    bool not_sent;
    uint64_t retry_after_us;
    size_t payload_size;
    char payload[64];
    char message[FR_ERROR_MESSAGE_BYTES];
};

/* start_call(…) and then await(…) */
void start_call(struct fixture *self, const char *method, const char *payload, const struct fr_call_options *options,
                struct outcome *outcome, struct fr_pending **ret_pending);
void await(struct outcome *outcome);

void fixture_wait_held(struct fixture *self, uint64_t count);
/* For fr_call_on_over: what WATCH does. */
void fixture_count_over(void *fixture);
void fixture_wait_over(struct fixture *self, uint64_t count);
/* Answers every held call with "released", the oldest first. */
void fixture_release(struct fixture *self);

/* A test with a server and a channel to it. */
#define FACT(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

#endif
