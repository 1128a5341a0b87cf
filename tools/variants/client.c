/* SPDX-License-Identifier: MIT */
/*
 * client.c - the client of one variant.
 *
 * Each slot has one call under way: when its answer has come and was read, the next one starts on the same thread.
 * What a slot counts is its own; a run's figures are added up once all its slots have ended.
 */
#include "variants/client.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <users/v1/users.pb-c.h>

#include "base/clock.h"
#include "rpc/channel.h"
#include "variants/child.h"
#include "variants/connection.h"

#define ARENA_BYTES ((size_t)64 << 10)
#define TIMEOUT_US  (10 * FR_SECOND_US)

enum phase {
    STARTING, /* fr_channel_start has not returned */
    WAITING,  /* it has, and the call is under way */
    ENDED,    /* done has run */
};

struct slot {
    struct client *client;
    _Atomic(int) phase;
    uint64_t random, start_us, end_us;
    unsigned key;
    uint64_t calls, request_bytes, value_bytes;
    struct fr_arena *arena;
    struct pack *pack; /* of requests */
    struct fr_histogram latency_us;
};

struct client {
    const struct client_options *options;
    struct fr_channel *channel;
    struct slot *slots;
    unsigned port;
    struct client_order order;
    uint64_t end_us;               /* of starting calls */
    _Atomic(unsigned) next_key;    /* with every_key */
    _Atomic(unsigned) active;      /* slots that go on */
    _Atomic(bool) failed;
    struct fr_error error;         /* of the first failure; written by whoever set failed */
    sem_t ended;
};

/* xorshift64 (Marsaglia 2003). */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void fail(struct client *self, enum fr_code code, const char *message)
{
    if (!atomic_exchange(&self->failed, true)) {
        fr_error_set(&self->error, code, "%s: %s", level_methods[self->order.level], message);
    }
}

/* false: no more calls. */
static bool choose_key(struct slot *slot)
{
    struct client *self = slot->client;
    if (atomic_load_explicit(&self->failed, memory_order_relaxed)) {
        return false;
    }
    if (self->order.every_key) {
        slot->key = atomic_fetch_add(&self->next_key, 1);
        return slot->key < self->options->keys;
    }
    slot->key = (unsigned)(next_random(&slot->random) % self->options->keys);
    return fr_clock_now_us() < self->end_us;
}

static void read_answer(struct slot *slot, struct fr_bytes payload)
{
    struct client *self = slot->client;
    const struct client_options *options = self->options;
    bool strict = self->order.every_key;
    struct ProtobufCMessage *message;
    struct fr_error error;
    if (pack_decode(options->codec, options->type, payload, slot->arena, &message, &error) != FR_OK) {
        fail(self, error.code, error.message);
    } else if (pack_sum(options->codec, options->type, message, strict) !=
               (strict ? options->strict_sums : options->sums)[slot->key]) {
        fail(self, FR_DATA_LOSS, "an answer is not what the database holds");
    }
    fr_arena_reset(slot->arena);
}

static void slot_run(struct slot *slot);

static void call_done(void *argument, const struct fr_result *result)
{
    struct slot *slot = argument;
    if (result->code != FR_OK) {
        fail(slot->client, result->code, result->message);
    } else {
        read_answer(slot, result->payload);
        slot->end_us = fr_clock_now_us();
        fr_histogram_record(&slot->latency_us, slot->end_us - slot->start_us);
        slot->calls++;
        slot->value_bytes += result->payload.size;
    }
    if (atomic_exchange(&slot->phase, ENDED) == WAITING) {
        slot_run(slot);
    }
}

/* One call; done may have run when it returns. */
static void call_start(struct slot *slot)
{
    struct client *self = slot->client;
    const struct fr_call_options options = {.timeout_us = TIMEOUT_US, .idempotent = true};
    Users__V1__GetUserRequest request = USERS__V1__GET_USER_REQUEST__INIT;
    char id[DATASET_ID_BYTES];
    struct fr_bytes bytes = {0};
    slot->start_us = fr_clock_now_us();
    dataset_id(self->options->dataset, slot->key, id);
    request.id = id;
    if (!pack_encode(slot->pack, (const struct ProtobufCMessage *)&request, &bytes)) {
        fail(self, FR_RESOURCE_EXHAUSTED, "out of memory");
    }
    slot->request_bytes += bytes.size;
    fr_channel_start(self->channel, level_methods[self->order.level], bytes, &options, call_done, slot, NULL);
}

