/* SPDX-License-Identifier: MIT */
/*
 * near_arena.h - internal to the near cache: an allocator within one fixed region of memory.
 *
 * A segregated good fit with constant-time allocation and immediate coalescing, after TLSF (Masmano, Ripoll,
 * Crespo, Real: "TLSF: a new dynamic memory allocator for real-time systems", ECRTS 2004), with one bit map over all
 * classes. Memory is named by 32-bit offsets, and a block costs 4 bytes beyond its content: with malloc and pointers
 * an entry of the near cache would carry about 30 bytes more. Not thread-safe.
 */
#ifndef FR_CACHE_NEAR_ARENA_H
#define FR_CACHE_NEAR_ARENA_H

#include <stddef.h>
#include <stdint.h>

#define FR_NEAR_UNIT_BYTES 8u
/* The first bytes of every block are the arena's; the content follows. */
#define FR_NEAR_BLOCK_HEADER_BYTES 4u

/* Each power of two holds 32 classes, so that blocks below 512 bytes are found by their exact size. */
#define FR_NEAR_CLASS_BITS 5
#define FR_NEAR_SIZE_BITS  26
#define FR_NEAR_CLASSES    ((FR_NEAR_SIZE_BITS - FR_NEAR_CLASS_BITS + 1) << FR_NEAR_CLASS_BITS)

/* 512 MiB. */
#define FR_NEAR_ARENA_MAX_BYTES (((size_t)1 << FR_NEAR_SIZE_BITS) * FR_NEAR_UNIT_BYTES - FR_NEAR_UNIT_BYTES)

/* A block: its distance from the base in units; 0 is none. */
typedef uint32_t fr_near_offset;

struct fr_near_arena {
    uint8_t *base;  /* borrowed; aligned to a unit */
    uint32_t units; /* of the whole region */
    uint32_t used;  /* units in allocated blocks */
    uint64_t bitmap[(FR_NEAR_CLASSES + 63) / 64]; /* which classes have free blocks */
    fr_near_offset heads[FR_NEAR_CLASSES];
};

/* base is borrowed for the life of self; size is at least 64 and at most FR_NEAR_ARENA_MAX_BYTES. */
void fr_near_arena_init(struct fr_near_arena *self, void *base, size_t size);
/* Gives the sanitizers back what the arena marked unusable; the region can be returned after it. */
void fr_near_arena_fini(struct fr_near_arena *self);

/* A block of at least size bytes, the header included; 0 when there is none. The content is not cleared. */
fr_near_offset fr_near_arena_alloc(struct fr_near_arena *self, size_t size);
void fr_near_arena_free(struct fr_near_arena *self, fr_near_offset block);
/* What an allocated block takes, in units. */
uint32_t fr_near_arena_units_of(const struct fr_near_arena *self, fr_near_offset block);
/* The units that an allocation of size bytes takes (now and then one more, where a rest would be too small). */
static inline size_t fr_near_units_for(size_t size)
{
    size_t units = (size + FR_NEAR_UNIT_BYTES - 1) / FR_NEAR_UNIT_BYTES;
    return units < 2 ? 2 : units;
}

static inline void *fr_near_at(uint8_t *base, fr_near_offset block)
{
    return base + (size_t)block * FR_NEAR_UNIT_BYTES;
}

#endif
