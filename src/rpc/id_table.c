/* SPDX-License-Identifier: MIT */
/*
 * id_table.c - a hash table of things that carry a 64-bit id within them.
 */
#include "rpc/id_table.h"

#include <stdlib.h>

#include "base/random.h"

#define FIRST_BITS 4

static size_t index_of(const struct fr_id_table *self, uint64_t id)
{
    return (size_t)((id * self->factor) >> (64 - self->bits));
}

static struct fr_id_entry **bucket_of(const struct fr_id_table *self, uint64_t id)
{
    return &self->buckets[index_of(self, id)];
}

bool fr_id_table_init(struct fr_id_table *self)
{
    *self = (struct fr_id_table){.bits = FIRST_BITS, .factor = fr_random_u64() | 1};
    self->buckets = calloc((size_t)1 << FIRST_BITS, sizeof self->buckets[0]);
    return self->buckets != NULL;
}

void fr_id_table_fini(struct fr_id_table *self)
{
    free(self->buckets);
}

static void grow(struct fr_id_table *self)
{
    struct fr_id_table grown = *self;
    grown.bits++;
    grown.buckets = calloc((size_t)1 << grown.bits, sizeof grown.buckets[0]);
    if (grown.buckets == NULL) {
        return;
    }
    for (size_t i = 0; i < (size_t)1 << self->bits; i++) {
        while (self->buckets[i] != NULL) {
            struct fr_id_entry *entry = self->buckets[i];
            struct fr_id_entry **to = bucket_of(&grown, entry->id);
            self->buckets[i] = entry->next;
            entry->next = *to;
            *to = entry;
        }
    }
    free(self->buckets);
    *self = grown;
}

void fr_id_table_insert(struct fr_id_table *self, struct fr_id_entry *entry)
{
    if (++self->count > (size_t)1 << self->bits) {
        grow(self);
    }
    struct fr_id_entry **bucket = bucket_of(self, entry->id);
    entry->next = *bucket;
    *bucket = entry;
}

struct fr_id_entry *fr_id_table_find(const struct fr_id_table *self, uint64_t id)
{
    struct fr_id_entry *entry = *bucket_of(self, id);
    while (entry != NULL && entry->id != id) {
        entry = entry->next;
    }
    return entry;
}

void fr_id_table_remove(struct fr_id_table *self, struct fr_id_entry *entry)
{
    struct fr_id_entry **link = bucket_of(self, entry->id);
    while (*link != entry) {
        link = &(*link)->next;
    }
    *link = entry->next;
    self->count--;
}

struct fr_id_entry *fr_id_table_next(const struct fr_id_table *self, const struct fr_id_entry *entry)
{
    if (entry != NULL && entry->next != NULL) {
        return entry->next;
    }
    for (size_t i = entry == NULL ? 0 : index_of(self, entry->id) + 1; i < (size_t)1 << self->bits; i++) {
        if (self->buckets[i] != NULL) {
            return self->buckets[i];
        }
    }
    return NULL;
}

struct fr_id_entry *fr_id_table_take_all(struct fr_id_table *self)
{
    struct fr_id_entry *all = NULL;
    for (size_t i = 0; self->count > 0; i++) {
        while (self->buckets[i] != NULL) {
            struct fr_id_entry *entry = self->buckets[i];
            self->buckets[i] = entry->next;
            entry->next = all;
            all = entry;
            self->count--;
        }
    }
    return all;
}
