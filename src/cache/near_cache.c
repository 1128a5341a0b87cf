/* SPDX-License-Identifier: MIT */
/*
 * near_cache.c - a cache within the process: what spans the shards.
 *
 * One mapping holds all of it: this struct, the shards, and the memory of each shard.
 */
#include "cache/near_cache.h"

#include <string.h>
#include <sys/mman.h>

#include "base/random.h"
#include "cache/near_shard.h"

#define DEFAULT_SHARDS       16
#define MAX_SHARDS           256
#define COMFORTABLE_SHARD    ((size_t)256 * 1024)
#define MIN_SHARD_BYTES      ((size_t)64 * 1024)

struct fr_near_cache {
    size_t bytes; /* of the mapping */
    size_t arena_bytes;
    unsigned shard_count;
    uint8_t *arenas;
    struct fr_siphash_secret secret;
    alignas(FR_NEAR_LINE_BYTES) _Atomic uint64_t drops;
    struct fr_near_readers readers;
    struct fr_near_shard shards[];
};

static enum fr_code choose_shards(const struct fr_near_cache_options *options, unsigned *ret_shards,
                                  struct fr_error *reterr)
{
    unsigned shards = options->shards;
    if (shards == 0) {
        shards = DEFAULT_SHARDS;
        while (shards > 1 && options->bytes / shards < COMFORTABLE_SHARD) {
            shards /= 2;
        }
        while (shards < MAX_SHARDS && options->bytes / shards > FR_NEAR_ARENA_MAX_BYTES) {
            shards *= 2;
        }
    }
    if ((shards & (shards - 1)) != 0 || shards > MAX_SHARDS) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "a near cache has a power of two up to %u shards, not %u",
                            MAX_SHARDS, shards);
    }
    size_t least = shards * MIN_SHARD_BYTES < FR_NEAR_CACHE_MIN_BYTES ? FR_NEAR_CACHE_MIN_BYTES
                                                                      : shards * MIN_SHARD_BYTES;
    if (options->bytes < least) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "a near cache of %u shards takes at least %zu bytes, not %zu",
                            shards, least, options->bytes);
    }
    if (options->bytes / shards > FR_NEAR_ARENA_MAX_BYTES) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "a near cache of %u shards takes at most %zu bytes, not %zu",
                            shards, shards * FR_NEAR_ARENA_MAX_BYTES, options->bytes);
    }
    *ret_shards = shards;
    return FR_OK;
}

