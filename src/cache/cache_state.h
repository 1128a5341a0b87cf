/* SPDX-License-Identifier: MIT */
/*
 * cache_state.h - internal to this folder: what stands behind struct fr_cache.
 *
 * cache.c and kind.c are what other threads call; flights.c joins readers of one key; flight.c drives one flight by the
 * rules of read_path.h; loads.c starts loads together and not too many. These three run on the loop thread alone.
 */
#ifndef FR_CACHE_CACHE_STATE_H
#define FR_CACHE_CACHE_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/backoff.h"
#include "base/siphash.h"
#include "cache/cache.h"

#define FR_FLIGHT_BUCKETS 4096

enum fr_cache_count {
    FR_COUNT_NEAR_PASSED_OVER, /* hits of the near cache that did not do */
    FR_COUNT_REDIS_HITS,
    FR_COUNT_ORIGIN,
    FR_COUNT_STALE,
    FR_COUNT_MISSES,
    FR_COUNT_COALESCED,
    FR_COUNT_LOADS,
    FR_COUNT_LOAD_FAILURES,
    FR_COUNT_LOAD_TIMEOUTS,
    FR_COUNT_LOADS_REFUSED,
    FR_COUNT_FILLS,
    FR_COUNT_REFUSED_FILLS,
    FR_COUNT_LEASES_GRANTED,
    FR_COUNT_LEASES_WAITED,
    FR_COUNT_LEASES_TAKEN_OVER,
    FR_COUNT_REFRESHES,
    FR_COUNT_REDIS_FAILURES,
    FR_COUNT_INVALIDATIONS_RECEIVED,
    FR_COUNT_INVALIDATIONS_APPLIED,
    FR_COUNT_DROPS, /* one for each cause */
    FR_COUNT_LOADING = FR_COUNT_DROPS + FR_DROP_CAUSES, /* now, as the next two */
    FR_COUNT_WAITING_LOADS,
    FR_COUNT_FLIGHTS,
    FR_COUNTS,
};

struct fr_cache_kind {
    struct fr_cache_kind *next;
    struct fr_cache *cache;
    struct fr_cache_kind_options options;
    bool near;
    _Atomic uint64_t load_us; /* what a load takes: an exponentially weighted mean; written on the loop thread */
};

/* One who waits for a key. Belongs to its list until it is started, then to the loop thread. */
struct fr_reader {
    struct fr_task task; /* of the first of a list */
    unsigned refs;       /* of its list, of the flight and the load that read its key */
    struct fr_cache *cache;
    struct fr_reader *next;
    struct fr_cache_kind *kind;
    struct fr_demand demand;
    uint64_t deadline_us;
    void (*done)(void *argument, const struct fr_read_result *result); /* NULL: nobody waits, it is a refresh */
    bool (*is_gone)(void *argument);
    void *argument;
    bool late;   /* joined after the last read below began */
    bool unproved;   /* and while no event could close the flight: only a fill that Redis took will do */
    bool barred;     /* and after the flight was closed, or too late for that fill */
    bool coalesced;  /* counted as one who joined the flight of another */
    bool beyond_old; /* joined while an old value was at hand that no event could take away */
    struct fr_bytes request; /* behind the struct */
    struct fr_key key;       /* last: only as much of it is there as its text needs */
};

struct fr_readers {
    struct fr_reader *first, *last;
};

/* Flights that were started together: their loads leave together. */
struct fr_group {
    unsigned undecided; /* flights that may yet load, and the start */
    struct fr_flight *first, *last;
};

/* A load as its loader and its flight see it. */
struct fr_loading {
    struct fr_load load; /* first */
    struct fr_task task;
    struct fr_cache_kind *kind;
    struct fr_flight *flight;  /* NULL: it was given up */
    struct fr_reader *subject; /* a reference: load points into it */
    bool left;                 /* by all readers: it tells nothing of how long loads take. Loop thread only */
    bool ended;                /* loop thread only */
    uint64_t started_us;
    struct fr_buffer payload, extras;
    char message[FR_ERROR_MESSAGE_BYTES];
    struct fr_read_result result;
};

/* One read of one key, for all who wait for it. */
struct fr_flight {
    struct fr_task task; /* the end of a pause */
    struct fr_flight *next_in_bucket;
    unsigned bucket;
    struct fr_flight *newer, *older; /* of all flights */
    struct fr_flight *next;          /* in a group, in the queue of loads */
    struct fr_cache *cache;
    struct fr_cache_kind *kind;
    struct fr_reader *subject; /* a reference: whose key and request are read */
    struct fr_readers waiting; /* owned */
    struct fr_group *group;    /* until it is decided whether it loads */
    struct fr_read_state state;
    struct fr_demand demand; /* the most that those who waited when the last read began demand */
    bool shared;             /* in the table, so that others may join */
    bool refresh;            /* began as one */
    bool missed;             /* counted as a miss */
    bool early;              /* what it found is to be refreshed */
    bool reading;            /* a read below was begun and has not ended */
    bool closed;             /* the key was invalidated since */
    bool filling;            /* the fill was sent */
    bool queued;             /* for its load */
    bool loaded;             /* result is of a load of this flight */
    bool filled;             /* and was stored in Redis */
    uint64_t started_us;
    uint64_t mark; /* of the near cache, before the last read below */
    uint64_t token, floor;
    struct fr_backoff pause;
    struct fr_loading *loading; /* owned once it has ended */
    struct fr_read_result result;
    /* A value past its soft expiry, for want of better. */
    struct fr_buffer old_payload;
    enum fr_value_kind old_kind;
    uint64_t old_version, old_filled_us;
    bool old_near; /* it is of the near cache */
    char message[FR_ERROR_MESSAGE_BYTES];
};

