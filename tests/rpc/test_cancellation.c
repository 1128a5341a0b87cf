/* SPDX-License-Identifier: MIT */
/*
 * test_cancellation.c - work on a server ends when nobody waits for it any more.
 */
#include "rpc/rpc_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "rpc/wire.h"

#define SESSION 7

static void cancelling_a_call_reaches_its_handler(void **state)
{
    struct fixture *f = *state;
    struct outcome outcomes[3];
    struct fr_pending *pending[3];
    for (unsigned i = 0; i < 3; i++) {
        start_call(f, WATCH, "", NULL, &outcomes[i], &pending[i]);
    }
    fixture_wait_held(f, 3);
    assert_int_equal(f->over_count, 0);
    for (unsigned i = 0; i < 2; i++) {
        fr_pending_cancel(pending[i]);
        fixture_wait_over(f, i + 1);
    }
    unsigned over = 0;
    for (unsigned i = 0; i < 3; i++) {
        over += fr_call_is_over(f->held[i]);
    }
    assert_int_equal(over, 2);
    fixture_release(f);
    for (unsigned i = 0; i < 3; i++) {
        await(&outcomes[i]);
        assert_int_equal(outcomes[i].code, i < 2 ? FR_CANCELLED : FR_OK);
        fr_pending_unref(pending[i]);
    }
    assert_int_equal(f->over_count, 2);
}

static void many_calls_cancelled_at_once_all_reach_their_handlers(void **state)
{
    enum { CALLS = 500 };
    static struct outcome outcomes[CALLS];
    static struct fr_pending *pending[CALLS];
    struct fixture *f = *state;
    for (unsigned i = 0; i < CALLS; i++) {
        start_call(f, WATCH, "", NULL, &outcomes[i], &pending[i]);
    }
    fixture_wait_held(f, CALLS);
    for (unsigned i = 0; i < CALLS; i++) {
        fr_pending_cancel(pending[i]);
        fr_pending_unref(pending[i]);
    }
    fixture_wait_over(f, CALLS);
    fixture_release(f);
    assert_int_equal(fr_server_drain(f->server, FR_TEST_PATIENCE_US), 0);
}

struct gate {
    struct fixture *fixture;
    uint64_t entered, opened; /* guarded by the fixture's wait */
};

/* Holds up the dispatch of the calls after it, which a handler must never do. */
static void pass_gate(struct fr_call *call, void *context)
{
    struct gate *gate = context;
    fr_wait_lock(&gate->fixture->wait);
    gate->entered++;
    fr_wait_unlock_changed(&gate->fixture->wait);
    FR_ASSERT(fr_wait_for(&gate->fixture->wait, &gate->opened, 1, FR_TEST_PATIENCE_US));
    fr_call_reply(call, (struct fr_bytes){0});
}

static void keep_gate_call(struct fr_call *call, void *context)
{
    struct gate *gate = context;
    fr_call_on_over(call, fixture_count_over, gate->fixture);
    fr_wait_lock(&gate->fixture->wait);
    gate->fixture->held[gate->fixture->held_count++] = call;
    fr_wait_unlock_changed(&gate->fixture->wait);
}

static void a_cancellation_that_overtakes_its_call_is_not_lost(void **state)
{
    static const struct fr_method methods[] = {{.name = "test.v1.Gate/Pass"}, {.name = "test.v1.Gate/Keep"}};
    struct fixture *f = *state;
    struct gate gate = {.fixture = f};
    struct fr_server_method served[] = {{.method = &methods[0], .handler = pass_gate, .context = &gate},
                                        {.method = &methods[1], .handler = keep_gate_call, .context = &gate}};
    struct fr_server *server;
    struct wire peer;
    assert_int_equal(fr_server_new(&server, NULL), FR_OK);
    assert_int_equal(fr_server_register(server, "test.v1.Gate", served, 2, NULL), FR_OK);
    assert_int_equal(fr_server_listen(server, "tcp://127.0.0.1:0", NULL), FR_OK);
    assert_int_equal(fr_server_serve(server, NULL), FR_OK);
    wire_connect(&peer, fr_server_address(server));
    const char *pass = methods[0].name, *keep = methods[1].name;
    uint32_t tag = ASK(&peer, .session = SESSION, .calls = {{1, pass}, {2, keep}, {3, keep}});
    assert_true(fr_wait_for(&f->wait, &gate.entered, 1, FR_TEST_PATIENCE_US));
    wire_forget(EXCHANGE(&peer, .session = SESSION, .cancel = {2}));
    fr_wait_lock(&f->wait);
    gate.opened = 1;
    fr_wait_unlock_changed(&f->wait);
    wire_forget(wire_answer(&peer, tag));
    assert_int_equal(f->over_count, 1);
    assert_true(fr_call_is_over(f->held[0]));
    assert_false(fr_call_is_over(f->held[1]));
    fixture_release(f);
    wire_close(&peer);
    fr_server_free(server);
}

