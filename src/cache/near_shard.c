/* SPDX-License-Identifier: MIT */
/*
 * near_shard.c - one shard of the near cache.
 *
 * A block is in one of these states: linked (in the table and in a queue), dead (in no table since a drop, waiting for
 * room to be wanted), in limbo (unlinked, with a stamp), kept (past its limbo, but referenced) or free. Lookups may
 * stand on it in all but the last two.
 */
#include "cache/near_shard.h"

#include <string.h>

/* Items per group from which on the table grows: one in eight is then beyond its own group. */
#define GROW_AT 12
/* Items per group that are never exceeded, so that searches stay short where there is no room to grow. */
#define FULL_AT 14
#define FIRST_GROUPS 4
/* An entry may take this part of the shard, and all entries that are not found together. */
#define SHARE 8
/* Attempts to outwait readers who hold what was evicted: sections take well below a microsecond. */
#define PATIENCE 64

static uint32_t units_of(const struct fr_near_shard *self, fr_near_offset block)
{
    return fr_near_arena_units_of(&self->arena, block);
}

static fr_near_offset offset_of(const struct fr_near_shard *self, const void *block)
{
    return (fr_near_offset)(((const uint8_t *)block - self->base) / FR_NEAR_UNIT_BYTES);
}

static struct fr_near_queue *queue_of(struct fr_near_shard *self, const struct fr_near_item *item)
{
    return &self->queues[item->found];
}

/* Queues and lists. */

static void queue_push(struct fr_near_shard *self, struct fr_near_item *item)
{
    struct fr_near_queue *queue = queue_of(self, item);
    fr_near_offset offset = offset_of(self, item);
    item->block.newer = 0;
    item->block.older = queue->newest;
    if (queue->newest != 0) {
        fr_near_item_at(self, queue->newest)->block.newer = offset;
    } else {
        queue->oldest = offset;
    }
    queue->newest = offset;
    queue->count++;
    queue->units += units_of(self, offset);
}

static void queue_remove(struct fr_near_shard *self, struct fr_near_item *item)
{
    struct fr_near_queue *queue = queue_of(self, item);
    fr_near_offset offset = offset_of(self, item), newer = item->block.newer, older = item->block.older;
    if (queue->hand == offset) {
        queue->hand = newer;
    }
    *(newer != 0 ? &fr_near_item_at(self, newer)->block.older : &queue->newest) = older;
    *(older != 0 ? &fr_near_item_at(self, older)->block.newer : &queue->oldest) = newer;
    queue->count--;
    queue->units -= units_of(self, offset);
}

/* Both links of a list and of a queue's way from the oldest up are at the same place. */
static void list_append(struct fr_near_shard *self, struct fr_near_list *list, fr_near_offset first,
                        fr_near_offset last, uint32_t units)
{
    if (first == 0) {
        return;
    }
    if (list->first == 0) {
        list->first = first;
    } else {
        fr_near_item_at(self, list->last)->block.waiting = first;
    }
    list->last = last;
    list->units += units;
}

static fr_near_offset list_pop(struct fr_near_shard *self, struct fr_near_list *list)
{
    fr_near_offset first = list->first;
    if (first != 0) {
        list->first = fr_near_item_at(self, first)->block.waiting;
        list->units -= units_of(self, first);
    }
    return first;
}

/* Limbo. */

/* The block is unlinked. */
static void retire(struct fr_near_shard *self, fr_near_offset offset)
{
    struct fr_near_block *block = fr_near_at(self->base, offset);
    block->waiting = 0;
    block->stamp = fr_near_epoch(self->readers);
    list_append(self, &self->limbo, offset, offset, units_of(self, offset));
}

static bool reclaim_ripe(struct fr_near_shard *self)
{
    bool any = false;
    uint32_t epoch = fr_near_epoch(self->readers);
    while (self->limbo.first != 0) {
        fr_near_offset offset = self->limbo.first;
        struct fr_near_block *block = fr_near_at(self->base, offset);
        if (!fr_near_may_free(block->stamp, epoch)) {
            break;
        }
        list_pop(self, &self->limbo);
        if (atomic_fetch_sub(&block->references, 1) == 1) {
            fr_near_arena_free(&self->arena, offset);
            any = true;
        }
    }
    return any;
}

