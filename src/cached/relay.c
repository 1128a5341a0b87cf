/* SPDX-License-Identifier: MIT */
/*
 * relay.c - carries the marks of committed writes to Redis: INVALIDATE, publish, clear.
 *
 * One thread with a connection of its own clears marks and polls for those left behind. A mark is cleared only
 * after its INVALIDATE ran, and only if no later write has raised it. One that Redis refuses, or that the database does
 * not let go, is held back for a while (held_marks.h), so that it does not keep others from being found.
 */
#include "cached/relay.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/condition.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "cached/held_marks.h"

#define POLL_US        (100 * FR_MILLISECOND_US)
#define POLL_LIMIT     256 /* marks looked for at a time, beside those that are held back */
/* A mark younger than one poll is most likely in the hands of its writer. After so many polls in a
   row that left young marks behind they are carried out all the same: a key that is written all the time must not
   wait for ever. */
#define PATIENCE_POLLS 3
/* While the thread waits to clear marks it looks for no others, so not for long: first for its turn among the writers of
   the process, then for the database's lock. */
#define CLEAR_US       (25 * FR_MILLISECOND_US)
#define TELL_US        (5 * FR_SECOND_US) /* clearing has failed all the time, before it is logged, and logged again */

struct outcome {
    struct announcement *of;
    enum fr_code code; /* FR_OK: the mark may be cleared */
};

struct announcement {
    struct fr_task task;
    struct fr_relay *relay;
    struct fr_store_marks marks;
    size_t unanswered; /* loop thread only */
    bool failed;       /* loop thread only: one of them or more */
    struct fr_event_id newest; /* loop thread only */
    fr_announced *done;
    void *argument;
    struct announcement *next; /* guarded by relay->mu, in to_clear */
    struct outcome outcomes[]; /* of the marks; loop thread only, then the relay thread's */
};

struct fr_relay {
    struct fr_loop *loop;
    struct fr_shared_cache *shared;
    struct fr_store_connection *connection; /* the relay thread's */
    pthread_t thread;
    pthread_mutex_t mu;
    pthread_cond_t wake;
    bool stopping;                 /* guarded by mu */
    bool poll_now;                 /* guarded by mu */
    size_t under_way;              /* guarded by mu; announcements not yet done */
    bool carrying;                 /* guarded by mu; one of them came from a poll */
    struct announcement *to_clear; /* guarded by mu */
    _Atomic uint64_t oldest_mark_us; /* when it was written, as far as the last poll saw; 0: there was none */
    /* The relay thread's own: */
    uint64_t change_count;
    bool may_have_marks;
    uint64_t ripe_version; /* marks up to this version were there at the last poll */
    unsigned young_polls;
    struct fr_held_marks held;
    uint64_t failing_us; /* since when clearing fails, or when that was last logged; 0: it does not */
};

static void free_announcement(struct announcement *self)
{
    fr_store_marks_fini(&self->marks);
    free(self);
}

/* Loop thread: all marks of an announcement are answered. */
static void finish(struct announcement *self)
{
    struct fr_relay *relay = self->relay;
    FR_FAILPOINT("after-publish");
    if (self->done != NULL) {
        self->done(self->argument, self->newest);
    }
    pthread_mutex_lock(&relay->mu);
    relay->under_way--;
    if (self->done == NULL) {
        relay->carrying = false;
        relay->poll_now = relay->poll_now && !self->failed; /* Redis refuses: not without a pause */
    }
    self->next = relay->to_clear;
    relay->to_clear = self;
    pthread_cond_signal(&relay->wake);
    pthread_mutex_unlock(&relay->mu);
}

/* One that was published in a later life of Redis is newer, whatever its number. */
static void note_event(struct announcement *self, struct fr_event_id event)
{
    if (event.number != 0 && (event.incarnation != self->newest.incarnation || event.number > self->newest.number)) {
        self->newest = event;
    }
}

static void answer_one(struct announcement *self)
{
    if (--self->unanswered == 0) {
        finish(self);
    }
}

