/* SPDX-License-Identifier: MIT */
/*
 * near_table.c - hash to item, in groups of one cache line.
 */
#include "cache/near_table.h"

static struct fr_near_group *group_at(struct fr_near_table self, uint64_t hash, size_t probe)
{
    return &self.groups[(hash + probe) & self.mask];
}

static _Atomic uint32_t *slot_with(struct fr_near_group *group, uint32_t content)
{
    for (unsigned i = 0; i < FR_NEAR_GROUP_SLOTS; i++) {
        if (atomic_load_explicit(&group->slots[i], memory_order_relaxed) == content) {
            return &group->slots[i];
        }
    }
    return NULL;
}

/* The slot with this content on the hash's way, and the groups before it. */
static _Atomic uint32_t *search(struct fr_near_table self, uint64_t hash, uint32_t content, size_t *ret_probes)
{
    size_t probe = 0;
    _Atomic uint32_t *slot;
    while ((slot = slot_with(group_at(self, hash, probe), content)) == NULL) {
        probe++;
    }
    *ret_probes = probe;
    return slot;
}

void fr_near_table_add(struct fr_near_table self, uint64_t hash, fr_near_offset offset)
{
    size_t probes;
    _Atomic uint32_t *slot = search(self, hash, 0, &probes);
    for (size_t i = 0; i < probes; i++) {
        atomic_fetch_add(&group_at(self, hash, i)->passed, 1);
    }
    atomic_store(slot, fr_near_slot_of(offset, hash));
}

void fr_near_table_replace(struct fr_near_table self, uint64_t hash, fr_near_offset old, fr_near_offset offset)
{
    size_t probes;
    atomic_store(search(self, hash, fr_near_slot_of(old, hash), &probes), fr_near_slot_of(offset, hash));
}

void fr_near_table_remove(struct fr_near_table self, uint64_t hash, fr_near_offset offset)
{
    size_t probes;
    atomic_store(search(self, hash, fr_near_slot_of(offset, hash), &probes), 0);
    for (size_t i = 0; i < probes; i++) {
        atomic_fetch_sub(&group_at(self, hash, i)->passed, 1);
    }
}

void fr_near_table_clear(struct fr_near_table self)
{
    for (size_t i = 0; i <= self.mask; i++) {
        for (unsigned k = 0; k < FR_NEAR_GROUP_SLOTS; k++) {
            atomic_store_explicit(&self.groups[i].slots[k], 0, memory_order_relaxed);
        }
        atomic_store_explicit(&self.groups[i].passed, 0, memory_order_relaxed);
    }
}