/* true: memory became free. */
static bool reclaim(struct fr_near_shard *self)
{
    if (self->limbo.first == 0) {
        return false;
    }
    bool any = reclaim_ripe(self);
    for (unsigned i = 0; i < 2 && !any; i++) {
        any = fr_near_advance(self->readers) && reclaim_ripe(self);
    }
    return any;
}

void fr_near_shard_unref(struct fr_near_shard *self, struct fr_near_item *item)
{
    if (atomic_fetch_sub(&item->block.references, 1) == 1) {
        pthread_mutex_lock(&self->mu);
        fr_near_arena_free(&self->arena, offset_of(self, item));
        pthread_mutex_unlock(&self->mu);
    }
}

/* The table. */

static bool has_key(const struct fr_near_item *item, struct fr_bytes key)
{
    return item->key_size == key.size && memcmp(item->bytes, key.data, key.size) == 0;
}

struct fr_near_item *fr_near_shard_find(const struct fr_near_shard *self, struct fr_near_key key, uint64_t generation)
{
    if (atomic_load(&self->generation) != generation) {
        return NULL;
    }
    struct fr_near_search search = {.table = fr_near_shard_table(self), .hash = key.hash};
    for (;;) {
        fr_near_offset offset = fr_near_search_next(&search);
        if (offset == 0) {
            return NULL;
        }
        struct fr_near_item *item = fr_near_item_at(self, offset);
        /* Where a value lies is known only once its first line is here: fetch them together. */
        __builtin_prefetch((const uint8_t *)item + 64);
        __builtin_prefetch((const uint8_t *)item + 128);
        if (has_key(item, key.bytes)) {
            return item;
        }
    }
}

static size_t item_count(const struct fr_near_shard *self)
{
    return (size_t)self->queues[false].count + self->queues[true].count;
}

/* Takes a linked item out of the table and its queue. */
static void unlink_item(struct fr_near_shard *self, struct fr_near_item *item, uint64_t hash)
{
    fr_near_offset offset = offset_of(self, item);
    fr_near_table_remove(fr_near_shard_table(self), hash, offset);
    queue_remove(self, item);
    retire(self, offset);
}

/* Groups start at a multiple of their size, after the block's head. */
static bool new_table(struct fr_near_shard *self, size_t groups, fr_near_offset *ret_block,
                      struct fr_near_table *ret_table)
{
    size_t head = sizeof(struct fr_near_block) + FR_NEAR_GROUP_BYTES;
    fr_near_offset block = fr_near_arena_alloc(&self->arena, head + groups * sizeof(struct fr_near_group));
    if (block == 0) {
        return false;
    }
    struct fr_near_block *start = fr_near_at(self->base, block);
    atomic_init(&start->references, 1);
    size_t aligned = ((size_t)block * FR_NEAR_UNIT_BYTES + head) / FR_NEAR_GROUP_BYTES * FR_NEAR_GROUP_BYTES;
    *ret_table = (struct fr_near_table){.groups = (void *)(self->base + aligned), .mask = groups - 1};
    *ret_block = block;
    fr_near_table_clear(*ret_table);
    return true;
}

static void publish_table(struct fr_near_shard *self, fr_near_offset block, struct fr_near_table table)
{
    self->table_block = block;
    atomic_store(&self->table, (uint64_t)table.mask << 32 | offset_of(self, table.groups));
}

/* Lookups go on in the old table, which stays as it is until the new one is complete. false: no room. */
static bool grow(struct fr_near_shard *self)
{
    struct fr_near_table old = fr_near_shard_table(self), table;
    fr_near_offset block, old_block = self->table_block;
    if (!new_table(self, 2 * (old.mask + 1), &block, &table)) {
        return false;
    }
    for (unsigned found = 0; found < 2; found++) {
        fr_near_offset offset = self->queues[found].oldest;
        while (offset != 0) {
            const struct fr_near_item *item = fr_near_item_at(self, offset);
            struct fr_bytes key = {.data = item->bytes, .size = item->key_size};
            fr_near_table_add(table, fr_siphash(self->secret, key), offset);
            offset = item->block.newer;
        }
    }
    publish_table(self, block, table);
    retire(self, old_block);
    reclaim(self);
    return true;
}

