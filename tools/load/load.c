/* SPDX-License-Identifier: MIT */
/*
 * load.c - one run of load on a server.
 *
 * A slot has at most one call under way. Its answer comes on a library thread, which starts the slot's next call there if
 * one is due. Otherwise the slot goes to the driver, a thread of its own, which in an open loop waits for the time of
 * the next call. Where done runs inside fr_channel_start, the slot goes to the driver too, so that no stack grows and no
 * library thread spins while the server is away.
 *
 * No lock is taken for a call. Tallies belong to the thread that counts; they are added up after the channels are
 * freed, which waits for every done, and after the driver has ended.
 */
#include "load/load.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "load/channels.h"
#include "load/tickets.h"
#include "load/unsent.h"
#include "message/arena.h"

#define ARENA_BYTES   ((size_t)16 << 10)
#define RETRY_NS      10000000
#define OTHER_THREADS 16   /* beside those that the library starts for each processor */

struct slot {
    struct load *load;
    struct fr_channel *channel;
    struct slot *next; /* among those handed to the driver */
    bool measured;
    uint8_t method;
    uint64_t number;           /* of the call, among those of its method */
    uint64_t due_us, start_us; /* on fr_clock_now_us */
};

/* What one thread counts. */
struct shard {
    struct requests_scratch scratch;
    struct tally tally;
    bool checked[MIX_METHODS];       /* an answer has been decoded */
    _Atomic(uint64_t) ended, failed; /* written by its thread alone */
};

struct load {
    struct load_options options;
    struct mix mix;
    unsigned generation; /* of the process's loads, so that a thread finds its shard in this one */
    struct channels channels;
    struct slot *slots;
    struct shard *shards;
    unsigned shard_count;
    int ended_fd, driver_fd;
    pthread_t driver;
    bool driving;
    _Atomic(struct slot *) to_drive; /* a stack that the driver takes as a whole */
    _Atomic(bool) starved;           /* the driver waits for a slot */
    _Atomic(unsigned) shards_taken;
    _Atomic(bool) stopped, cancelling;
    _Atomic(uint64_t) active; /* slots that go on */
    struct tickets tickets;
    _Atomic(uint64_t) measured_from_us;
    _Atomic(uint64_t) stopped_us; /* when load_stop was called; 0: it was not */
};

/* A call of fr_channel_start that has not returned on this thread. */
struct starting {
    const struct slot *slot;
    struct starting *outer;
    bool ended; /* its done has run, here */
};

static _Thread_local struct {
    unsigned generation;
    struct shard *shard;
    struct starting *starting;
} own;

static struct shard *shard_get(struct load *self)
{
    if (own.generation != self->generation) {
        unsigned index = atomic_fetch_add(&self->shards_taken, 1);
        FR_ASSERT(index < self->shard_count);
        own.generation = self->generation;
        own.shard = &self->shards[index];
    }
    return own.shard;
}

