/* SPDX-License-Identifier: MIT */
/*
 * shared_cache.h - the records of Redis: GET, LEASE, FILL, INVALIDATE + publish, and the invalidation feed.
 *
 * All functions are called on the loop thread unless they say otherwise, and every done runs there exactly once.
 * While Redis cannot be reached each operation ends at once with FR_UNAVAILABLE, its done before the function
 * returns; one that Redis does not answer within the command time-out ends the same way, and with it all that were sent
 * after it, as their connection is made anew, with jittered back-off. An answer of Redis that is an error (out of memory)
 * is FR_UNAVAILABLE too, but for an invalidation: the caller goes to the database in either case. A version above
 * FR_VERSION_MAX is not sent to Redis and ends the same way. A value of another type at a key is a stranger's, and so no
 * record: there is nothing that serves or could be invalidated, and a lease that is granted replaces it.
 */
#ifndef FR_CACHE_SHARED_CACHE_H
#define FR_CACHE_SHARED_CACHE_H

#include <stdbool.h>

#include "cache/drop_cause.h"
#include "cache/key.h"
#include "cache/loop.h"
#include "cache/record.h"
#include "cache/redis_info.h"

struct fr_shared_cache;

#define FR_NAME_SPACE_MAX_BYTES 128

struct fr_shared_cache_options {
    const char *url;             /* "redis://[user:password@]host:port[/db]"; copied */
    const char *name_space;      /* prefix of keys, channel and counter; "" or NULL: none; copied */
    uint64_t command_timeout_us; /* 0: 250 ms */
    /*
     * Invalidations from the channel "[namespace:]cache-invalidation", with "@db" behind it for another database than
     * 0; NULL: do not subscribe. Loop thread. Whatever comes is handed on, whether or not it is the next; that
     * something was missed is told by on_drop.
     */
    void (*on_invalidation)(void *argument, const struct fr_invalidation_event *event);
    /*
     * With on_invalidation: the near cache is to be emptied, and inserts of what was read before are to be refused,
     * before this returns. With FR_DROP_BASE_LINE it may serve again from then on. May be NULL. Loop thread.
     */
    void (*on_drop)(void *argument, enum fr_drop_cause cause);
    /* The command connection came up (true) or was lost; may be NULL. Loop thread. */
    void (*on_connection)(void *argument, bool connected);
    void *argument;
};

/*
 * Any thread. Connects in the background; Redis need not be there. *ret_cache is owned.
 *   FR_INVALID_ARGUMENT  not such a URL (the message never shows the password), or a name_space of more than
 *                        FR_NAME_SPACE_MAX_BYTES
 */
FR_MUST_CHECK enum fr_code fr_shared_cache_new(struct fr_loop *loop, const struct fr_shared_cache_options *options,
                                               struct fr_shared_cache **ret_cache, struct fr_error *reterr);
/* Any thread but the loop's: ends open operations as UNAVAILABLE, closes, waits, frees. NULL is fine. */
void fr_shared_cache_free(struct fr_shared_cache *self);

/* Thread-safe: whether commands can be sent now. */
bool fr_shared_cache_connected(const struct fr_shared_cache *self);

/*
 * Until when a near cache that obeys on_invalidation and on_drop may serve (fr_clock_now_us); 0: not now, and always
 * without a subscription. It is moved on four times a second, and shows nothing that was invalidated more than half a
 * second ago, whatever became of Redis, the network or this process. One atomic load; thread-safe.
 *
 * To serve: load it, look into the near cache, and then compare it with the clock. A thread that was stopped in
 * between has lost its hit, as the value may be one that was dropped since.
 */
uint64_t fr_shared_cache_serves_until(const struct fr_shared_cache *self);

/* The last sample of how Redis fares, one every 5 s while it can be reached. false: there is none yet. Thread-safe. */
bool fr_shared_cache_redis_info(struct fr_shared_cache *self, struct fr_redis_info *ret_info);

