/* SPDX-License-Identifier: MIT */
/*
 * test_freeing.c - a channel is freed while one of nng's threads is about to send.
 */
#include "rpc/rpc_fixture.h"

#include <nng/nng.h>
#include <pthread.h>
#include <sched.h>

#include "rpc/channel_internal.h"
#include "rpc/wire.h"

/* A message that is held back just before nng gets it, until the thread that frees the channel stops or waits. */
static struct {
    struct fr_wait wait;
    pthread_t freeing;
    bool armed;                       /* guarded by wait, as the rest */
    uint64_t held, stopping, waiting;
} gate;

void __real_nng_ctx_send(nng_ctx context, nng_aio *aio);
void __real_nng_aio_stop(nng_aio *aio);
int __real_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
void __wrap_nng_ctx_send(nng_ctx context, nng_aio *aio);
void __wrap_nng_aio_stop(nng_aio *aio);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);

static bool is_freeing(void)
{
    fr_wait_lock(&gate.wait);
    bool freeing = gate.held > 0 && pthread_equal(pthread_self(), gate.freeing);
    fr_wait_unlock_changed(&gate.wait);
    return freeing;
}

void __wrap_nng_ctx_send(nng_ctx context, nng_aio *aio)
{
    fr_wait_lock(&gate.wait);
    bool held = gate.armed && gate.held == 0;
    gate.held += held;
    fr_wait_unlock_changed(&gate.wait);
    if (held) {
        FR_ASSERT(fr_wait_for(&gate.wait, &gate.waiting, 1, FR_TEST_PATIENCE_US));
    }
    __real_nng_ctx_send(context, aio);
}

void __wrap_nng_aio_stop(nng_aio *aio)
{
    if (is_freeing()) {
        fr_wait_lock(&gate.wait);
        gate.stopping += gate.waiting == 0; /* before the message was sent */
        gate.waiting++;
        fr_wait_unlock_changed(&gate.wait);
    }
    __real_nng_aio_stop(aio);
}

int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    if (is_freeing()) {
        fr_wait_lock(&gate.wait);
        gate.waiting++;
        fr_wait_unlock_changed(&gate.wait);
    }
    return __real_pthread_cond_wait(condition, mutex);
}

/* Until the channel is connected a timer looks after its calls, for which fr_channel_free would wait anyway. */
static void wait_unwatched(struct fr_channel *channel)
{
    bool watching;
    do {
        sched_yield();
        pthread_mutex_lock(&channel->mu);
        watching = channel->watching || !channel->connected;
        pthread_mutex_unlock(&channel->mu);
    } while (watching);
}

struct chain {
    struct fixture *f;
    struct outcome second;
};

static void *start_second(void *argument)
{
    struct chain *chain = argument;
    fr_wait_lock(&gate.wait);
    gate.armed = true;
    fr_wait_unlock_changed(&gate.wait);
    start_call(chain->f, ECHO, "second", NULL, &chain->second, NULL);
    return NULL;
}

/* What another thread starts meanwhile is left to the lane that completes this call. */
static void start_second_elsewhere(void *argument, const struct fr_result *result)
{
    pthread_t thread;
    FR_ASSERT(result->code == FR_OK);
    FR_ASSERT(pthread_create(&thread, NULL, start_second, argument) == 0);
    pthread_join(thread, NULL);
}

static void a_message_about_to_be_sent_is_waited_for(void **state)
{
    struct fixture *f = *state;
    static struct wire server;
    static struct chain chain;
    fixture_use_wire(f, &server);
    wait_unwatched(f->channel);
    chain = (struct chain){.f = f};
    fr_channel_start(f->channel, ECHO, fr_bytes_of("first"), NULL, start_second_elsewhere, &chain, NULL);
    wire_echo_next(&server);
    assert_true(fr_wait_for(&gate.wait, &gate.held, 1, FR_TEST_PATIENCE_US));
    fr_channel_free(f->channel);
    f->channel = NULL;
    await(&chain.second);
    assert_int_equal(chain.second.code, FR_CANCELLED);
    assert_int_equal(gate.stopping, 0);
    wire_wait_closed(&server);
    wire_close(&server);
}

static int open_gate(void **state)
{
    (void)state;
    fr_wait_init(&gate.wait);
    gate.freeing = pthread_self();
    return 0;
}

static int close_gate(void **state)
{
    (void)state;
    fr_wait_fini(&gate.wait);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_message_about_to_be_sent_is_waited_for, fixture_open_bare, fixture_close),
    };
    return cmocka_run_group_tests(tests, open_gate, close_gate);
}
