/* SPDX-License-Identifier: MIT */
/*
 * near_arena.c - an allocator within one fixed region of memory.
 *
 * Blocks lie side by side. The header of each is its size in units and two flags. A free block also holds the
 * links of its class and, in its last 4 bytes, its size again, which the block after it reads to find its start.
 * No two free blocks are neighbours. Unit 0 is never given out, and the last unit is a used block that ends the region.
 */
#include "cache/near_arena.h"

#include <string.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)   ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

#define FLAG_FREE          1u
#define FLAG_PREVIOUS_FREE 2u
#define FLAG_BITS          2
#define MIN_UNITS          2u /* a free block's four numbers */
#define CLASS_COUNT        (1u << FR_NEAR_CLASS_BITS)

struct free_block {
    uint32_t header;
    fr_near_offset next, previous; /* in its class */
};

static struct free_block *block_at(const struct fr_near_arena *self, fr_near_offset block)
{
    return fr_near_at(self->base, block);
}

static uint32_t size_of(const struct fr_near_arena *self, fr_near_offset block)
{
    return block_at(self, block)->header >> FLAG_BITS;
}

/* The copy of a free block's size in its last bytes. */
static uint32_t *footer_of(const struct fr_near_arena *self, fr_near_offset block, uint32_t units)
{
    return (uint32_t *)fr_near_at(self->base, block + units) - 1;
}

/* Log-linear, as in base/histogram.c: the classes of a power of two are equally wide. */
static uint32_t class_of(uint32_t units)
{
    if (units < CLASS_COUNT) {
        return units;
    }
    uint32_t shift = 31 - (uint32_t)__builtin_clz(units) - FR_NEAR_CLASS_BITS;
    return (shift << FR_NEAR_CLASS_BITS) + (units >> shift);
}

/* The first class from first on that has a free block, or FR_NEAR_CLASSES. */
static uint32_t class_from(const struct fr_near_arena *self, uint32_t first)
{
    if (first >= FR_NEAR_CLASSES) {
        return FR_NEAR_CLASSES;
    }
    uint32_t word = first / 64;
    uint64_t bits = self->bitmap[word] & (UINT64_MAX << first % 64);
    while (bits == 0) {
        if (++word == sizeof self->bitmap / sizeof self->bitmap[0]) {
            return FR_NEAR_CLASSES;
        }
        bits = self->bitmap[word];
    }
    return word * 64 + (uint32_t)__builtin_ctzll(bits);
}

/* The inside of a free block, without its links and its footer, must not be touched. */
static void poison(const struct fr_near_arena *self, fr_near_offset block, uint32_t units)
{
    if (units > 3) {
        ASAN_POISON_MEMORY_REGION(fr_near_at(self->base, block + 2), (size_t)(units - 3) * FR_NEAR_UNIT_BYTES);
    }
}

/* Makes a free block of the units at block; the block before it is in use, and so is the one after it. */
static void add_free(struct fr_near_arena *self, fr_near_offset block, uint32_t units)
{
    ASAN_UNPOISON_MEMORY_REGION(fr_near_at(self->base, block), (size_t)units * FR_NEAR_UNIT_BYTES);
    uint32_t class = class_of(units);
    struct free_block *free_block = block_at(self, block);
    *free_block = (struct free_block){.header = units << FLAG_BITS | FLAG_FREE, .next = self->heads[class]};
    if (free_block->next != 0) {
        block_at(self, free_block->next)->previous = block;
    }
    self->heads[class] = block;
    self->bitmap[class / 64] |= UINT64_C(1) << class % 64;
    *footer_of(self, block, units) = units;
    block_at(self, block + units)->header |= FLAG_PREVIOUS_FREE;
    poison(self, block, units);
}

static void remove_free(struct fr_near_arena *self, fr_near_offset block)
{
    struct free_block *free_block = block_at(self, block);
    uint32_t class = class_of(free_block->header >> FLAG_BITS);
    if (free_block->next != 0) {
        block_at(self, free_block->next)->previous = free_block->previous;
    }
    if (free_block->previous != 0) {
        block_at(self, free_block->previous)->next = free_block->next;
    } else {
        self->heads[class] = free_block->next;
        if (free_block->next == 0) {
            self->bitmap[class / 64] &= ~(UINT64_C(1) << class % 64);
        }
    }
}

void fr_near_arena_init(struct fr_near_arena *self, void *base, size_t size)
{
    *self = (struct fr_near_arena){.base = base, .units = (uint32_t)(size / FR_NEAR_UNIT_BYTES)};
    block_at(self, self->units - 1)->header = 1u << FLAG_BITS;
    add_free(self, 1, self->units - 2);
}

void fr_near_arena_fini(struct fr_near_arena *self)
{
    ASAN_UNPOISON_MEMORY_REGION(self->base, (size_t)self->units * FR_NEAR_UNIT_BYTES);
}

fr_near_offset fr_near_arena_alloc(struct fr_near_arena *self, size_t size)
{
    if (size > (size_t)self->units * FR_NEAR_UNIT_BYTES) {
        return 0;
    }
    uint32_t units = (uint32_t)fr_near_units_for(size);
    uint32_t class = class_of(units);
    fr_near_offset block = self->heads[class];
    /* Within its own class a block may be too small; in any higher class each is large enough. */
    if (block == 0 || size_of(self, block) < units) {
        class = class_from(self, class + 1);
        if (class == FR_NEAR_CLASSES) {
            return 0;
        }
        block = self->heads[class];
    }
    uint32_t found = size_of(self, block);
    remove_free(self, block);
    ASAN_UNPOISON_MEMORY_REGION(fr_near_at(self->base, block), (size_t)found * FR_NEAR_UNIT_BYTES);
    block_at(self, block + found)->header &= ~FLAG_PREVIOUS_FREE;
    if (found - units >= MIN_UNITS) {
        add_free(self, block + units, found - units);
        found = units;
    }
    block_at(self, block)->header = found << FLAG_BITS;
    self->used += found;
    return block;
}

void fr_near_arena_free(struct fr_near_arena *self, fr_near_offset block)
{
    uint32_t header = block_at(self, block)->header;
    uint32_t units = header >> FLAG_BITS;
    self->used -= units;
    if ((header & FLAG_PREVIOUS_FREE) != 0) {
        uint32_t before = ((uint32_t *)block_at(self, block))[-1];
        block -= before;
        units += before;
        remove_free(self, block);
    }
    const struct free_block *after = block_at(self, block + units);
    if ((after->header & FLAG_FREE) != 0) {
        remove_free(self, block + units);
        units += after->header >> FLAG_BITS;
    }
    add_free(self, block, units);
}

uint32_t fr_near_arena_units_of(const struct fr_near_arena *self, fr_near_offset block)
{
    return size_of(self, block);
}