void fr_near_shard_follow_locked(struct fr_near_shard *self, uint64_t drops)
{
    if (atomic_load(&self->generation) == drops) {
        return;
    }
    fr_near_table_clear(fr_near_shard_table(self));
    for (unsigned found = 0; found < 2; found++) {
        struct fr_near_queue *queue = &self->queues[found];
        list_append(self, &self->dead, queue->oldest, queue->newest, queue->units);
        *queue = (struct fr_near_queue){0};
    }
    atomic_store(&self->generation, drops);
}

/* Eviction. */

static void remove_item(struct fr_near_shard *self, struct fr_near_item *item)
{
    struct fr_bytes key = {.data = item->bytes, .size = item->key_size};
    unlink_item(self, item, fr_siphash(self->secret, key));
}

/* SIEVE's hand: it moves from the oldest to the newest, clears the bits it meets, and takes the first without one. */
static bool evict(struct fr_near_shard *self, struct fr_near_queue *queue, uint64_t now_us)
{
    if (queue->count == 0) {
        return false;
    }
    fr_near_offset hand = queue->hand != 0 ? queue->hand : queue->oldest;
    struct fr_near_item *item = fr_near_item_at(self, hand);
    while (item->hard_expiry_us > now_us && atomic_load_explicit(&item->visited, memory_order_relaxed)) {
        atomic_store_explicit(&item->visited, false, memory_order_relaxed);
        hand = item->block.newer != 0 ? item->block.newer : queue->oldest;
        item = fr_near_item_at(self, hand);
    }
    queue->hand = hand;
    if (item->hard_expiry_us > now_us) {
        self->statistics.evictions++;
    } else {
        self->statistics.expirations++;
    }
    remove_item(self, item);
    return true;
}

/* What is dead goes first, then what is not found and expired, then what the hand meets among the values. */
static bool evict_any(struct fr_near_shard *self, uint64_t now_us)
{
    fr_near_offset dead = list_pop(self, &self->dead);
    if (dead != 0) {
        retire(self, dead);
        return true;
    }
    struct fr_near_queue *missing = &self->queues[false];
    if (missing->count > 0) {
        struct fr_near_item *oldest = fr_near_item_at(self, missing->oldest);
        if (oldest->hard_expiry_us <= now_us) {
            self->statistics.expirations++;
            remove_item(self, oldest);
            return true;
        }
    }
    return evict(self, &self->queues[true], now_us) || evict(self, missing, now_us);
}

/* 0: readers keep what was evicted from being used. */
static fr_near_offset allocate(struct fr_near_shard *self, size_t size, uint64_t now_us)
{
    unsigned attempts = 0;
    for (;;) {
        fr_near_offset block = fr_near_arena_alloc(&self->arena, size);
        if (block != 0) {
            return block;
        }
        if (reclaim(self)) {
            continue;
        }
        /* With twice the room in limbo already, more evictions would only be lost while a reader is held up. */
        bool more = self->limbo.units < 2 * fr_near_units_for(size) && evict_any(self, now_us);
        if (!more && (self->limbo.first == 0 || ++attempts > PATIENCE)) {
            return 0;
        }
    }
}

/* Room for one more item in the table. */
static void make_slot(struct fr_near_shard *self, uint64_t now_us)
{
    size_t groups = fr_near_shard_table(self).mask + 1;
    if (item_count(self) < groups * GROW_AT || grow(self)) {
        return;
    }
    while (item_count(self) >= groups * FULL_AT) {
        evict_any(self, now_us);
    }
}

/* Operations. */

static uint32_t milliseconds(uint64_t us)
{
    return (uint32_t)((us + 999) / 1000);
}