static void on_invalidated(void *argument, enum fr_code code, struct fr_event_id event)
{
    struct outcome *outcome = argument;
    struct announcement *self = outcome->of;
    outcome->code = code;
    self->failed = self->failed || code != FR_OK;
    note_event(self, event);
    answer_one(self);
}

/* "user" and "user-123" to the key user:user-123; false when a stranger wrote a mark that is too long for a key. */
static bool key_of(const struct fr_store_mark *mark, struct fr_key *ret_key)
{
    int size = snprintf(ret_key->text, sizeof ret_key->text, "%s:%s", mark->kind, mark->reference);
    ret_key->size = (uint16_t)size;
    return size > 0 && size <= FR_KEY_MAX_BYTES;
}

static void on_announced(struct fr_task *task)
{
    struct announcement *self = (struct announcement *)task;
    self->unanswered = self->marks.count + 1;
    for (size_t i = 0; i < self->marks.count; i++) {
        struct fr_key key;
        const struct fr_store_mark *mark = &self->marks.items[i];
        self->outcomes[i].of = self;
        if (key_of(mark, &key)) {
            fr_log_request(self->done == NULL ? "invalidation relayed" : "invalidation published", fr_log_text("key", key.text),
                           fr_log_number("version", mark->version));
            const struct fr_invalidation what = {&key, mark->version, mark->commit_time_us};
            fr_shared_cache_invalidate(self->relay->shared, &what, on_invalidated, &self->outcomes[i]);
        } else {
            answer_one(self); /* no key of ours can be that long, so nothing is cached under it */
        }
    }
    answer_one(self);
}

static void set_carrying(struct fr_relay *self, bool carrying)
{
    pthread_mutex_lock(&self->mu);
    self->carrying = carrying;
    pthread_mutex_unlock(&self->mu);
}

void fr_relay_announce(struct fr_relay *self, struct fr_store_marks *marks, fr_announced *done, void *argument)
{
    FR_FAILPOINT("after-commit");
    struct announcement *announcement =
        calloc(1, sizeof *announcement + marks->count * sizeof announcement->outcomes[0]);
    if (announcement == NULL) {
        /* The marks are in the database: the next poll finds them. */
        fr_store_marks_fini(marks);
        if (done != NULL) {
            done(argument, (struct fr_event_id){0});
        } else {
            set_carrying(self, false);
        }
        return;
    }
    announcement->task.run = on_announced;
    announcement->relay = self;
    announcement->marks = *marks;
    announcement->done = done;
    announcement->argument = argument;
    *marks = (struct fr_store_marks){0};
    pthread_mutex_lock(&self->mu);
    self->under_way++;
    pthread_mutex_unlock(&self->mu);
    fr_loop_post(self->loop, &announcement->task);
}

/* ---- the relay thread ---- */

static void log_failure(const char *what, const struct fr_error *error)
{
    fr_log(FR_LOG_WARN, what, fr_log_text("error", error->message));
}

/* What will not do again at once. Redis that cannot be reached refuses nothing: its marks wait for the next poll. */
static void hold_back(struct fr_relay *self, struct fr_store_mark *mark, enum fr_code code)
{
    if (code == FR_UNAVAILABLE) {
        return;
    }
    struct fr_store_mark copy = {strdup(mark->kind), strdup(mark->reference), mark->version,
                                 mark->commit_time_us};
    if (copy.kind == NULL || copy.reference == NULL) {
        free(copy.kind);
        free(copy.reference);
    } else if (fr_held_marks_add(&self->held, &copy, fr_clock_now_us())) {
        fr_log(FR_LOG_WARN, "invalidation refused", fr_log_text("kind", mark->kind),
               fr_log_text("reference", mark->reference), fr_log_number("version", mark->version),
               fr_log_text("reason", fr_code_name(code)));
    }
}

/* Puts the marks that may be cleared first, and returns how many they are. */
static size_t part_marks(struct fr_relay *self, struct announcement *of)
{
    size_t done = 0;
    for (size_t i = 0; i < of->marks.count; i++) {
        struct fr_store_mark mark = of->marks.items[i];
        if (of->outcomes[i].code == FR_OK) {
            of->marks.items[i] = of->marks.items[done];
            of->marks.items[done++] = mark;
        } else {
            hold_back(self, &mark, of->outcomes[i].code);
        }
    }
    return done;
}

