/* SPDX-License-Identifier: MIT */
/*
 * load.c - closed-loop load on one method.
 *
 * A slot has one call under way at any time. An answer that comes later, on a library thread, starts the
 * slot's next call there. Where done runs inside fr_channel_start, the slot goes to the driver thread
 * instead, so that no stack grows and no library thread spins while the server is away; phase tells the two
 * apart.
 *
 * Counters belong to the thread that counts. They are added up after the channels are freed, which waits for
 * every done, and after the driver has ended.
 */
#include "freshet/load.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "message/arena.h"

#define ARENA_BYTES   ((size_t)16 << 10)
#define CONNECT_US    (3 * FR_SECOND_US)
#define RETRY_NS      10000000
#define OTHER_THREADS 16 /* beside those that the library starts for each processor */

enum phase {
    STARTING, /* fr_channel_start has not returned */
    WAITING,  /* it has, and the call is under way */
    ENDED,    /* done has run */
};

struct slot {
    struct load *load;
    struct fr_channel *channel;
    struct slot *next; /* among those handed to the driver */
    _Atomic(int) phase;
    uint64_t start_us;
    struct fr_buffer json, request; /* of the present call */
};

/* What one thread counts. */
struct shard {
    struct fr_arena *arena;
    struct load_result result;
    _Atomic(uint64_t) ended; /* written by its thread alone */
};

struct load {
    struct load_options options;
    struct fr_buffer constant; /* the request, when every call sends the same */
    struct fr_channel **channels;
    struct slot *slots;
    struct shard *shards;
    unsigned shard_count;
    int ended_fd;
    pthread_t driver;
    bool driving;
    sem_t handed;                    /* posted after each change for the driver */
    _Atomic(struct slot *) to_drive; /* a stack that the driver takes as a whole */
    _Atomic(unsigned) shards_taken;
    _Atomic(bool) stopped, cancelling;
    _Atomic(uint64_t) tickets;
    _Atomic(uint64_t) active; /* slots that go on */
};

/* A process runs one load, so a thread needs one shard. */
static _Thread_local struct shard *own_shard;

static struct shard *shard_get(struct load *self)
{
    if (own_shard == NULL) {
        unsigned index = atomic_fetch_add(&self->shards_taken, 1);
        FR_ASSERT(index < self->shard_count);
        own_shard = &self->shards[index];
    }
    return own_shard;
}

static void count_error(struct load *self, enum fr_code code, const char *message)
{
    struct load_result *result = &shard_get(self)->result;
    result->errors[code]++;
    result->error_count++;
    if (result->first_error[0] == '\0') {
        struct fr_error error;
        fr_error_set(&error, code, "%s: %s", fr_code_name(code), message);
        memcpy(result->first_error, error.message, sizeof error.message);
    }
}

