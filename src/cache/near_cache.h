/* SPDX-License-Identifier: MIT */
/*
 * near_cache.h - a cache within the process: keys to serialized values, bounded in bytes, that never brings back what
 * was invalidated. For any C program: it knows no Redis and no RPC.
 *
 *     uint64_t mark = fr_near_cache_mark(cache, key);             before the value is read from wherever it lives
 *     …read it…
 *     fr_near_cache_insert(cache, key, mark, &value, now_us);     refused if key was invalidated since
 *
 *     struct fr_near_hit hit;
 *     if (fr_near_cache_get(cache, key, now_us, &hit)) {
 *         …use hit.payload, which nobody copied…
 *         fr_near_hit_release(&hit);
 *     }
 *
 * Coherence. A stripe of keys has a counter, which every invalidation of one of them moves. The mark is the counter's
 * value; an insert compares it and links the value in one step, under the lock of the shard. So a value that was read
 * before its invalidation, but arrives after it, is refused. Once fr_near_cache_invalidate(key, version) returned, no
 * reader who starts later gets an older version, unless it was inserted with a mark taken after it. Drops are
 * invalidations of every key. An insert never replaces a newer version by an older one.
 *
 * Readers take no lock: they count themselves in and out on a line of their own, and unlinked memory waits until
 * whoever may look at it has left (near_readers.h). Each shard has a lock for everything that changes it, a fixed
 * share of the memory (near_arena.h), and evicts by SIEVE (Zhang, Yang, Yue, Vigfusson, Rashmi: "SIEVE is simpler than
 * LRU", NSDI 2024): a hit sets a bit, and sets it only if it is clear, so hits of a hot key write nothing shared.
 * Keys are hashed with a secret. Figures and reasons: docs/decisions/0008-near-cache.md.
 *
 * Times are those of fr_clock_now_us, handed in by the caller. Everything here is thread-safe but new and free.
 */
#ifndef FR_CACHE_NEAR_CACHE_H
#define FR_CACHE_NEAR_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

/* Below this a cache has no room for anything useful. */
#define FR_NEAR_CACHE_MIN_BYTES ((size_t)256 * 1024)
#define FR_NEAR_KEY_MAX_BYTES   4096
/* No entry is kept longer than this after it was filled. */
#define FR_NEAR_MAX_TTL_US (UINT64_C(49) * 24 * 3600 * 1000000)

struct fr_near_cache;
struct fr_near_value;

struct fr_near_cache_options {
    size_t bytes;    /* everything counted but the code; at least FR_NEAR_CACHE_MIN_BYTES */
    unsigned shards; /* a power of two up to 256; 0: 16, if they have 256 KiB to 512 MiB each */
};

/* What to insert. The payload is borrowed for the call only. */
struct fr_near_entry {
    bool found; /* false: it is known that there is no value, and payload is empty */
    uint64_t version;
    uint64_t filled_us;      /* when the value was read; may lie before now */
    uint64_t soft_expiry_us; /* when it should be refreshed; kept up to 1 ms early */
    uint64_t hard_expiry_us; /* never served from here on */
    struct fr_bytes payload;
};

/* What was found. All of it is borrowed until fr_near_hit_release. */
struct fr_near_hit {
    bool found;
    uint64_t version;
    uint64_t filled_us; /* within 1 ms */
    uint64_t soft_expiry_us;
    uint64_t hard_expiry_us;
    struct fr_bytes payload;
    /* Of the cache. */
    struct fr_near_cache *cache;
    void *entry;
    uint8_t stripe, parity;
};

enum fr_near_insert {
    FR_NEAR_INSERTED,
    FR_NEAR_MOVED,     /* invalidated or dropped since the mark */
    FR_NEAR_OLDER,     /* a newer version is here */
    FR_NEAR_EXPIRED,   /* its hard expiry has passed */
    FR_NEAR_TOO_LARGE, /* the entry would take more than an eighth of its shard, or the key is too long */
    FR_NEAR_NO_ROOM,   /* what could make room is being read */
};

struct fr_near_statistics {
    uint64_t hits, misses;
    uint64_t inserts;
    uint64_t refused;     /* inserts that were not FR_NEAR_INSERTED */
    uint64_t evictions;   /* for room, before their expiry */
    uint64_t expirations; /* removed when found past their hard expiry */
    uint64_t removals;    /* by fr_near_cache_invalidate */
    uint64_t drops;
    uint64_t entries;
    uint64_t not_found_entries; /* of entries */
    uint64_t bytes;             /* in use; never above the options' */
    uint64_t capacity_bytes;
};

/*
 * *ret_cache is owned by the caller (fr_near_cache_free). Memory is reserved at once and touched when it is used.
 *   FR_INVALID_ARGUMENT    bytes too small for the number of shards, or too large, or shards no power of two
 *   FR_RESOURCE_EXHAUSTED  no memory
 */
FR_MUST_CHECK enum fr_code fr_near_cache_new(const struct fr_near_cache_options *options,
                                             struct fr_near_cache **ret_cache, struct fr_error *reterr);
/* Every hit was released and every value given back. NULL is fine. */
void fr_near_cache_free(struct fr_near_cache *self);

/*
 * true: *ret_hit holds the entry until fr_near_hit_release, which may come from another thread. While a hit is held no
 * memory of the cache is reclaimed, so hold it for a copy or an encoding, and fr_near_hit_keep for anything longer.
 */
bool fr_near_cache_get(struct fr_near_cache *self, struct fr_bytes key, uint64_t now_us, struct fr_near_hit *ret_hit);
/* The same, but the statistics do not count it: for who looks on behalf of a read that has been counted. */
bool fr_near_cache_peek(struct fr_near_cache *self, struct fr_bytes key, uint64_t now_us,
                        struct fr_near_hit *ret_hit);
void fr_near_hit_release(struct fr_near_hit *hit);

/* A reference to the hit's payload, which outlives the hit and the entry; the caller owes an unref. */
struct fr_near_value *fr_near_hit_keep(const struct fr_near_hit *hit);
struct fr_bytes fr_near_value_payload(const struct fr_near_value *value);
void fr_near_value_unref(struct fr_near_cache *self, struct fr_near_value *value);

/* To be taken before the value is read from below, and handed to the insert. */
uint64_t fr_near_cache_mark(struct fr_near_cache *self, struct fr_bytes key);
/* Everything but FR_NEAR_INSERTED leaves the cache as it was, but for what was evicted to make room. */
enum fr_near_insert fr_near_cache_insert(struct fr_near_cache *self, struct fr_bytes key, uint64_t mark,
                                         const struct fr_near_entry *entry, uint64_t now_us);

/* Makes every mark of key invalid, and removes its entry if that is older than version. true: it removed one. */
bool fr_near_cache_invalidate(struct fr_near_cache *self, struct fr_bytes key, uint64_t version);
/* Empties the cache and makes every mark invalid: one atomic increment. The memory is reclaimed by later inserts. */
void fr_near_cache_drop(struct fr_near_cache *self);

/* visit(context, key, hit) for every entry that is not past its hard expiry; both are borrowed for the call. Entries
 * that come or go meanwhile may be missed. visit must not block, and not release the hit. */
void fr_near_cache_visit(struct fr_near_cache *self, uint64_t now_us,
                         void (*visit)(void *context, struct fr_bytes key, const struct fr_near_hit *hit),
                         void *context);

/* Takes the lock of each shard in turn. */
void fr_near_cache_statistics(struct fr_near_cache *self, struct fr_near_statistics *ret_statistics);

#endif