static void a_message_cancels_4096_calls_and_no_more(void **state)
{
    struct fixture *f = *state;
    struct wire peer;
    wire_connect(&peer, f->address);
    wire_forget(EXCHANGE(&peer, .session = SESSION, .calls = {{1, WATCH, ""}, {2, WATCH, ""}}));
    wire_forget(EXCHANGE(&peer, .session = SESSION, .unknown = 4095, .cancel = {1, 2}));
    fr_wait_lock(&f->wait);
    assert_int_equal(f->over_count, 1); /* under the lock: the end of the connection counts the other one */
    fr_wait_unlock_changed(&f->wait);
    assert_true(fr_call_is_over(f->held[0]));
    assert_false(fr_call_is_over(f->held[1]));
    wire_close(&peer);
}

static void a_deadline_ends_the_work_on_the_server(void **state)
{
    struct fixture *f = *state;
    call_past_deadline(f, WATCH, NULL);
    fixture_wait_over(f, 1);
    assert_true(fr_call_is_over(f->held[0]));
    assert_true(fr_call_deadline_us(f->held[0]) <= fr_clock_now_us());
}

static void a_channel_that_is_freed_ends_its_work_on_the_server(void **state)
{
    struct fixture *f = *state;
    struct outcome outcomes[10];
    for (unsigned i = 0; i < 10; i++) {
        start_call(f, WATCH, "", NULL, &outcomes[i], NULL);
    }
    fixture_wait_held(f, 10);
    fr_channel_free(f->channel);
    f->channel = NULL;
    fixture_wait_over(f, 10);
}

static void a_server_that_is_freed_ends_its_work(void **state)
{
    struct fixture *f = *state;
    struct wire peer;
    fr_channel_free(f->channel);
    f->channel = NULL;
    wire_connect(&peer, f->address);
    wire_forget(EXCHANGE(&peer, .session = SESSION, .calls = {{1, WATCH, ""}, {2, WATCH, ""}}));
    fr_server_free(f->server);
    f->server = NULL;
    assert_int_equal(f->over_count, 2);
    wire_wait_closed(&peer);
    wire_close(&peer);
}

static void a_handler_that_asks_too_late_is_told_at_once(void **state)
{
    struct fixture *f = *state;
    struct wire peer;
    wire_connect(&peer, f->address);
    wire_forget(EXCHANGE(&peer, .session = SESSION, .calls = {{1, HOLD, ""}, {2, HOLD, ""}}));
    wire_forget(EXCHANGE(&peer, .session = SESSION, .cancel = {1}));
    fr_call_on_over(f->held[0], fixture_count_over, f);
    assert_int_equal(f->over_count, 1);
    fr_call_on_over(f->held[1], fixture_count_over, f);
    assert_int_equal(f->over_count, 1);
    fixture_release(f);
    assert_int_equal(f->over_count, 1);
    wire_close(&peer);
}

/* ---- a handler may give up what on_over uses as soon as it has answered ---- */

#define WORKERS 3

struct job {
    struct job *next;
    struct fr_call *call;
    struct office *office;
    atomic_uint told;
};

struct office {
    struct fr_server *server;
    pthread_mutex_t mu;
    pthread_cond_t more;
    struct job *jobs;
    bool closed;
    atomic_uint told, answered;
};

/* Takes its time, so that the answer comes meanwhile; the job must stay as it is until the end. */
static void on_over(void *argument)
{
    struct job *job = argument;
    struct office *office = job->office;
    FR_ASSERT(atomic_fetch_add(&job->told, 1) == 0);
    for (unsigned i = 0; i < 20; i++) {
        sched_yield();
        FR_ASSERT(atomic_load(&job->told) == 1);
    }
    atomic_fetch_add(&office->told, 1);
}

