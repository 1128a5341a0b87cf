/* SPDX-License-Identifier: MIT */
/*
 * buffer.h - borrowed bytes and a growing byte buffer.
 */
#ifndef FR_BASE_BUFFER_H
#define FR_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"

/* Borrowed bytes; data may be NULL when size is 0. */
struct fr_bytes {
    const uint8_t *data;
    size_t size;
};

/* The bytes of a C string, without its NUL; of a literal the compiler knows how many. */
static inline struct fr_bytes fr_bytes_of(const char *text)
{
    struct fr_bytes bytes = {(const uint8_t *)text, strlen(text)}; /* C++ has no compound literals */
    return bytes;
}

bool fr_bytes_equal(struct fr_bytes left, struct fr_bytes right);

/*
 * A growing byte buffer; zeroed memory is an empty one. After an append that finds no memory the buffer is
 * marked failed and ignores further appends, so a writer checks once at its end.
 */
struct fr_buffer {
    uint8_t *data; /* owned */
    size_t size;
    size_t capacity;
    bool failed;
};

void fr_buffer_fini(struct fr_buffer *self);
/* Empties it and forgets a failure; keeps the memory. */
void fr_buffer_clear(struct fr_buffer *self);
/* Makes room for extra more bytes and returns where they go, or NULL (then failed is set). Size does not change. */
uint8_t *fr_buffer_reserve(struct fr_buffer *self, size_t extra);
void fr_buffer_append(struct fr_buffer *self, const void *data, size_t size);
void fr_buffer_append_text(struct fr_buffer *self, const char *text);
void fr_buffer_append_format(struct fr_buffer *self, const char *format, ...) FR_PRINTF(2, 3);
/* The content as a C string, or NULL after a failure; borrowed until the next change. */
const char *fr_buffer_text(struct fr_buffer *self);
/* The content, borrowed until the next change. */
struct fr_bytes fr_buffer_bytes(const struct fr_buffer *self);

#endif