static void tell_uncleared(struct fr_relay *self, const struct fr_error *error)
{
    uint64_t now_us = fr_clock_now_us();
    if (self->failing_us == 0) {
        self->failing_us = now_us;
    } else if (now_us - self->failing_us >= TELL_US) {
        log_failure("dirty marks not cleared", error);
        self->failing_us = now_us;
    }
}

static bool clear_marks(struct fr_relay *self, const struct fr_store_mark *marks, size_t count)
{
    struct fr_error error;
    if (fr_store_clear(self->connection, marks, count, &error) != FR_OK) {
        tell_uncleared(self, &error);
        return false;
    }
    self->failing_us = 0;
    return true;
}

/* They will be announced again after a pause: a repeat does no harm. */
static void put_off(struct fr_relay *self, struct fr_store_mark *marks, size_t count)
{
    self->may_have_marks = true;
    for (size_t i = 0; i < count; i++) {
        fr_held_marks_add(&self->held, &marks[i], fr_clock_now_us());
    }
}

/* After one that cannot be cleared the others are not tried: each would wait. */
static void clear(struct fr_relay *self, struct announcement *list)
{
    bool clearable = true;
    while (list != NULL) {
        struct announcement *next = list->next;
        size_t count = part_marks(self, list);
        clearable = clearable && (count == 0 || clear_marks(self, list->marks.items, count));
        if (!clearable) {
            put_off(self, list->marks.items, count);
        }
        free_announcement(list);
        list = next;
    }
}

/* Keeps the marks that are to be carried out now. */
static void keep_ripe(struct fr_relay *self, struct fr_store_marks *marks)
{
    size_t kept = 0;
    uint64_t newest = 0;
    bool all = self->young_polls >= PATIENCE_POLLS || marks->count >= POLL_LIMIT;
    for (size_t i = 0; i < marks->count; i++) {
        struct fr_store_mark *mark = &marks->items[i];
        newest = mark->version > newest ? mark->version : newest;
        if (all || mark->version <= self->ripe_version) {
            marks->items[kept++] = *mark;
        } else {
            free(mark->kind);
            free(mark->reference);
        }
    }
    /* Polls in a row that left a young mark behind, whatever else they carried. */
    self->young_polls = kept < marks->count ? self->young_polls + 1 : 0;
    self->ripe_version = newest;
    marks->count = kept;
}

/* The clocks of writers differ, so the lowest version need not have the earliest time. */
static void note_oldest(struct fr_relay *self, const struct fr_store_marks *marks)
{
    uint64_t oldest_us = 0;
    for (size_t i = 0; i < marks->count; i++) {
        uint64_t time_us = marks->items[i].commit_time_us;
        oldest_us = time_us != 0 && (oldest_us == 0 || time_us < oldest_us) ? time_us : oldest_us;
    }
    atomic_store_explicit(&self->oldest_mark_us, oldest_us, memory_order_relaxed);
}

static void poll_marks(struct fr_relay *self)
{
    struct fr_store_marks marks = {0};
    struct fr_error error;
    uint64_t change_count = 0;
    if (fr_store_change_count(self->connection, &change_count, &error) != FR_OK) {
        log_failure("database not readable", &error);
        return;
    }
    if (change_count == self->change_count && !self->may_have_marks) {
        return;
    }
    size_t limit = POLL_LIMIT + self->held.count;
    if (fr_store_dirty(self->connection, limit, &marks, &error) != FR_OK) {
        log_failure("dirty marks not readable", &error);
        return;
    }
    self->change_count = change_count;
    self->may_have_marks = marks.count > 0;
    note_oldest(self, &marks);
    if (!fr_shared_cache_connected(self->shared)) {
        fr_store_marks_fini(&marks);
        return;
    }
    fr_held_marks_filter(&self->held, &marks, marks.count < limit, fr_clock_now_us());
    if (marks.count >= POLL_LIMIT) {
        pthread_mutex_lock(&self->mu);
        self->poll_now = true;
        pthread_mutex_unlock(&self->mu);
    }
    keep_ripe(self, &marks);
    if (marks.count > 0) {
        set_carrying(self, true);
        fr_relay_announce(self, &marks, NULL, NULL);
    } else {
        fr_store_marks_fini(&marks);
    }
}