static void add_one(_Atomic(uint64_t) *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/* ---- what came of a call ---- */

static enum fr_code check_answer(struct shard *shard, const struct load *self, const struct slot *slot,
                                 struct fr_bytes payload, struct fr_error *reterr)
{
    struct ProtobufCMessage *answer;
    const struct fr_message_type *type = self->options.methods[slot->method].method->response;
    if (shard->checked[slot->method] && !self->options.decode) {
        return FR_OK;
    }
    shard->checked[slot->method] = true;
    enum fr_code code =
        fr_message_unpack(fr_message_type_descriptor(type), payload, shard->scratch.arena, &answer, reterr);
    fr_arena_reset(shard->scratch.arena);
    return code == FR_OK ? FR_OK : FR_INTERNAL;
}

static void count_call(struct slot *slot, enum fr_code code, const char *message, uint64_t now_us)
{
    struct load *self = slot->load;
    struct shard *shard = shard_get(self);
    add_one(&shard->ended);
    if (code != FR_OK) {
        add_one(&shard->failed);
    }
    if (!slot->measured) {
        return;
    }
    uint64_t from_us = atomic_load_explicit(&self->measured_from_us, memory_order_relaxed);
    struct tally_call call = {.method = slot->method,
                              .code = code,
                              .message = message,
                              .due_us = slot->due_us - from_us,
                              .start_us = slot->start_us - from_us,
                              /* The clock may have been read just before measuring began. */
                              .end_us = now_us > from_us ? now_us - from_us : 0};
    if (code == FR_CANCELLED && atomic_load(&self->cancelling)) {
        uint64_t stopped_us = atomic_load(&self->stopped_us);
        /* A slot may have seen the stop late and started after it. */
        call.end_us = (stopped_us > slot->start_us ? stopped_us : slot->start_us) - from_us;
        tally_record_unfinished(&shard->tally, &call, 1);
    } else {
        tally_record(&shard->tally, &call);
    }
}

/* ---- calls ---- */

static enum take take(struct slot *slot, uint64_t now_us)
{
    struct load *self = slot->load;
    struct ticket ticket;
    enum take taken = atomic_load_explicit(&self->stopped, memory_order_relaxed)
                          ? TICKET_OVER
                          : tickets_take(&self->tickets, now_us, &ticket);
    if (taken == TICKET_TAKEN) {
        slot->measured = ticket.measured;
        slot->due_us = ticket.due_us;
        slot->method = (uint8_t)mix_choose(&self->mix, ticket.number, &slot->number);
    }
    return taken;
}

static void retire(struct slot *slot)
{
    struct load *self = slot->load;
    if (atomic_fetch_sub(&self->active, 1) == 1) {
        eventfd_write(self->ended_fd, 1);
        eventfd_write(self->driver_fd, 1);
    }
}

static void hand_to_driver(struct slot *slot)
{
    struct load *self = slot->load;
    slot->next = atomic_load(&self->to_drive);
    while (!atomic_compare_exchange_weak(&self->to_drive, &slot->next, slot)) {
    }
    if (atomic_load(&self->starved) && atomic_exchange(&self->starved, false)) {
        eventfd_write(self->driver_fd, 1);
    }
}

static void start_call(struct slot *slot, uint64_t now_us);

/* Says so to the call of fr_channel_start that is under way on this thread for the slot, if there is one. */
static bool ended_while_starting(const struct slot *slot)
{
    for (struct starting *starting = own.starting; starting != NULL; starting = starting->outer) {
        if (starting->slot == slot) {
            starting->ended = true;
            return true;
        }
    }
    return false;
}

static void call_done(void *argument, const struct fr_result *result)
{
    struct slot *slot = argument;
    struct load *self = slot->load;
    uint64_t now_us = fr_clock_now_us();
    enum fr_code code = result->code;
    const char *message = result->message;
    struct fr_error error;
    if (code == FR_OK) {
        code = check_answer(shard_get(self), self, slot, result->payload, &error);
        message = error.message;
    }
    count_call(slot, code, message, now_us);
    if (ended_while_starting(slot)) {
        return; /* start_call goes on */
    }
    switch (take(slot, now_us)) {
    case TICKET_TAKEN:
        start_call(slot, now_us);
        break;
    case TICKET_NOT_DUE:
        hand_to_driver(slot);
        break;
    case TICKET_OVER:
        retire(slot);
        break;
    }
}

/* The slot may be elsewhere when it returns. */
static void start_call(struct slot *slot, uint64_t now_us)
{
    struct load *self = slot->load;
    const struct load_method *method = &self->options.methods[slot->method];
    const struct fr_call_options options = {.timeout_us = self->options.timeout_us,
                                            .metadata = self->options.metadata,
                                            .idempotent = method->method->idempotent};
    struct fr_bytes request;
    struct fr_error error;
    slot->start_us = now_us;
    enum fr_code code =
        requests_get(method->requests, slot->number, &shard_get(self)->scratch, &request, &error);
    if (code != FR_OK) {
        count_call(slot, code, error.message, now_us);
        hand_to_driver(slot);
        return;
    }
    struct starting starting = {.slot = slot, .outer = own.starting};
    own.starting = &starting;
    fr_channel_start(slot->channel, method->method->full_name, request, &options, call_done, slot, NULL);
    own.starting = starting.outer;
    if (starting.ended) {
        hand_to_driver(slot);
    }
}

/* ---- the driver ---- */

/* Starts the calls that are due; returns the slots that are left for later ones. */
static struct slot *start_due(struct slot *idle)
{
    while (idle != NULL) {
        struct slot *slot = idle;
        uint64_t now_us = fr_clock_now_us();
        enum take taken = take(slot, now_us);
        if (taken == TICKET_NOT_DUE) {
            break;
        }
        idle = slot->next;
        if (taken == TICKET_TAKEN) {
            start_call(slot, now_us);
        } else {
            retire(slot);
        }
    }
    return idle;
}

static struct slot *join(struct slot *left, struct slot *right)
{
    struct slot *last = left;
    if (left == NULL) {
        return right;
    }
    while (last->next != NULL) {
        last = last->next;
    }
    last->next = right;
    return left;
}

/* Until the next call is due, or for a slot. */
static void wait_for_work(struct load *self, bool has_idle)
{
    struct pollfd fd = {.fd = self->driver_fd, .events = POLLIN};
    struct timespec left = {.tv_sec = 0};
    eventfd_t count;
    if (has_idle) {
        uint64_t now_us = fr_clock_now_us();
        uint64_t next_us = tickets_next_us(&self->tickets);
        if (next_us == SCHEDULE_NEVER) {
            return; /* the last one was taken meanwhile: the idle slots retire */
        }
        uint64_t left_us = next_us > now_us ? next_us - now_us : 0;
        left_us = left_us < FR_SECOND_US ? left_us : FR_SECOND_US;
        left.tv_sec = (time_t)(left_us / FR_SECOND_US);
        left.tv_nsec = (long)(left_us % FR_SECOND_US) * 1000;
    } else {
        atomic_store(&self->starved, true);
        left.tv_sec = atomic_load(&self->to_drive) == NULL ? 1 : 0;
    }
    if (ppoll(&fd, 1, &left, NULL) > 0) {
        eventfd_read(self->driver_fd, &count);
    }
}

static void *drive(void *argument)
{
    struct load *self = argument;
    struct slot *idle = NULL;
    bool closed = self->options.schedule == NULL, again = false;
    /* Calls that end at once have failed: a server that is away is asked now and then, not all the time. */
    const struct timespec pause = {.tv_nsec = RETRY_NS};
    prctl(PR_SET_TIMERSLACK, 1UL); /* calls leave when they are due */
    while (atomic_load(&self->active) > 0 && !atomic_load(&self->cancelling)) {
        if (closed && again && !atomic_load(&self->stopped)) {
            nanosleep(&pause, NULL);
        }
        idle = start_due(join(atomic_exchange(&self->to_drive, NULL), idle));
        again = atomic_load(&self->to_drive) != NULL;
        if (!again) {
            wait_for_work(self, idle != NULL);
        }
    }
    return NULL;
}

/* ---- the whole ---- */

/* One for every thread that may run a done: the library starts some for each processor. */
static enum fr_code make_shards(struct load *self, struct fr_error *reterr)
{
    long processors = sysconf(_SC_NPROCESSORS_CONF);
    unsigned count = 4 * (processors < 1 ? 1 : (unsigned)processors) + OTHER_THREADS;
    self->shards = calloc(count, sizeof(struct shard));
    for (unsigned i = 0; self->shards != NULL && i < count; i++) {
        struct shard *shard = &self->shards[i];
        self->shard_count = i + 1;
        if (tally_init(&shard->tally, self->options.method_count, self->options.schedule != NULL, reterr) !=
                FR_OK ||
            (shard->scratch.arena = fr_arena_new(ARENA_BYTES)) == NULL) {
            return fr_error_no_memory(reterr);
        }
    }
    return self->shards == NULL ? fr_error_no_memory(reterr) : FR_OK;
}

static void plan(struct load *self)
{
    const struct load_options *options = &self->options;
    unsigned weights[MIX_METHODS];
    for (size_t i = 0; i < options->method_count; i++) {
        weights[i] = options->methods[i].weight;
    }
    mix_init(&self->mix, weights, options->method_count);
    tickets_init(&self->tickets, options->schedule, options->count, options->warmup_us, options->duration_us);
}

enum fr_code load_new(const struct load_options *options, struct load **ret_load, struct fr_error *reterr)
{
    static _Atomic(unsigned) generations;
    struct load *self = calloc(1, sizeof *self);
    enum fr_code code = FR_OK;
    if (self == NULL) {
        return fr_error_no_memory(reterr);
    }
    self->options = *options;
    self->generation = atomic_fetch_add(&generations, 1) + 1;
    plan(self);
    self->slots = calloc(options->concurrency, sizeof(struct slot));
    self->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->driver_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->slots == NULL || self->ended_fd < 0 || self->driver_fd < 0) {
        code = fr_error_no_memory(reterr);
    }
    if (code == FR_OK) {
        code = make_shards(self, reterr);
    }
    if (code == FR_OK) {
        code = channels_open(&self->channels, options->address, options->channels, options->retry,
                             self->shards[0].scratch.arena, reterr);
    }
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
    uint64_t start_us = fr_clock_now_us();
    tickets_start(&self->tickets, start_us);
    atomic_store(&self->measured_from_us,
                 start_us + (self->options.schedule != NULL ? self->options.warmup_us : 0));
    for (uint64_t i = 0; i < self->options.concurrency; i++) {
        self->slots[i] =
            (struct slot){.load = self, .channel = self->channels.items[i % self->options.channels]};
        hand_to_driver(&self->slots[i]);
    }
    if (pthread_create(&self->driver, NULL, drive, self) != 0) {
        return fr_error_set(reterr, FR_RESOURCE_EXHAUSTED, "cannot start a thread");
    }
    self->driving = true;
    return FR_OK;
}