/* Goes on until the slot's call is under way; its done then goes on elsewhere. */
static void slot_run(struct slot *slot)
{
    int starting;
    do {
        if (!choose_key(slot)) {
            if (atomic_fetch_sub(&slot->client->active, 1) == 1) {
                sem_post(&slot->client->ended);
            }
            return;
        }
        atomic_store(&slot->phase, STARTING);
        call_start(slot);
        starting = STARTING;
    } while (!atomic_compare_exchange_strong(&slot->phase, &starting, WAITING));
}

static void add_up(const struct client *self, uint64_t start_us, struct client_outcome *outcome)
{
    uint64_t end_us = start_us;
    for (unsigned i = 0; i < self->options->concurrency; i++) {
        const struct slot *slot = &self->slots[i];
        outcome->calls += slot->calls;
        outcome->request_bytes += slot->request_bytes;
        outcome->value_bytes += slot->value_bytes;
        fr_histogram_add(&outcome->latency_us, &slot->latency_us);
        end_us = slot->calls > 0 && slot->end_us > end_us ? slot->end_us : end_us;
    }
    outcome->time_us = end_us - start_us;
}

static void slot_clear(struct slot *slot)
{
    slot->calls = slot->request_bytes = slot->value_bytes = 0;
    memset(&slot->latency_us, 0, sizeof slot->latency_us);
}

static void obey(struct client *self, struct client_outcome *outcome)
{
    unsigned count = self->options->concurrency;
    struct connection_bytes before = connection_count(self->port);
    uint64_t start_us = fr_clock_now_us();
    self->end_us = start_us + self->order.time_us;
    atomic_store(&self->next_key, 0);
    atomic_store(&self->active, count);
    for (unsigned i = 0; i < count; i++) {
        slot_clear(&self->slots[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        slot_run(&self->slots[i]);
    }
    while (sem_wait(&self->ended) != 0) {
    }
    struct connection_bytes after = connection_count(self->port);
    memset(outcome, 0, sizeof *outcome);
    outcome->sent_bytes = after.sent - before.sent;
    outcome->received_bytes = after.received - before.received;
    add_up(self, start_us, outcome);
    if (atomic_load(&self->failed)) {
        outcome->code = self->error.code;
        memcpy(outcome->message, self->error.message, sizeof outcome->message);
    }
}

/* false: no memory. */
static bool client_init(struct client *self, const struct client_options *options)
{
    const char *port = strrchr(options->address, ':');
    self->options = options;
    self->port = port == NULL ? 0 : (unsigned)strtoul(port + 1, NULL, 10);
    self->slots = calloc(options->concurrency, sizeof self->slots[0]);
    sem_init(&self->ended, 0, 0);
    for (unsigned i = 0; self->slots != NULL && i < options->concurrency; i++) {
        struct slot *slot = &self->slots[i];
        slot->client = self;
        slot->random = i + 1; /* the same keys in every variant */
        slot->arena = fr_arena_new(ARENA_BYTES);
        slot->pack = pack_new(options->codec, options->request_type);
        if (slot->arena == NULL || slot->pack == NULL) {
            return false;
        }
    }
    return self->slots != NULL && fr_channel_new(options->address, NULL, &self->channel, NULL) == FR_OK;
}

static void client_fini(struct client *self)
{
    fr_channel_free(self->channel);
    for (unsigned i = 0; self->slots != NULL && i < self->options->concurrency; i++) {
        fr_arena_free(self->slots[i].arena);
        pack_free(self->slots[i].pack);
    }
    free(self->slots);
    sem_destroy(&self->ended);
}

void client_run(int fd, const void *options)
{
    static struct client self;
    static struct client_outcome outcome;
    if (client_init(&self, options)) {
        while (child_receive(fd, &self.order, sizeof self.order)) {
            obey(&self, &outcome);
            if (!child_send(fd, &outcome, sizeof outcome)) {
                break;
            }
        }
    }
    client_fini(&self);
}