enum fr_code fr_near_cache_new(const struct fr_near_cache_options *options, struct fr_near_cache **ret_cache,
                               struct fr_error *reterr)
{
    unsigned shards = 0;
    enum fr_code code = choose_shards(options, &shards, reterr);
    if (code != FR_OK) {
        return code;
    }
    size_t fixed = sizeof(struct fr_near_cache) + shards * sizeof(struct fr_near_shard);
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *memory = mmap(NULL, options->bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (memory == MAP_FAILED) {
        return fr_error_no_memory(reterr);
    }
    /* Lookups go anywhere: without large pages most would also miss the translation buffer. A hint only. */
    madvise(memory, options->bytes, MADV_HUGEPAGE);
    struct fr_near_cache *self = memory;
    self->bytes = options->bytes;
    self->shard_count = shards;
    self->arena_bytes = (options->bytes - fixed) / shards / FR_NEAR_GROUP_BYTES * FR_NEAR_GROUP_BYTES;
    self->arenas = (uint8_t *)memory + fixed;
    self->secret = (struct fr_siphash_secret){.low = fr_random_u64(), .high = fr_random_u64()};
    for (unsigned i = 0; i < shards; i++) {
        fr_near_shard_init(&self->shards[i], &self->readers, self->secret, self->arenas + i * self->arena_bytes,
                           self->arena_bytes);
    }
    *ret_cache = self;
    return FR_OK;
}

void fr_near_cache_free(struct fr_near_cache *self)
{
    if (self == NULL) {
        return;
    }
    for (unsigned i = 0; i < self->shard_count; i++) {
        fr_near_shard_fini(&self->shards[i]);
    }
    munmap(self, self->bytes);
}

static struct fr_near_key hash_key(const struct fr_near_cache *self, struct fr_bytes key)
{
    return (struct fr_near_key){.bytes = key, .hash = fr_siphash(self->secret, key)};
}

/* The counters of a shard and its buckets use other bits of the hash. */
static struct fr_near_shard *shard_of(struct fr_near_cache *self, uint64_t hash)
{
    return &self->shards[(hash >> 48) & (self->shard_count - 1)];
}

static void describe(struct fr_near_cache *self, struct fr_near_item *item, struct fr_near_section section,
                     struct fr_near_hit *ret_hit)
{
    *ret_hit = (struct fr_near_hit){
        .found = item->found,
        .version = item->version,
        .filled_us = item->hard_expiry_us - item->filled_before_ms * UINT64_C(1000),
        .soft_expiry_us = item->hard_expiry_us - item->soft_before_ms * UINT64_C(1000),
        .hard_expiry_us = item->hard_expiry_us,
        .payload = {.data = item->bytes + item->key_size, .size = item->payload_size},
        .cache = self,
        .entry = item,
        .stripe = section.stripe,
        .parity = section.parity,
    };
}

static void remove_expired(struct fr_near_shard *shard, struct fr_near_key key, uint64_t now_us)
{
    pthread_mutex_lock(&shard->mu);
    if (fr_near_shard_remove_locked(shard, key, UINT64_MAX, now_us)) {
        shard->statistics.expirations++;
    }
    pthread_mutex_unlock(&shard->mu);
}

/* One copy for each value of counted, which is constant. */
static inline __attribute__((always_inline)) bool look_up(struct fr_near_cache *self, struct fr_bytes bytes,
                                                          uint64_t now_us, bool counted,
                                                          struct fr_near_hit *ret_hit)
{
    struct fr_near_key key = hash_key(self, bytes);
    struct fr_near_shard *shard = shard_of(self, key.hash);
    /* Only a hint, so it may come before the section, and overlap with the fence in it. */
    struct fr_near_table table = fr_near_shard_table(shard);
    __builtin_prefetch(&table.groups[key.hash & table.mask]);
    struct fr_near_section section = fr_near_enter(&self->readers);
    struct fr_near_stripe *stripe = &self->readers.stripes[section.stripe];
    if (!counted) {
        atomic_fetch_add_explicit(&stripe->others, 1, memory_order_relaxed);
    }
    struct fr_near_item *item = fr_near_shard_find(shard, key, atomic_load(&self->drops));
    if (item != NULL && item->hard_expiry_us > now_us) {
        if (!atomic_load_explicit(&item->visited, memory_order_relaxed)) {
            atomic_store_explicit(&item->visited, true, memory_order_relaxed);
        }
        describe(self, item, section, ret_hit);
        return true;
    }
    fr_near_leave(&self->readers, section);
    if (counted) {
        atomic_fetch_add_explicit(&stripe->misses, 1, memory_order_relaxed);
    }
    if (item != NULL) {
        remove_expired(shard, key, now_us);
    }
    return false;
}

bool fr_near_cache_get(struct fr_near_cache *self, struct fr_bytes key, uint64_t now_us,
                       struct fr_near_hit *ret_hit)
{
    return look_up(self, key, now_us, true, ret_hit);
}

bool fr_near_cache_peek(struct fr_near_cache *self, struct fr_bytes key, uint64_t now_us,
                        struct fr_near_hit *ret_hit)
{
    return look_up(self, key, now_us, false, ret_hit);
}

void fr_near_hit_release(struct fr_near_hit *hit)
{
    fr_near_leave(&hit->cache->readers, (struct fr_near_section){.stripe = hit->stripe, .parity = hit->parity});
}

struct fr_near_value *fr_near_hit_keep(const struct fr_near_hit *hit)
{
    struct fr_near_item *item = hit->entry;
    atomic_fetch_add(&item->block.references, 1);
    return (struct fr_near_value *)item;
}

struct fr_bytes fr_near_value_payload(const struct fr_near_value *value)
{
    const struct fr_near_item *item = (const struct fr_near_item *)value;
    return (struct fr_bytes){.data = item->bytes + item->key_size, .size = item->payload_size};
}

void fr_near_value_unref(struct fr_near_cache *self, struct fr_near_value *value)
{
    size_t shard = (size_t)((uint8_t *)value - self->arenas) / self->arena_bytes;
    fr_near_shard_unref(&self->shards[shard], (struct fr_near_item *)value);
}

/*
 * A mark is the sum of two counters that only rise: equal sums mean that neither moved. Read one after the other, they
 * may give a sum that never was; it is then below the true one, and the insert is refused.
 */
uint64_t fr_near_cache_mark(struct fr_near_cache *self, struct fr_bytes key)
{
    uint64_t hash = fr_siphash(self->secret, key);
    uint64_t counter = atomic_load(fr_near_shard_counter(shard_of(self, hash), hash));
    return counter + atomic_load(&self->drops);
}

enum fr_near_insert fr_near_cache_insert(struct fr_near_cache *self, struct fr_bytes bytes, uint64_t mark,
                                         const struct fr_near_entry *entry, uint64_t now_us)
{
    struct fr_near_key key = hash_key(self, bytes);
    struct fr_near_shard *shard = shard_of(self, key.hash);
    pthread_mutex_lock(&shard->mu);
    /* A drop from here on is beyond the shard's generation, so that what is linked now is not found after it. */
    uint64_t drops = atomic_load(&self->drops);
    enum fr_near_insert result = FR_NEAR_MOVED;
    if (atomic_load(fr_near_shard_counter(shard, key.hash)) + drops == mark) {
        fr_near_shard_follow_locked(shard, drops);
        result = fr_near_shard_insert_locked(shard, key, entry, now_us);
    }
    if (result == FR_NEAR_INSERTED) {
        shard->statistics.inserts++;
    } else {
        shard->statistics.refused++;
    }
    pthread_mutex_unlock(&shard->mu);
    return result;
}

bool fr_near_cache_invalidate(struct fr_near_cache *self, struct fr_bytes bytes, uint64_t version)
{
    struct fr_near_key key = hash_key(self, bytes);
    struct fr_near_shard *shard = shard_of(self, key.hash);
    pthread_mutex_lock(&shard->mu);
    atomic_fetch_add(fr_near_shard_counter(shard, key.hash), 1);
    fr_near_shard_follow_locked(shard, atomic_load(&self->drops));
    bool removed = fr_near_shard_remove_locked(shard, key, version, UINT64_MAX);
    shard->statistics.removals += removed;
    pthread_mutex_unlock(&shard->mu);
    return removed;
}

void fr_near_cache_drop(struct fr_near_cache *self)
{
    atomic_fetch_add(&self->drops, 1);
}

typedef void visit_function(void *context, struct fr_bytes key, const struct fr_near_hit *hit);

static void visit_group(struct fr_near_cache *self, const struct fr_near_shard *shard, struct fr_near_group *group,
                        uint64_t now_us, visit_function *visit, void *context)
{
    for (unsigned i = 0; i < FR_NEAR_GROUP_SLOTS; i++) {
        fr_near_offset offset = fr_near_slot_offset(atomic_load(&group->slots[i]));
        struct fr_near_item *item = offset != 0 ? fr_near_item_at(shard, offset) : NULL;
        if (item != NULL && item->hard_expiry_us > now_us) {
            struct fr_near_hit hit;
            describe(self, item, (struct fr_near_section){0}, &hit);
            visit(context, (struct fr_bytes){.data = item->bytes, .size = item->key_size}, &hit);
        }
    }
}

void fr_near_cache_visit(struct fr_near_cache *self, uint64_t now_us, visit_function *visit, void *context)
{
    for (unsigned i = 0; i < self->shard_count; i++) {
        struct fr_near_shard *shard = &self->shards[i];
        struct fr_near_section section = fr_near_enter(&self->readers);
        atomic_fetch_add_explicit(&self->readers.stripes[section.stripe].others, 1, memory_order_relaxed);
        uint64_t drops = atomic_load(&self->drops);
        if (atomic_load(&shard->generation) == drops) {
            struct fr_near_table table = fr_near_shard_table(shard);
            for (size_t group = 0; group <= table.mask; group++) {
                visit_group(self, shard, &table.groups[group], now_us, visit, context);
            }
        }
        fr_near_leave(&self->readers, section);
    }
}

static void add_shard(struct fr_near_cache *self, struct fr_near_shard *shard, struct fr_near_statistics *sum)
{
    pthread_mutex_lock(&shard->mu);
    fr_near_shard_follow_locked(shard, atomic_load(&self->drops));
    sum->inserts += shard->statistics.inserts;
    sum->refused += shard->statistics.refused;
    sum->evictions += shard->statistics.evictions;
    sum->expirations += shard->statistics.expirations;
    sum->removals += shard->statistics.removals;
    sum->entries += shard->queues[false].count + shard->queues[true].count;
    sum->not_found_entries += shard->queues[false].count;
    sum->bytes += (uint64_t)shard->arena.used * FR_NEAR_UNIT_BYTES;
    pthread_mutex_unlock(&shard->mu);
}

void fr_near_cache_statistics(struct fr_near_cache *self, struct fr_near_statistics *ret_statistics)
{
    struct fr_near_statistics sum = {
        .drops = atomic_load(&self->drops),
        .bytes = (uint64_t)(self->arenas - (uint8_t *)self),
        .capacity_bytes = self->bytes,
    };
    uint64_t lookups = 0;
    for (unsigned i = 0; i < FR_NEAR_STRIPES; i++) {
        struct fr_near_stripe *stripe = &self->readers.stripes[i];
        sum.misses += atomic_load(&stripe->misses);
        lookups += atomic_load(&stripe->entered[0]) + atomic_load(&stripe->entered[1]);
        lookups -= atomic_load(&stripe->others);
    }
    for (unsigned i = 0; i < self->shard_count; i++) {
        add_shard(self, &self->shards[i], &sum);
    }
    sum.hits = lookups > sum.misses ? lookups - sum.misses : 0;
    *ret_statistics = sum;
}