void load_measure(struct load *self)
{
    atomic_store(&self->measured_from_us, fr_clock_now_us());
    tickets_measure(&self->tickets);
}

int load_ended_fd(const struct load *self)
{
    return self->ended_fd;
}

void load_stop(struct load *self)
{
    uint64_t never = 0;
    atomic_compare_exchange_strong(&self->stopped_us, &never, fr_clock_now_us());
    atomic_store(&self->stopped, true);
    eventfd_write(self->driver_fd, 1);
}

struct load_progress load_progress(const struct load *self)
{
    struct load_progress progress = {0};
    for (unsigned i = 0; i < self->shard_count; i++) {
        progress.ended += atomic_load_explicit(&self->shards[i].ended, memory_order_relaxed);
        progress.failed += atomic_load_explicit(&self->shards[i].failed, memory_order_relaxed);
    }
    return progress;
}

uint64_t load_started(const struct load *self)
{
    return tickets_started(&self->tickets);
}

uint64_t load_planned(const struct load *self)
{
    return tickets_planned(&self->tickets);
}

/* When the load ended, from the start of measuring on. */
static uint64_t end_us(const struct load *self)
{
    uint64_t stopped_us = atomic_load(&self->stopped_us), from_us = atomic_load(&self->measured_from_us);
    return stopped_us > from_us ? stopped_us - from_us : 0;
}