static void take_job(struct fr_call *call, void *context)
{
    struct office *office = context;
    struct job *job = calloc(1, sizeof *job);
    FR_ASSERT(job != NULL);
    job->call = call;
    job->office = office;
    fr_call_on_over(call, on_over, job);
    pthread_mutex_lock(&office->mu);
    job->next = office->jobs;
    office->jobs = job;
    pthread_cond_signal(&office->more);
    pthread_mutex_unlock(&office->mu);
}

static void *work(void *argument)
{
    struct office *office = argument;
    pthread_mutex_lock(&office->mu);
    while (!office->closed || office->jobs != NULL) {
        struct job *job = office->jobs;
        if (job == NULL) {
            pthread_cond_wait(&office->more, &office->mu);
            continue;
        }
        office->jobs = job->next;
        pthread_mutex_unlock(&office->mu);
        if (fr_random_below(4) == 0) {
            fr_call_fail(job->call, FR_ABORTED, "a quarter fails");
        } else {
            fr_call_reply(job->call, fr_call_request(job->call));
        }
        memset(job, 0xAA, sizeof *job);
        free(job);
        atomic_fetch_add(&office->answered, 1);
        pthread_mutex_lock(&office->mu);
    }
    pthread_mutex_unlock(&office->mu);
    return NULL;
}

static void nobody_is_told_after_the_answer(void **state)
{
    enum { ROUNDS = 150, CALLS = 16 };
    static const struct fr_method method = {.name = "test.v1.Office/Work"};
    struct office office = {.mu = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};
    struct fr_server_method served = {.method = &method, .handler = take_job, .context = &office};
    struct fixture *f = *state;
    pthread_t workers[WORKERS];
    assert_int_equal(fr_server_new(&office.server, NULL), FR_OK);
    assert_int_equal(fr_server_register(office.server, "test.v1.Office", &served, 1, NULL), FR_OK);
    assert_int_equal(fr_server_listen(office.server, "tcp://127.0.0.1:0", NULL), FR_OK);
    assert_int_equal(fr_server_serve(office.server, NULL), FR_OK);
    for (unsigned i = 0; i < WORKERS; i++) {
        assert_int_equal(pthread_create(&workers[i], NULL, work, &office), 0);
    }
    fixture_use_target(f, fr_server_address(office.server), NULL);
    /* On a machine where the workers are always first, until one was not. */
    uint64_t until_us = fr_clock_now_us() + FR_TEST_PATIENCE_US;
    for (unsigned round = 0; round < ROUNDS || (atomic_load(&office.told) == 0 && fr_clock_now_us() < until_us); round++) {
        static struct outcome outcomes[CALLS];
        struct fr_pending *pending[CALLS];
        for (unsigned i = 0; i < CALLS; i++) {
            struct fr_call_options options = {.timeout_us = i % 2 == 0 ? 1 + fr_random_below(2000) : 0};
            start_call(f, method.name, "x", &options, &outcomes[i], &pending[i]);
        }
        for (unsigned i = 0; i < CALLS; i++) {
            if (fr_random_below(2) == 0) {
                fr_pending_cancel(pending[i]);
            }
            fr_pending_unref(pending[i]);
        }
        for (unsigned i = 0; i < CALLS; i++) {
            await(&outcomes[i]);
        }
    }
    assert_int_equal(fr_server_drain(office.server, FR_TEST_PATIENCE_US), 0);
    pthread_mutex_lock(&office.mu);
    office.closed = true;
    pthread_cond_broadcast(&office.more);
    pthread_mutex_unlock(&office.mu);
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(workers[i], NULL);
    }
    assert_true(atomic_load(&office.told) > 0);
    assert_true(atomic_load(&office.answered) >= atomic_load(&office.told));
    fr_channel_free(f->channel);
    f->channel = NULL;
    fr_server_free(office.server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(cancelling_a_call_reaches_its_handler),
        FACT(many_calls_cancelled_at_once_all_reach_their_handlers),
        FACT(a_cancellation_that_overtakes_its_call_is_not_lost),
        FACT(a_message_cancels_4096_calls_and_no_more),
        FACT(a_deadline_ends_the_work_on_the_server),
        FACT(a_channel_that_is_freed_ends_its_work_on_the_server),
        FACT(a_server_that_is_freed_ends_its_work),
        FACT(a_handler_that_asks_too_late_is_told_at_once),
        FACT(nobody_is_told_after_the_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
