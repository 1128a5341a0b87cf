/* SPDX-License-Identifier: MIT */
/*
 * near_table.h - internal to the near cache: hash to item, in groups of one cache line.
 *
 * Open addressing by groups, after F14 (Bronson, Shi: "Open-sourcing F14", 2019): a key's items stand in the group
 * that its hash names, or, if that was full, in the next one with room. Each group counts the items that went past
 * it, so a lookup ends at the first group with none, and removals leave nothing behind. A slot holds the offset of an
 * item and 6 bits of its hash, so a lookup mostly touches one line here and only the item it wants.
 *
 * Lookups run beside one writer: slots are atomic, an item never moves within a table, and passing it is counted
 * before it can be found, so that an item that is there all the time is always found.
 */
#ifndef FR_CACHE_NEAR_TABLE_H
#define FR_CACHE_NEAR_TABLE_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "cache/near_arena.h"

#define FR_NEAR_GROUP_BYTES 64
#define FR_NEAR_GROUP_SLOTS 15

struct fr_near_group {
    alignas(FR_NEAR_GROUP_BYTES) _Atomic uint32_t slots[FR_NEAR_GROUP_SLOTS]; /* 0: empty */
    _Atomic uint32_t passed; /* items whose search goes through here to a later group */
};

/* A table; groups is borrowed. Copied freely. */
struct fr_near_table {
    struct fr_near_group *groups;
    size_t mask; /* the number of groups, a power of two, less one */
};

/* What a slot holds for an item: the low bits are its offset. The hash's top bits serve nothing else. */
static inline uint32_t fr_near_slot_of(fr_near_offset offset, uint64_t hash)
{
    return (uint32_t)(hash >> (32 + FR_NEAR_SIZE_BITS)) << FR_NEAR_SIZE_BITS | offset;
}

static inline fr_near_offset fr_near_slot_offset(uint32_t slot)
{
    return slot & ((UINT32_C(1) << FR_NEAR_SIZE_BITS) - 1);
}

/* Walks the items that may have the hash: zeroed but for table and hash at first. */
struct fr_near_search {
    struct fr_near_table table;
    uint64_t hash;
    size_t probe;   /* groups passed */
    unsigned index; /* of the next slot in the group */
};

/* The next item's offset, or 0. */
static inline fr_near_offset fr_near_search_next(struct fr_near_search *self)
{
    uint32_t tag = fr_near_slot_of(0, self->hash);
    for (;;) {
        struct fr_near_group *group = &self->table.groups[(self->hash + self->probe) & self->table.mask];
        while (self->index < FR_NEAR_GROUP_SLOTS) {
            uint32_t offset = atomic_load(&group->slots[self->index++]) ^ tag;
            /* Empty slots look like items of tag 0 at offset 0. */
            if (offset >> FR_NEAR_SIZE_BITS == 0 && offset != 0) {
                return offset;
            }
        }
        if (atomic_load(&group->passed) == 0 || self->probe == self->table.mask) {
            return 0;
        }
        self->probe++;
        self->index = 0;
    }
}

/* Adds an item. There must be an empty slot. */
void fr_near_table_add(struct fr_near_table self, uint64_t hash, fr_near_offset offset);
/* Puts an item where another of the same hash is, so that a lookup finds one of them at any time. */
void fr_near_table_replace(struct fr_near_table self, uint64_t hash, fr_near_offset old, fr_near_offset offset);
/* Takes out an item that is there. */
void fr_near_table_remove(struct fr_near_table self, uint64_t hash, fr_near_offset offset);
/* Makes it empty. */
void fr_near_table_clear(struct fr_near_table self);

#endif