/* Waits until there is something to clear, a poll is due, or the relay is to stop and has nothing under way. */
static void wait_locked(struct fr_relay *self, uint64_t poll_us)
{
    while (self->to_clear == NULL && !(self->poll_now && !self->carrying) && !(self->stopping && self->under_way == 0)) {
        if (!fr_condition_wait(&self->wake, &self->mu, poll_us)) {
            return;
        }
    }
}

static void *run(void *argument)
{
    struct fr_relay *self = argument;
    uint64_t poll_us = fr_clock_now_us();
    pthread_mutex_lock(&self->mu);
    while (!self->stopping || self->under_way > 0 || self->to_clear != NULL) {
        wait_locked(self, poll_us);
        struct announcement *list = self->to_clear;
        self->to_clear = NULL;
        bool poll = (self->poll_now || fr_clock_now_us() >= poll_us) && !self->carrying && !self->stopping;
        self->poll_now = self->poll_now && !poll;
        pthread_mutex_unlock(&self->mu);
        clear(self, list);
        if (poll) {
            poll_marks(self);
        }
        if (fr_clock_now_us() >= poll_us) {
            poll_us = fr_clock_now_us() + POLL_US;
        }
        pthread_mutex_lock(&self->mu);
    }
    pthread_mutex_unlock(&self->mu);
    return NULL;
}

/* ---- statistics ---- */

static const struct fr_metric metric = {
    "freshet_relay_oldest_mark_age_us", NULL, FR_METRIC_GAUGE, "us",
    "How long the oldest write that is not invalidated yet has been waiting; 0: none is. Looked at ten times a second"};

static void read_metric(void *context, int64_t *values)
{
    struct fr_relay *self = context;
    uint64_t oldest_us = atomic_load_explicit(&self->oldest_mark_us, memory_order_relaxed);
    uint64_t now_us = fr_clock_wall_us();
    values[0] = oldest_us != 0 && now_us > oldest_us ? (int64_t)(now_us - oldest_us) : 0;
}

enum fr_code fr_relay_metrics_add(struct fr_metrics *metrics, struct fr_relay *self, struct fr_error *reterr)
{
    return fr_metrics_add_source(metrics, &metric, 1, read_metric, self, reterr);
}

enum fr_code fr_relay_new(struct fr_store *store, struct fr_loop *loop, struct fr_shared_cache *shared,
                          struct fr_relay **ret_relay, struct fr_error *reterr)
{
    struct fr_relay *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return fr_error_no_memory(reterr);
    }
    self->loop = loop;
    self->shared = shared;
    self->may_have_marks = true;
    enum fr_code code = fr_store_connect(store, &self->connection, reterr);
    if (code != FR_OK) {
        free(self);
        return code;
    }
    fr_store_set_patience(self->connection, CLEAR_US);
    fr_condition_init(&self->wake);
    pthread_mutex_init(&self->mu, NULL);
    if (pthread_create(&self->thread, NULL, run, self) != 0) {
        fr_store_connection_free(self->connection);
        free(self);
        return fr_error_set(reterr, FR_RESOURCE_EXHAUSTED, "cannot start the relay thread");
    }
    *ret_relay = self;
    return FR_OK;
}

void fr_relay_free(struct fr_relay *self)
{
    if (self == NULL) {
        return;
    }
    pthread_mutex_lock(&self->mu);
    self->stopping = true;
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->mu);
    pthread_join(self->thread, NULL);
    fr_store_connection_free(self->connection);
    fr_held_marks_fini(&self->held);
    pthread_cond_destroy(&self->wake);
    pthread_mutex_destroy(&self->mu);
    free(self);
}
