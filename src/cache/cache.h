/* SPDX-License-Identifier: MIT */
/*
 * cache.h - get or load, through a cache within the process and one in Redis that all processes share.
 *
 * For any program: it knows no RPC and no database. A kind of value is declared once, with the function that loads
 * what no cache has; then values are asked for by key:
 *
 *     struct fr_cache *cache;
 *     struct fr_cache_kind *users;
 *     fr_cache_new(&(struct fr_cache_options){.url = "redis://127.0.0.1:6379/0", .near_bytes = 64 << 20}, &cache, &error);
 *     fr_cache_kind_new(cache, &(struct fr_cache_kind_options){.name = "user", .ttl_us = 60 * FR_SECOND_US,
 *                                                              .load = load_users}, &users, &error);
 *     fr_cache_get(cache, &(struct fr_cache_read){.kind = users, .key = &key, .done = on_user, .argument = mine});
 *     …
 *     fr_cache_invalidate(cache, &key, version, on_invalidated, mine);      after the row was written
 *
 * One read of a key is under way at a time, however many ask (single-flight). Many keys asked for together take one
 * pipeline to Redis, and what they all miss is given to the loader in one call. docs/cache.md has a whole
 * program; docs/ARCHITECTURE.md draws a read.
 *
 * What is cached is kept coherent by versions (fr_near_cache, cache/scripts.h): a loader gives each value the version
 * of its row, which must rise with every write of it, also over delete and re-create.
 */
#ifndef FR_CACHE_CACHE_H
#define FR_CACHE_CACHE_H

#include <stdbool.h>

#include "base/metrics.h"
#include "cache/key.h"
#include "cache/near_cache.h"
#include "cache/read_path.h"
#include "cache/shared_cache.h"

struct fr_cache;
struct fr_cache_kind; /* one kind of value in one cache */

struct fr_cache_options {
    const char
        *url; /* must be set; as those of struct fr_shared_cache_options, as are the next two; copied */
    const char *name_space;
    uint64_t command_timeout_us;
    size_t near_bytes;           /* memory for the near cache; 0: none */
    bool subscribe;              /* to invalidations; with a near cache it always does */
    unsigned max_loads;          /* loads under way at a time; 0: 1024 */
    unsigned max_waiting_loads;  /* beyond them; more are RESOURCE_EXHAUSTED. 0: 65536 */
    struct fr_metrics *metrics;  /* gets freshet_cache_… and freshet_near_cache_…; borrowed; NULL: none */
    void (*turn_end)(void);      /* as fr_loop_set_turn_end; may be NULL */
    /* For logs, each may be NULL; on the loop thread. */
    void (*on_invalidation)(void *argument, struct fr_bytes key, uint64_t version, uint64_t number);
    void (*on_connection)(void *argument, bool connected);
    void *argument;
};

/*
 * *ret_cache is owned. Connects in the background; Redis need not be there.
 *   FR_INVALID_ARGUMENT    no url, or as fr_shared_cache_new and fr_near_cache_new
 *   FR_ALREADY_EXISTS      metrics has another cache
 *   FR_RESOURCE_EXHAUSTED  no memory
 */
FR_MUST_CHECK enum fr_code fr_cache_new(const struct fr_cache_options *options, struct fr_cache **ret_cache,
                                        struct fr_error *reterr);
/*
 * From here on no load is started: a read that would need one ends as CANCELLED. Before what loaders use is freed.
 * Blocks until that is so. Neither from the loop thread nor twice.
 */
void fr_cache_stop(struct fr_cache *self);
/*
 * Stops it if need be, waits until the reads under way have ended (so loaders must still end theirs), and frees.
 * Nobody may ask it for anything any more. NULL is fine. Not from the loop thread.
 */
void fr_cache_free(struct fr_cache *self);

/* Borrowed, for those who use the parts: the loop that runs everything, the records, the near cache (NULL: none). */
struct fr_loop *fr_cache_loop(const struct fr_cache *self);
struct fr_shared_cache *fr_cache_shared(const struct fr_cache *self);
struct fr_near_cache *fr_cache_near(const struct fr_cache *self);

/* ---- what is asked for ---- */

/* How new an answer must be; zeroed: what is cached does. */
struct fr_demand {
    uint64_t min_version; /* no older version: "read your writes". A load that begins after the read always does */
    bool no_cache;        /* loaded after the read began, whatever is cached */
    bool only_cached;     /* nothing is loaded; what is not cached is FAILED_PRECONDITION */
};