static void count_call(struct slot *slot, const struct fr_result *result)
{
    struct load *self = slot->load;
    struct shard *shard = shard_get(self);
    uint64_t time_us = fr_clock_now_us() - slot->start_us;
    struct ProtobufCMessage *answer;
    struct fr_error error;
    if (result->code != FR_OK) {
        if (!atomic_load(&self->cancelling)) {
            count_error(self, result->code, result->message);
        }
    } else if (fr_message_unpack(fr_message_type_descriptor(self->options.target->method->response),
                                 result->payload, shard->arena, &answer, &error) != FR_OK) {
        count_error(self, FR_INTERNAL, error.message);
    } else {
        fr_histogram_record(&shard->result.latency_us, time_us);
    }
    fr_arena_reset(shard->arena);
    atomic_store_explicit(&shard->ended, atomic_load_explicit(&shard->ended, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static enum fr_code encode(struct load *self, uint64_t n, struct fr_arena *arena, struct fr_buffer *json,
                           struct fr_buffer *request, struct fr_error *reterr)
{
    fr_buffer_clear(json);
    fr_buffer_clear(request);
    template_expand(self->options.template, n, json);
    if (json->failed) {
        return fr_error_no_memory(reterr);
    }
    return target_encode(self->options.target, fr_buffer_bytes(json), arena, request, reterr);
}

/* The bytes of call n in *ret_request. false: they could not be made, which is counted as the call's error.
 */
static bool prepare(struct slot *slot, uint64_t n, struct fr_bytes *ret_request)
{
    struct load *self = slot->load;
    struct fr_error error;
    *ret_request = fr_buffer_bytes(&self->constant);
    if (template_is_constant(self->options.template)) {
        return true;
    }
    struct shard *shard = shard_get(self);
    enum fr_code code = encode(self, n, shard->arena, &slot->json, &slot->request, &error);
    fr_arena_reset(shard->arena);
    *ret_request = fr_buffer_bytes(&slot->request);
    if (code != FR_OK) {
        count_error(self, code, error.message);
    }
    return code == FR_OK;
}

static void slot_step(struct slot *slot);

static void hand_to_driver(struct slot *slot)
{
    struct load *self = slot->load;
    slot->next = atomic_load(&self->to_drive);
    while (!atomic_compare_exchange_weak(&self->to_drive, &slot->next, slot)) {
    }
    sem_post(&self->handed);
}

static void call_done(void *argument, const struct fr_result *result)
{
    struct slot *slot = argument;
    count_call(slot, result);
    if (atomic_exchange(&slot->phase, ENDED) == WAITING) {
        slot_step(slot);
    }
}

/* false: the loop is over for every slot that asks. */
static bool take_ticket(struct load *self, uint64_t *ret_n)
{
    *ret_n = atomic_fetch_add_explicit(&self->tickets, 1, memory_order_relaxed) + 1;
    return !atomic_load_explicit(&self->stopped, memory_order_relaxed) &&
           (self->options.count == 0 || *ret_n <= self->options.count);
}

/* Starts the slot's next call, unless there is nothing more to do. The slot may be elsewhere when it returns.
 */
static void slot_step(struct slot *slot)
{
    struct load *self = slot->load;
    const struct fr_call_options options = {.timeout_us = self->options.timeout_us,
                                            .metadata = self->options.metadata,
                                            .idempotent = self->options.target->method->idempotent};
    struct fr_bytes request;
    int starting = STARTING;
    uint64_t n;
    if (!take_ticket(self, &n)) {
        if (atomic_fetch_sub(&self->active, 1) == 1) {
            eventfd_write(self->ended_fd, 1);
        }
        return;
    }
    if (!prepare(slot, n, &request)) {
        hand_to_driver(slot);
        return;
    }
    atomic_store(&slot->phase, STARTING);
    slot->start_us = fr_clock_now_us();
    fr_channel_start(slot->channel, self->options.target->method->full_name, request, &options, call_done,
                     slot, NULL);
    if (!atomic_compare_exchange_strong(&slot->phase, &starting, WAITING)) {
        hand_to_driver(slot);
    }
}

static void *drive(void *argument)
{
    struct load *self = argument;
    /* Calls that end at once have failed: a server that is away is asked now and then, not all the time. */
    const struct timespec pause = {.tv_nsec = RETRY_NS};
    bool stopped;
    do {
        while (sem_wait(&self->handed) != 0) {
        }
        stopped = atomic_load(&self->stopped);
        struct slot *next = atomic_exchange(&self->to_drive, NULL);
        while (next != NULL) {
            struct slot *slot = next;
            next = slot->next;
            slot_step(slot);
        }
        if (!stopped && atomic_load(&self->to_drive) != NULL) {
            nanosleep(&pause, NULL);
        }
    } while (!stopped);
    return NULL;
}

/* A server without health answers UNIMPLEMENTED; it is there all the same. */
static enum fr_code connect_channel(struct fr_channel *channel, struct fr_arena *arena,
                                    struct fr_error *reterr)
{
    const struct fr_call_options options = {.timeout_us = CONNECT_US};
    struct fr_result result;
    enum fr_code code = fr_channel_call(channel, "grpc.health.v1.Health/Check", (struct fr_bytes){0},
                                        &options, arena, &result);
    if (code != FR_UNAVAILABLE && code != FR_DEADLINE_EXCEEDED) {
        return FR_OK;
    }
    return fr_error_set(reterr, code, "%s", result.message);
}

static enum fr_code open_all(struct load *self, struct fr_arena *arena, struct fr_error *reterr)
{
    const struct load_options *options = &self->options;
    static const struct fr_retry_policy policy;
    const struct fr_channel_options channel_options = {.retry = options->retry ? &policy : NULL};
    struct fr_buffer json = {0};
    enum fr_code code = encode(self, 1, arena, &json, &self->constant, reterr);
    fr_buffer_fini(&json);
    for (uint64_t i = 0; i < options->channels && code == FR_OK; i++) {
        code = fr_channel_new(options->target->address, &channel_options, &self->channels[i], reterr);
        if (code == FR_OK) {
            code = connect_channel(self->channels[i], arena, reterr);
        }
    }
    return code;
}

/* One for every thread that may run a done: the library starts some for each processor. */
static enum fr_code make_shards(struct load *self, struct fr_error *reterr)
{
    long processors = sysconf(_SC_NPROCESSORS_CONF);
    unsigned count = 4 * (processors < 1 ? 1 : (unsigned)processors) + OTHER_THREADS;
    self->shards = calloc(count, sizeof(struct shard));
    for (unsigned i = 0; self->shards != NULL && i < count; i++) {
        self->shard_count = i + 1;
        if ((self->shards[i].arena = fr_arena_new(ARENA_BYTES)) == NULL) {
            return fr_error_no_memory(reterr);
        }
    }
    return self->shards == NULL ? fr_error_no_memory(reterr) : FR_OK;
}

enum fr_code load_new(const struct load_options *options, struct load **ret_load, struct fr_error *reterr)
{
    struct load *self = calloc(1, sizeof *self);
    struct fr_arena *arena = fr_arena_new(ARENA_BYTES);
    enum fr_code code = FR_OK;
    if (self == NULL || arena == NULL) {
        free(self);
        fr_arena_free(arena);
        return fr_error_no_memory(reterr);
    }
    self->options = *options;
    self->channels = calloc(options->channels, sizeof(struct fr_channel *));
    self->slots = calloc(options->concurrency, sizeof(struct slot));
    self->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    sem_init(&self->handed, 0, 0);
    if (self->channels == NULL || self->slots == NULL || self->ended_fd < 0) {
        code = fr_error_no_memory(reterr);
    }
    if (code == FR_OK) {
        code = make_shards(self, reterr);
    }
    if (code == FR_OK) {
        code = open_all(self, arena, reterr);
    }
    fr_arena_free(arena);
    if (code != FR_OK) {
        load_free(self);
        return code;
    }
    *ret_load = self;
    return FR_OK;
}

enum fr_code load_start(struct load *self, struct fr_error *reterr)
{
    atomic_store(&self->active, self->options.concurrency);
    for (uint64_t i = 0; i < self->options.concurrency; i++) {
        self->slots[i] = (struct slot){.load = self, .channel = self->channels[i % self->options.channels]};
        hand_to_driver(&self->slots[i]);
    }
    if (pthread_create(&self->driver, NULL, drive, self) != 0) {
        return fr_error_set(reterr, FR_RESOURCE_EXHAUSTED, "cannot start a thread");
    }
    self->driving = true;
    return FR_OK;
}

int load_ended_fd(const struct load *self)
{
    return self->ended_fd;
}

void load_stop(struct load *self)
{
    atomic_store(&self->stopped, true);
}

uint64_t load_progress(const struct load *self)
{
    uint64_t ended = 0;
    for (unsigned i = 0; i < self->shard_count; i++) {
        ended += atomic_load_explicit(&self->shards[i].ended, memory_order_relaxed);
    }
    return ended;
}

static void free_channels(struct load *self)
{
    for (uint64_t i = 0; self->channels != NULL && i < self->options.channels; i++) {
        fr_channel_free(self->channels[i]);
        self->channels[i] = NULL;
    }
}

/* It starts calls, so it must be gone before the channels are. */
static void end_driver(struct load *self)
{
    if (self->driving) {
        sem_post(&self->handed);
        pthread_join(self->driver, NULL);
        self->driving = false;
    }
}

void load_finish(struct load *self, struct load_result *ret_result)
{
    atomic_store(&self->stopped, true);
    end_driver(self);
    atomic_store(&self->cancelling, true);
    free_channels(self);
    memset(ret_result, 0, sizeof *ret_result);
    for (unsigned shard = 0; shard < self->shard_count; shard++) {
        const struct load_result *part = &self->shards[shard].result;
        fr_histogram_add(&ret_result->latency_us, &part->latency_us);
        ret_result->error_count += part->error_count;
        for (unsigned i = 0; i < FR_CODE_COUNT; i++) {
            ret_result->errors[i] += part->errors[i];
        }
        if (ret_result->first_error[0] == '\0') {
            memcpy(ret_result->first_error, part->first_error, sizeof part->first_error);
        }
    }
}

void load_free(struct load *self)
{
    if (self == NULL) {
        return;
    }
    free_channels(self);
    for (uint64_t i = 0; self->slots != NULL && i < self->options.concurrency; i++) {
        fr_buffer_fini(&self->slots[i].json);
        fr_buffer_fini(&self->slots[i].request);
    }
    for (unsigned i = 0; i < self->shard_count; i++) {
        fr_arena_free(self->shards[i].arena);
    }
    sem_destroy(&self->handed);
    free(self->shards);
    if (self->ended_fd >= 0) {
        close(self->ended_fd);
    }
    fr_buffer_fini(&self->constant);
    free(self->slots);
    free(self->channels);
    free(self);
}
