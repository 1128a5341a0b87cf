/* SPDX-License-Identifier: MIT */
/*
 * test_churn.c - servers and channels come and go at random moments, with calls in every state.
 *
 * Several lives are led at once, a random step of a random one at a time. FRESHET_CHURN_STEPS makes it longer;
 * FRESHET_CHURN_SEED repeats the choices, though not the moments.
 */
#include "rpc/rpc_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define LIVES    3
#define CHANNELS 3
#define CALLS    24
#define STEPS    4000

/* A server, channels to it, and their calls. */
struct life {
    struct fixture *fixture;
    struct fr_channel *channels[CHANNELS];
    struct outcome outcomes[CALLS];
    struct fr_pending *pending[CALLS];
    unsigned channel_of[CALLS];
};

static struct life lives[LIVES];
static uint64_t chance;
static unsigned ends[FR_CODE_COUNT];
static unsigned calls_made, servers_made, channels_made;

/* xorshift64 (Marsaglia, "Xorshift RNGs", 2003): repeatable, unlike fr_random_u64. */
static unsigned below(unsigned bound)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (unsigned)((chance >> 32) % bound);
}

static bool is_open(const struct life *life, unsigned i)
{
    return life->outcomes[i].wait != NULL;
}

/* What was started ends once; whoever is waited for must end soon. */
static void end_call(struct life *life, unsigned i)
{
    struct outcome *outcome = &life->outcomes[i];
    await(outcome);
    assert_int_equal(outcome->done, 1);
    ends[outcome->code]++;
    fr_pending_unref(life->pending[i]);
    outcome->wait = NULL;
}

static void free_channel(struct life *life, unsigned channel)
{
    fr_channel_free(life->channels[channel]);
    life->channels[channel] = NULL;
    for (unsigned i = 0; i < CALLS; i++) {
        if (is_open(life, i) && life->channel_of[i] == channel) {
            assert_int_equal(life->outcomes[i].done, 1);
            end_call(life, i);
        }
    }
}

/* Without a server every call ends, also those without a deadline; the answers of what is held are for nobody. */
static void free_server(struct life *life)
{
    fr_server_free(life->fixture->server);
    life->fixture->server = NULL;
    for (unsigned i = 0; i < CALLS; i++) {
        if (is_open(life, i)) {
            end_call(life, i);
        }
    }
    fixture_release(life->fixture);
    for (unsigned i = 0; i < CHANNELS; i++) {
        free_channel(life, i);
    }
}

static void make_server(struct life *life)
{
    life->fixture->held_count = life->fixture->released = 0;
    assert_int_equal(fixture_serve(life->fixture, "tcp://127.0.0.1:0"), FR_OK);
    servers_made++;
}

static void make_channel(struct life *life, unsigned channel)
{
    static const struct fr_retry_policy policy = {.initial_backoff_us = 1000, .max_backoff_us = 4000};
    const struct fr_channel_options options = {
        .retry = below(2) == 0 ? &policy : NULL,
        .connect_timeout_us = 50 * FR_MILLISECOND_US,
    };
    assert_int_equal(fr_channel_new(life->fixture->address, &options, &life->channels[channel], NULL), FR_OK);
    channels_made++;
}

static void make_call(struct life *life, unsigned channel)
{
    static const char *const methods[] = {ECHO, ECHO, LATER, LATER, HOLD, WATCH, SIZE, MISSING};
    unsigned i = below(CALLS);
    if (is_open(life, i)) {
        if (below(2) == 0) {
            fr_pending_cancel(life->pending[i]);
        }
        return;
    }
    struct fr_call_options options = {
        .timeout_us = below(3) == 0 ? 1 + below(3000) : 0,
        .idempotent = below(2) == 0,
    };
    life->fixture->channel = life->channels[channel];
    life->channel_of[i] = channel;
    start_call(life->fixture, methods[below(8)], below(20) == 0 ? "200000" : "77", &options, &life->outcomes[i],
               &life->pending[i]);
    life->fixture->channel = NULL;
    calls_made++;
}

static void reap_calls(struct life *life)
{
    for (unsigned i = 0; i < CALLS; i++) {
        fr_wait_lock(&life->fixture->wait);
        bool done = is_open(life, i) && life->outcomes[i].done > 0;
        fr_wait_unlock_changed(&life->fixture->wait);
        if (done) {
            end_call(life, i);
        }
    }
}

static void step(struct life *life)
{
    unsigned channel = below(CHANNELS);
    if (life->fixture->server == NULL) {
        make_server(life);
    } else if (life->channels[channel] == NULL) {
        make_channel(life, channel);
    } else {
        switch (below(40)) {
        case 0:
            free_channel(life, channel);
            break;
        case 1:
            fr_server_drain(life->fixture->server, below(2));
            free_server(life);
            break;
        case 2:
            free_server(life);
            break;
        case 3:
        case 4:
            fixture_release(life->fixture);
            break;
        case 5:
            reap_calls(life);
            break;
        default:
            make_call(life, channel);
        }
    }
}

static unsigned long number_of(const char *variable, unsigned long otherwise)
{
    const char *text = getenv(variable);
    return text == NULL ? otherwise : strtoul(text, NULL, 10);
}

static void servers_and_channels_come_and_go_with_calls_in_every_state(void **state)
{
    unsigned long steps = number_of("FRESHET_CHURN_STEPS", STEPS);
    (void)state;
    chance = number_of("FRESHET_CHURN_SEED", fr_clock_now_us());
    print_message("FRESHET_CHURN_SEED=%llu\n", (unsigned long long)chance);
    for (unsigned i = 0; i < LIVES; i++) {
        void *fixture;
        fixture_open_bare(&fixture);
        lives[i] = (struct life){.fixture = fixture};
    }
    for (unsigned long i = 0; i < steps; i++) {
        step(&lives[below(LIVES)]);
    }
    for (unsigned i = 0; i < LIVES; i++) {
        void *fixture = lives[i].fixture;
        free_server(&lives[i]);
        fixture_close(&fixture);
    }
    print_message("%u servers, %u channels, %u calls: %u answered, %u cancelled, %u late, %u unavailable\n",
                  servers_made, channels_made, calls_made, ends[FR_OK], ends[FR_CANCELLED],
                  ends[FR_DEADLINE_EXCEEDED], ends[FR_UNAVAILABLE]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_and_channels_come_and_go_with_calls_in_every_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