/* By rising distance from the caller. */
enum fr_source {
    FR_SOURCE_NEAR,
    FR_SOURCE_REDIS,
    FR_SOURCE_ORIGIN,
    FR_SOURCE_STALE, /* past its soft expiry, as the origin could not be reached */
};

/* "near", "redis", "origin" or "stale". */
const char *fr_source_name(enum fr_source source);

/* What a read or a load came to; borrowed until done returns. */
struct fr_read_result {
    enum fr_code code; /* FR_OK, FR_NOT_FOUND (which is cached too), or why the load failed */
    const char *message;
    uint64_t version;
    uint64_t age_us; /* since it was loaded */
    struct fr_bytes payload;
    enum fr_source source;
    /* Of an error that the load ended with, but FR_NOT_FOUND: handed on to all who wait. */
    uint64_t retry_after_us; /* the pause before another read that is asked for; 0: none is named */
    struct fr_bytes extras;  /* the loader's own, for its readers; the cache knows nothing of them */
};

/* One value to load. All but next and handle is read-only, and borrowed until fr_load_end. */
struct fr_load {
    struct fr_load *next; /* to be loaded together with this one; NULL: no more. Then the loader's to use */
    const struct fr_key *key;
    struct fr_bytes request; /* as in struct fr_cache_read */
    struct fr_demand demand; /* of those who wait, for loaders that have caches below */
    uint64_t deadline_us;    /* nobody waits longer */
    void *handle;            /* the loader's, set before its load returns: for cancel and release */
};

/* name, ttl_us and load must be set. Times of more than ten years count as ten. */
struct fr_cache_kind_options {
    const char *name;          /* first part of its keys; borrowed until the cache is freed */
    uint64_t ttl_us;           /* how long a value is fresh; up to a tenth less */
    uint64_t stale_us;         /* after that: how long it may still serve, marked, while its origin cannot be reached */
    uint64_t not_found_ttl_us; /* how long it is known that there is no value; 0: ttl_us */
    uint64_t load_timeout_us;  /* 0: 5 s */
    enum fr_read_role role;    /* FR_READ_ORIGIN uses no near cache */
    /*
     * Starts to load first and those after it; on the loop thread, so it must not block. Each must end in one
     * fr_load_end, from any thread. What it reads must be read after it was called, and from no lagging replica.
     */
    void (*load)(void *context, struct fr_load *first);
    /*
     * Nobody waits for this load any more: all its readers have gone, or it was given up. It still must end in its one
     * fr_load_end, the sooner the better. On the loop thread, once at most, and not after fr_cache_stop. NULL: loads go
     * on, and fill the caches for who comes next.
     */
    void (*cancel)(void *context, struct fr_load *load);
    /* The load has ended; what handle refers to may go. On the loop thread, once for each load. May be NULL. */
    void (*release)(void *context, struct fr_load *load);
    void *context;
};

/*
 * *ret_kind is borrowed until the cache is freed. Any thread.
 *   FR_INVALID_ARGUMENT    what must be set is not; the message says what
 *   FR_RESOURCE_EXHAUSTED  no memory
 */
FR_MUST_CHECK enum fr_code fr_cache_kind_new(struct fr_cache *self, const struct fr_cache_kind_options *options,
                                             struct fr_cache_kind **ret_kind, struct fr_error *reterr);

/*
 * Ends a load: everything is copied. FR_NOT_FOUND says that there is no such value and is cached; its version is set
 * by the cache, unless the kind is a consumer's. source, age_us: where the loader had it from. A code that says that the
 * origin cannot be reached (UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL, UNKNOWN, CANCELLED) lets an
 * old value serve, as stale-if-error of RFC 5861; so does a load that takes over a second and four times as long as
 * usual. Any thread.
 */
void fr_load_end(struct fr_load *self, const struct fr_read_result *result);

