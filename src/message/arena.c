/* SPDX-License-Identifier: MIT */
/*
 * arena.c - a bump allocator for everything that one call unpacks; freed as a whole.
 *
 * A request larger than a chunk gets a chunk of its own, which is queued behind the current one so that the
 * rest of the current chunk stays in use.
 */
#include "message/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <protobuf-c/protobuf-c.h>

struct chunk {
    struct chunk *next;
    size_t capacity;
    size_t used;
    alignas(max_align_t) unsigned char data[];
};

struct fr_arena {
    struct chunk *current; /* owned list, newest first; the last one is the first chunk */
    size_t chunk_bytes;
    ProtobufCAllocator allocator;
};

static void *allocator_alloc(void *data, size_t size)
{
    return fr_arena_alloc(data, size);
}

static void allocator_free(void *data, void *memory)
{
    (void)data;
    (void)memory;
}

static struct chunk *chunk_new(size_t capacity)
{
    /* No object is larger than PTRDIFF_MAX, so malloc need not be asked. */
    struct chunk *self = capacity > PTRDIFF_MAX - sizeof *self ? NULL : malloc(sizeof *self + capacity);
    if (self != NULL) {
        self->next = NULL;
        self->capacity = capacity;
        self->used = 0;
    }
    return self;
}

struct fr_arena *fr_arena_new(size_t chunk_bytes)
{
    struct fr_arena *self = malloc(sizeof *self);
    struct chunk *first = chunk_new(chunk_bytes);
    if (self == NULL || first == NULL) {
        free(self);
        free(first);
        return NULL;
    }
    *self = (struct fr_arena){
        .current = first, .chunk_bytes = chunk_bytes, .allocator = {allocator_alloc, allocator_free, self}};
    return self;
}

void fr_arena_free(struct fr_arena *self)
{
    if (self == NULL) {
        return;
    }
    fr_arena_reset(self);
    free(self->current);
    free(self);
}

void fr_arena_reset(struct fr_arena *self)
{
    struct chunk *chunk = self->current;
    while (chunk->next != NULL) {
        struct chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    chunk->used = 0;
    self->current = chunk;
}

/* A chunk with room for size bytes, linked into the list; NULL without memory. */
static struct chunk *chunk_for(struct fr_arena *self, size_t size)
{
    if (size <= self->current->capacity - self->current->used) {
        return self->current;
    }
    bool large = size > self->chunk_bytes;
    struct chunk *chunk = chunk_new(large ? size : self->chunk_bytes);
    if (chunk == NULL) {
        return NULL;
    }
    if (large && self->current->next != NULL) {
        chunk->next = self->current->next;
        self->current->next = chunk;
    } else {
        chunk->next = self->current;
        self->current = chunk;
    }
    return chunk;
}

void *fr_arena_alloc(struct fr_arena *self, size_t size)
{
    size_t unit = alignof(max_align_t);
    if (size > SIZE_MAX - unit) {
        return NULL;
    }
    /* An empty request takes a unit too, so that every result is a different address. */
    size_t rounded = size == 0 ? unit : (size + unit - 1) / unit * unit;
    struct chunk *chunk = chunk_for(self, rounded);
    if (chunk == NULL) {
        return NULL;
    }
    void *memory = chunk->data + chunk->used;
    chunk->used += rounded;
    return memory;
}

char *fr_arena_copy_text(struct fr_arena *self, const char *text, size_t size)
{
    char *copy = size == SIZE_MAX ? NULL : fr_arena_alloc(self, size + 1);
    if (copy != NULL) {
        if (size > 0) {
            memcpy(copy, text, size);
        }
        copy[size] = '\0';
    }
    return copy;
}

struct ProtobufCAllocator *fr_arena_allocator(struct fr_arena *self)
{
    return &self->allocator;
}