/* What a GET or a LEASE found. Borrowed until done returns. */
struct fr_shared_value {
    enum fr_code code;       /* FR_OK, or FR_UNAVAILABLE: Redis did not answer */
    enum fr_value_kind kind; /* NONE: nothing that serves */
    uint64_t version;
    uint64_t soft_expiry_us; /* on the clock of Redis, since the Unix epoch; 0: none. A LEASE gives a value past it only
                                with granted or wait */
    struct fr_bytes payload;
    /* LEASE only: */
    bool granted;   /* the lease is ours: load, then fill */
    bool wait;      /* somebody else's live lease */
    uint64_t floor; /* with granted: the version that a "not found" is filled with */
};

typedef void fr_shared_value_done(void *argument, const struct fr_shared_value *value);

/* kind says whether it serves. The GETs of one turn of the loop leave together at its end, in MGETs. */
void fr_shared_cache_get(struct fr_shared_cache *self, const struct fr_key *key, fr_shared_value_done *done,
                         void *argument);

struct fr_lease {
    uint64_t token; /* new for every miss */
    uint64_t duration_us;
    uint64_t min_version; /* a value of a lower version is to be replaced, though it be fresh; FR_VERSION_MAX: any value */
};

void fr_shared_cache_lease(struct fr_shared_cache *self, const struct fr_key *key, const struct fr_lease *lease,
                           fr_shared_value_done *done, void *argument);

/* stored: false when Redis refused the fill (lease gone or version under the floor) or did not answer. */
typedef void fr_fill_done(void *argument, enum fr_code code, bool stored);

struct fr_fill {
    uint64_t token;
    enum fr_value_kind kind; /* FOUND or NOT_FOUND */
    uint64_t version;
    struct fr_bytes payload; /* copied */
    uint64_t soft_us; /* how long the value is fresh; 0: as long as it lives */
    uint64_t hard_us; /* the longest life of the record: it is spread over the last tenth before it, so that keys filled
                         together do not go together */
};

void fr_shared_cache_fill(struct fr_shared_cache *self, const struct fr_key *key, const struct fr_fill *fill,
                          fr_fill_done *done, void *argument);

/* event: what was published; none unless code is FR_OK. */
typedef void fr_invalidate_done(void *argument, enum fr_code code, struct fr_event_id event);

struct fr_invalidation {
    const struct fr_key *key; /* copied */
    uint64_t version;
    uint64_t commit_time_us; /* told to subscribers, as in struct fr_invalidation_event; 0: not known */
};

/*
 * INVALIDATE, then the publish script, in one pipeline. done after both.
 *   FR_UNAVAILABLE          Redis did not answer, or there was no memory
 *   FR_FAILED_PRECONDITION  Redis refused one of them, for example as the counter of events is no number
 *   FR_INVALID_ARGUMENT     the version is above FR_VERSION_MAX
 */
void fr_shared_cache_invalidate(struct fr_shared_cache *self, const struct fr_invalidation *invalidation,
                                fr_invalidate_done *done, void *argument);
/* How many of them ended with FR_OK. Thread-safe. */
uint64_t fr_shared_cache_invalidations_sent(const struct fr_shared_cache *self);

/* One who waits for an event. Part of the caller's struct; it lives until the task runs. */
struct fr_event_wait {
    struct fr_task task; /* set task.run before waiting */
    struct fr_event_id event;
    uint64_t told_us; /* fr_clock_now_us when the event was known to be published */
    struct fr_event_wait *next; /* private */
};

/* Whether the subscription is whole and has delivered the event; then on_invalidation has run. Thread-safe. */
bool fr_shared_cache_heard(const struct fr_shared_cache *self, struct fr_event_id event);
/*
 * true: a near cache that obeys on_invalidation and on_drop shows nothing that the event made old: it was delivered, or
 * the near cache does not serve (so it always is without a subscription). false: the task is posted once that is so,
 * half a second after told_us at the latest, or when the shared cache is freed.
 */
FR_MUST_CHECK bool fr_shared_cache_await(struct fr_shared_cache *self, struct fr_event_wait *wait);

#endif