/* kind, key and, but for fr_cache_get_near, done must be set. */
struct fr_cache_read {
    struct fr_cache_kind *kind;
    const struct fr_key *key; /* copied; begins with the kind's name */
    struct fr_bytes request;  /* what the loader needs beside the key; copied */
    struct fr_demand demand;
    uint64_t deadline_us; /* of fr_clock_now_us, kept within 20 ms; 0: none, but a load has one of its own */
    bool wait;            /* fr_cache_get returns only once done has run; not from the loop thread */
    /* Runs once: on the loop thread, or at once where the near cache answers or there is no memory. */
    void (*done)(void *argument, const struct fr_read_result *result);
    /*
     * Whether nobody wants the answer any more; then the read ends as CANCELLED. It is asked on the loop thread every
     * 10 ms until done is called: so who leaves need not find the read, and what is answered at once costs nothing.
     * NULL: somebody does.
     */
    bool (*is_gone)(void *argument);
    void *argument;
};

/* Any thread. */
void fr_cache_get(struct fr_cache *self, const struct fr_cache_read *read);

/* Reads that begin together. Zeroed: none. */
struct fr_cache_reads {
    struct fr_reader *first, *last;
};

/* Adds one; it is not looked for in the near cache. Without memory its done runs at once. */
void fr_cache_reads_add(struct fr_cache_reads *self, const struct fr_cache_read *read);
/* Begins them all and empties the list: one pipeline, and one call of a kind's loader for all that is missed. */
void fr_cache_reads_start(struct fr_cache_reads *self, struct fr_cache *cache);

/* An answer of the near cache; result is borrowed from it until fr_cache_hit_release. */
struct fr_cache_hit {
    struct fr_read_result result;
    struct fr_near_hit near;
    char message[FR_ERROR_MESSAGE_BYTES];
};

/*
 * true: the near cache has what read asks for. No lock, no other thread, no copy; release it soon (fr_near_cache_get).
 * read->done is not called. Any thread.
 */
bool fr_cache_get_near(struct fr_cache *self, const struct fr_cache_read *read, struct fr_cache_hit *ret_hit);
void fr_cache_hit_release(struct fr_cache_hit *hit);

/*
 * Tells all caches that key has a new version: drops it here, INVALIDATE and publish in Redis. After the write was
 * committed. done, which may be NULL, runs once on the loop thread, when no read of this cache that begins from then on is
 * answered with the old value. Any code but FR_OK is one of fr_shared_cache_invalidate: Redis did not take it, so others may
 * go on with the old value until it expires, unless it is invalidated again. Any thread.
 */
void fr_cache_invalidate(struct fr_cache *self, const struct fr_key *key, uint64_t version,
                         void (*done)(void *argument, enum fr_code code), void *argument);

/* One who waits for an invalidation. Part of the caller's struct; it lives until done is called. */
struct fr_cache_wait {
    struct fr_event_wait wait; /* private, as is the next */
    struct fr_cache *cache;
    void (*done)(struct fr_cache_wait *self);
};

/*
 * Calls wait->done once no read that begins from then on is answered with what the event made old: at once where the
 * event has been heard, otherwise on the loop thread, half a second later at the latest. So whoever passes on the
 * answer of a write that somebody else invalidated lets its caller read what it wrote. Any thread.
 */
void fr_cache_after(struct fr_cache *self, struct fr_event_id event, struct fr_cache_wait *wait);

/* ---- statistics ---- */

struct fr_cache_statistics {
    uint64_t near_hits, redis_hits, origin_answers, stale_answers; /* by where answers came from */
    uint64_t misses;    /* reads that Redis had no fresh value for; those that share a read count once */
    uint64_t coalesced; /* reads that joined the flight of another; each once */
    uint64_t loads, load_failures, load_timeouts, loads_refused; /* refused: too many */
    uint64_t fills, refused_fills;
    uint64_t leases_granted, leases_waited;
    uint64_t leases_taken_over; /* of those granted: somebody else's was waited for and brought nothing */
    uint64_t refreshes;         /* begun before the expiry */
    uint64_t redis_failures;    /* reads for which Redis did not answer */
    uint64_t invalidations_received, invalidations_applied; /* applied: removed an entry of the near cache */
    uint64_t invalidations_sent; /* by whomever, through fr_cache_shared too */
    uint64_t drops[FR_DROP_CAUSES]; /* of the whole near cache */
    struct fr_redis_info redis;     /* the last sample */
    bool redis_connected;           /* false: reads go past Redis, at once */
    bool near_serves;               /* the subscription is proved whole */
    uint64_t loading, waiting_loads, flights; /* now */
};

/* Each number is whole, but they are not all of the same moment. Any thread. */
void fr_cache_statistics(struct fr_cache *self, struct fr_cache_statistics *ret_statistics);

#endif
