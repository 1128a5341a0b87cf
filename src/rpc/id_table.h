/* SPDX-License-Identifier: MIT */
/*
 * id_table.h - a hash table of things that carry a 64-bit id within them. Not thread-safe.
 *
 * Chained, at most about one entry a bucket. Multiply-shift hashing with a random odd factor (Dietzfelbinger et al.,
 * "A reliable randomized algorithm for the closest-pair problem", 1997), since a peer may choose the ids.
 */
#ifndef FR_RPC_ID_TABLE_H
#define FR_RPC_ID_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Part of the caller's struct. */
struct fr_id_entry {
    uint64_t id;
    struct fr_id_entry *next;
};

struct fr_id_table {
    struct fr_id_entry **buckets; /* owned */
    unsigned bits;                /* log2 of their number */
    size_t count;
    uint64_t factor;
};

/* false: no memory. */
bool fr_id_table_init(struct fr_id_table *self);
/* The entries are not touched. Zeroed memory is fine. */
void fr_id_table_fini(struct fr_id_table *self);

/* entry->id is set. Of several with one id, find gives any. Without memory to grow the chains just get longer. */
void fr_id_table_insert(struct fr_id_table *self, struct fr_id_entry *entry);
/* NULL when there is none. */
struct fr_id_entry *fr_id_table_find(const struct fr_id_table *self, uint64_t id);
/* entry is in the table. */
void fr_id_table_remove(struct fr_id_table *self, struct fr_id_entry *entry);
/* The entry after this one, in no particular order; with NULL the first. NULL at the end. */
struct fr_id_entry *fr_id_table_next(const struct fr_id_table *self, const struct fr_id_entry *entry);
/* Empties the table; the entries hang together by their next. */
struct fr_id_entry *fr_id_table_take_all(struct fr_id_table *self);

#endif
