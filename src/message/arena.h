/* SPDX-License-Identifier: MIT */
/*
 * arena.h - a bump allocator for everything that one call unpacks; freed as a whole.
 */
#ifndef FR_MESSAGE_ARENA_H
#define FR_MESSAGE_ARENA_H

#include <stddef.h>

struct ProtobufCAllocator;
struct fr_arena;

/* Chunks of chunk_bytes are taken from malloc as needed. NULL without memory. Not thread-safe. */
struct fr_arena *fr_arena_new(size_t chunk_bytes);
/* Frees everything allocated from it. NULL is fine. */
void fr_arena_free(struct fr_arena *self);
/* Frees everything allocated from it but keeps the first chunk for reuse. */
void fr_arena_reset(struct fr_arena *self);
/* Aligned for any type, not cleared; NULL without memory. */
void *fr_arena_alloc(struct fr_arena *self, size_t size);
/* A NUL-terminated copy; NULL without memory. */
char *fr_arena_copy_text(struct fr_arena *self, const char *text, size_t size);
/* For protobuf-c; its free does nothing. Borrowed from the arena. */
struct ProtobufCAllocator *fr_arena_allocator(struct fr_arena *self);

#endif
