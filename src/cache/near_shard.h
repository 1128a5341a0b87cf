/* SPDX-License-Identifier: MIT */
/*
 * near_shard.h - internal to the near cache: one shard, its table, its two SIEVE queues and its memory.
 *
 * Functions named _locked need mu. Lookups need no lock, but a section of the cache's readers.
 */
#ifndef FR_CACHE_NEAR_SHARD_H
#define FR_CACHE_NEAR_SHARD_H

#include <pthread.h>

#include "base/siphash.h"
#include "cache/near_arena.h"
#include "cache/near_cache.h"
#include "cache/near_readers.h"
#include "cache/near_table.h"

/* Invalidation counters of a shard. */
#define FR_NEAR_COUNTERS 256

/* What every block of the arena starts with; the first member belongs to the arena. */
struct fr_near_block {
    uint32_t arena;
    union {
        fr_near_offset newer;   /* of an entry in a queue or in dead; guarded by mu */
        fr_near_offset waiting; /* the next block in limbo */
    };
    union {
        fr_near_offset older; /* of an entry in a queue; guarded by mu */
        uint32_t stamp;       /* of a block in limbo */
    };
    _Atomic uint32_t references; /* one for the shard, one for each fr_near_hit_keep */
};

/* Nothing but visited and the block changes once it is linked. */
struct fr_near_item {
    struct fr_near_block block;
    uint32_t payload_size;
    uint32_t filled_before_ms; /* the hard expiry */
    uint64_t version;
    uint64_t hard_expiry_us;
    uint32_t soft_before_ms; /* the hard expiry; rounded up */
    uint16_t key_size;
    bool found;
    _Atomic bool visited;
    uint8_t bytes[]; /* the key, then the payload */
};

/* One queue of SIEVE. */
struct fr_near_queue {
    fr_near_offset newest, oldest;
    fr_near_offset hand; /* 0: at the oldest */
    uint32_t count;
    uint32_t units;
};

/* A first-in first-out list of blocks. */
struct fr_near_list {
    fr_near_offset first, last;
    uint32_t units;
};

struct fr_near_shard {
    /* What lookups read: it changes rarely. */
    alignas(FR_NEAR_LINE_BYTES) _Atomic uint64_t table; /* the groups' offset, and the mask above it */
    _Atomic uint64_t generation; /* the cache's drops that it has carried out; its entries count only while equal */
    uint8_t *base; /* aligned as groups are */
    struct fr_siphash_secret secret;
    struct fr_near_readers *readers;

    alignas(FR_NEAR_LINE_BYTES) pthread_mutex_t mu;
    struct fr_near_queue queues[2]; /* not found, found; guarded by mu, as is all that follows */
    fr_near_offset table_block;
    struct fr_near_list dead;       /* entries of earlier generations, linked by newer */
    struct fr_near_list limbo;      /* unlinked blocks that a reader may still see */
    struct fr_near_statistics statistics;
    struct fr_near_arena arena;
    _Atomic uint64_t counters[FR_NEAR_COUNTERS]; /* written with mu, read without */
};

/* A key with its hash. */
struct fr_near_key {
    struct fr_bytes bytes;
    uint64_t hash;
};

/* secret, readers and the size bytes at base are borrowed for its life. */
void fr_near_shard_init(struct fr_near_shard *self, struct fr_near_readers *readers, struct fr_siphash_secret secret,
                        void *base, size_t size);
void fr_near_shard_fini(struct fr_near_shard *self);

/* The item of key, or NULL. Within a section; generation is the cache's number of drops, read before. */
struct fr_near_item *fr_near_shard_find(const struct fr_near_shard *self, struct fr_near_key key, uint64_t generation);

static inline _Atomic uint64_t *fr_near_shard_counter(struct fr_near_shard *self, uint64_t hash)
{
    return &self->counters[(hash >> 40) % FR_NEAR_COUNTERS];
}

/* Empties the shard if drops is beyond its generation. */
void fr_near_shard_follow_locked(struct fr_near_shard *self, uint64_t drops);
/* The mark was checked. */
enum fr_near_insert fr_near_shard_insert_locked(struct fr_near_shard *self, struct fr_near_key key,
                                                const struct fr_near_entry *entry, uint64_t now_us);
/* Removes the item of key if its version is below version and its hard expiry at most expired_us. */
bool fr_near_shard_remove_locked(struct fr_near_shard *self, struct fr_near_key key, uint64_t version,
                                 uint64_t expired_us);
/* Gives one reference back; without a lock. */
void fr_near_shard_unref(struct fr_near_shard *self, struct fr_near_item *item);

static inline struct fr_near_item *fr_near_item_at(const struct fr_near_shard *self, fr_near_offset offset)
{
    return fr_near_at(self->base, offset);
}

static inline struct fr_near_table fr_near_shard_table(const struct fr_near_shard *self)
{
    uint64_t packed = atomic_load(&self->table);
    return (struct fr_near_table){.groups = fr_near_at(self->base, (fr_near_offset)packed), .mask = packed >> 32};
}

#endif