static void fill_item(struct fr_near_item *item, struct fr_near_key key, const struct fr_near_entry *entry)
{
    uint64_t hard_us = entry->hard_expiry_us;
    uint64_t filled_us = entry->filled_us < hard_us ? entry->filled_us : hard_us;
    if (hard_us - filled_us > FR_NEAR_MAX_TTL_US) {
        hard_us = filled_us + FR_NEAR_MAX_TTL_US;
    }
    uint64_t soft_us = entry->soft_expiry_us < filled_us ? filled_us : entry->soft_expiry_us;
    atomic_init(&item->block.references, 1);
    item->payload_size = (uint32_t)entry->payload.size;
    item->version = entry->version;
    item->hard_expiry_us = hard_us;
    item->filled_before_ms = milliseconds(hard_us - filled_us);
    item->soft_before_ms = soft_us < hard_us ? milliseconds(hard_us - soft_us) : 0;
    item->key_size = (uint16_t)key.bytes.size;
    item->found = entry->found;
    atomic_init(&item->visited, false);
    memcpy(item->bytes, key.bytes.data, key.bytes.size);
    if (entry->payload.size > 0) {
        memcpy(item->bytes + key.bytes.size, entry->payload.data, entry->payload.size);
    }
}

static struct fr_near_item *find_locked(const struct fr_near_shard *self, struct fr_near_key key)
{
    return fr_near_shard_find(self, key, atomic_load(&self->generation));
}

enum fr_near_insert fr_near_shard_insert_locked(struct fr_near_shard *self, struct fr_near_key key,
                                                const struct fr_near_entry *entry, uint64_t now_us)
{
    size_t size = offsetof(struct fr_near_item, bytes) + key.bytes.size + entry->payload.size;
    size_t share = self->arena.units / SHARE;
    if (key.bytes.size > FR_NEAR_KEY_MAX_BYTES || entry->payload.size > UINT32_MAX || fr_near_units_for(size) > share) {
        return FR_NEAR_TOO_LARGE;
    }
    if (entry->hard_expiry_us <= now_us) {
        return FR_NEAR_EXPIRED;
    }
    struct fr_near_item *old = find_locked(self, key);
    if (old != NULL && old->version > entry->version && old->hard_expiry_us > now_us) {
        return FR_NEAR_OLDER;
    }
    struct fr_near_queue *missing = &self->queues[false];
    while (!entry->found && missing->units + fr_near_units_for(size) > share) {
        evict(self, missing, now_us);
    }
    make_slot(self, now_us);
    fr_near_offset offset = allocate(self, size, now_us);
    if (offset == 0) {
        return FR_NEAR_NO_ROOM;
    }
    struct fr_near_item *item = fr_near_item_at(self, offset);
    fill_item(item, key, entry);
    old = find_locked(self, key); /* it may have been evicted for this one */
    if (old != NULL) {
        atomic_init(&item->visited, atomic_load_explicit(&old->visited, memory_order_relaxed));
        fr_near_table_replace(fr_near_shard_table(self), key.hash, offset_of(self, old), offset);
        queue_remove(self, old);
        retire(self, offset_of(self, old));
    } else {
        fr_near_table_add(fr_near_shard_table(self), key.hash, offset);
    }
    queue_push(self, item);
    return FR_NEAR_INSERTED;
}

bool fr_near_shard_remove_locked(struct fr_near_shard *self, struct fr_near_key key, uint64_t version,
                                 uint64_t expired_us)
{
    struct fr_near_item *item = find_locked(self, key);
    if (item == NULL || item->version >= version || item->hard_expiry_us > expired_us) {
        return false;
    }
    unlink_item(self, item, key.hash);
    return true;
}

void fr_near_shard_init(struct fr_near_shard *self, struct fr_near_readers *readers, struct fr_siphash_secret secret,
                        void *base, size_t size)
{
    pthread_mutex_init(&self->mu, NULL);
    self->base = base;
    self->secret = secret;
    self->readers = readers;
    fr_near_arena_init(&self->arena, base, size);
    fr_near_offset block;
    struct fr_near_table table;
    FR_ASSERT(new_table(self, FIRST_GROUPS, &block, &table));
    publish_table(self, block, table);
}

void fr_near_shard_fini(struct fr_near_shard *self)
{
    fr_near_arena_fini(&self->arena);
    pthread_mutex_destroy(&self->mu);
}