/* Without a comment: set before the loop learns of it, then never changed. */
struct fr_cache {
    struct fr_cache_options options; /* its texts are not kept */
    struct fr_loop *loop;
    struct fr_shared_cache *shared;
    struct fr_near_cache *near; /* NULL: none */
    struct fr_distribution *load_times, *invalidation_delays; /* NULL without metrics */
    struct fr_siphash_secret secret;
    _Atomic uint64_t counts[FR_COUNTS];
    struct fr_flight *buckets[FR_FLIGHT_BUCKETS]; /* loop thread only, as the next four */
    struct fr_flight *newest;
    struct fr_flight *first_queued, *last_queued;
    bool sweeping;
    bool stopping;
    struct fr_task sweep, stop;
    pthread_mutex_t mu;
    pthread_cond_t changed;
    struct fr_cache_kind *kinds; /* guarded by mu */
    bool stopped;                /* guarded by mu */
    bool idle;                   /* guarded by mu: stopped, and nothing is under way */
};

static inline void fr_count(struct fr_cache *self, enum fr_cache_count count, uint64_t more)
{
    atomic_fetch_add_explicit(&self->counts[count], more, memory_order_relaxed);
}

static inline uint64_t fr_counted(const struct fr_cache *self, enum fr_cache_count count)
{
    return atomic_load_explicit(&self->counts[count], memory_order_relaxed);
}

static inline struct fr_bytes fr_key_bytes(const struct fr_key *key)
{
    return (struct fr_bytes){.data = (const uint8_t *)key->text, .size = key->size};
}

/* cache.c */

void fr_readers_add(struct fr_readers *self, struct fr_reader *reader);
void fr_reader_unref(struct fr_reader *self);
/* After something ended: whoever waits for the end of all is told. */
void fr_cache_settle(struct fr_cache *self);

/* kind.c */

/* "user 'user-999' does not exist", for the key user:user-999. */
void fr_not_found_message(char *out, size_t size, const struct fr_cache_kind *kind, struct fr_bytes key);
/* How long values of that sort are fresh, and kept at all. */
uint64_t fr_kind_ttl_us(const struct fr_cache_kind *kind, bool found);
uint64_t fr_kind_life_us(const struct fr_cache_kind *kind, bool found);

/* flights.c */

/* Joins each reader to the flight of its key, or starts one. */
void fr_flights_begin(struct fr_cache *self, struct fr_readers readers);
/* Nobody who comes from here on is answered with what is being read now, nor anybody with an old value. key.data NULL: of
 * no key. */
void fr_flights_close(struct fr_cache *self, struct fr_bytes key);
/* The flight is over: answers who is content with result, starts another for the others, and frees it. */
void fr_flight_end(struct fr_flight *flight, const struct fr_read_result *result, const struct fr_read_result *failure);
/* Newcomers no longer find it. */
void fr_flight_unshare(struct fr_flight *flight);
/* Posted by flights with deadlines; runs while there are any. */
void fr_flights_sweep(struct fr_task *task);

/* flight.c */

void fr_flight_feed(struct fr_flight *self, enum fr_read_event_kind event);
/* To be called before each read below: takes the mark and the demands of those who wait. */
void fr_flight_begin_reading(struct fr_flight *self);
/* The load ended as loading->result says. */
void fr_flight_loaded(struct fr_flight *self);
/* It cannot be loaded; what failure refers to lives as long as the flight. */
void fr_flight_fail_load(struct fr_flight *self, const struct fr_read_result *failure);

/* loads.c */

/* The flight wants its load: at once, or together with those of its group, or when there is room. */
void fr_loads_want(struct fr_flight *flight);
/* The flight does not load, or not soon: its group need not wait for it. */
void fr_group_leave(struct fr_flight *flight);
/* With the one reference that the start holds. */
struct fr_group *fr_group_new(void);
void fr_group_release(struct fr_group *group);
/* NULL is fine; it has ended. */
void fr_loading_free(struct fr_loading *loading);
/* How long the flight may wait for a load of its own or of somebody else. */
uint64_t fr_loads_patience_us(const struct fr_flight *flight);
/* Ends the flight's wait for its load: it is overdue. true: it was waiting, and the flight is fed. */
bool fr_loads_give_up(struct fr_flight *flight, uint64_t now_us);
/* The same if nobody waits for the flight any more, where the kind has its loads cancelled then. */
bool fr_loads_leave(struct fr_flight *flight);
/* Refuses all that wait for room. */
void fr_loads_stop(struct fr_cache *self);

#endif