uint64_t load_due(const struct load *self)
{
    return tickets_due(&self->tickets, end_us(self));
}

static void count_unsent(const struct load *self, struct tally *tally)
{
    const struct unsent unsent = {.schedule = self->options.schedule,
                                  .mix = &self->mix,
                                  .from = load_started(self),
                                  .until = load_due(self),
                                  .end_us = end_us(self)};
    unsent_record(&unsent, tally);
}

void load_finish(struct load *self, struct tally *tally)
{
    load_stop(self);
    atomic_store(&self->cancelling, true);
    if (self->driving) { /* it starts calls, so it must be gone before the channels are */
        eventfd_write(self->driver_fd, 1);
        pthread_join(self->driver, NULL);
        self->driving = false;
    }
    channels_close(&self->channels);
    for (unsigned i = 0; i < self->shard_count; i++) {
        tally_add(tally, &self->shards[i].tally);
    }
    if (self->options.schedule != NULL) {
        count_unsent(self, tally);
    }
}

static void free_shards(struct load *self)
{
    for (unsigned i = 0; i < self->shard_count; i++) {
        requests_scratch_fini(&self->shards[i].scratch);
        fr_arena_free(self->shards[i].scratch.arena);
        tally_fini(&self->shards[i].tally);
    }
    free(self->shards);
}

void load_free(struct load *self)
{
    if (self == NULL) {
        return;
    }
    channels_close(&self->channels);
    free_shards(self);
    if (self->ended_fd >= 0) {
        close(self->ended_fd);
    }
    if (self->driver_fd >= 0) {
        close(self->driver_fd);
    }
    free(self->slots);
    free(self);
}
