/* SPDX-License-Identifier: MIT */
/*
 * buffer.c - borrowed bytes and a growing byte buffer.
 */
#include "base/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 64

bool fr_bytes_equal(struct fr_bytes left, struct fr_bytes right)
{
    return left.size == right.size && (left.size == 0 || memcmp(left.data, right.data, left.size) == 0);
}

void fr_buffer_fini(struct fr_buffer *self)
{
    if (self != NULL) {
        free(self->data);
        *self = (struct fr_buffer){0};
    }
}

void fr_buffer_clear(struct fr_buffer *self)
{
    self->size = 0;
    self->failed = false;
}

uint8_t *fr_buffer_reserve(struct fr_buffer *self, size_t extra)
{
    if (self->failed) {
        return NULL;
    }
    if (extra > self->capacity - self->size) {
        size_t needed = self->size + extra;
        size_t capacity = self->capacity < FIRST_CAPACITY ? FIRST_CAPACITY : self->capacity;
        while (capacity < needed && capacity <= SIZE_MAX / 2) {
            capacity *= 2;
        }
        uint8_t *data = needed < extra || capacity < needed ? NULL : realloc(self->data, capacity);
        if (data == NULL) {
            self->failed = true;
            return NULL;
        }
        self->data = data;
        self->capacity = capacity;
    }
    return self->data + self->size;
}

void fr_buffer_append(struct fr_buffer *self, const void *data, size_t size)
{
    if (size == 0) {
        return;
    }
    uint8_t *to = fr_buffer_reserve(self, size);
    if (to != NULL) {
        memcpy(to, data, size);
        self->size += size;
    }
}

void fr_buffer_append_text(struct fr_buffer *self, const char *text)
{
    fr_buffer_append(self, text, strlen(text));
}

void fr_buffer_append_format(struct fr_buffer *self, const char *format, ...)
{
    va_list arguments;
    va_list again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    uint8_t *to = length < 0 ? NULL : fr_buffer_reserve(self, (size_t)length + 1);
    if (to != NULL) {
        vsnprintf((char *)to, (size_t)length + 1, format, again);
        self->size += (size_t)length;
    }
    va_end(again);
}

const char *fr_buffer_text(struct fr_buffer *self)
{
    uint8_t *end = fr_buffer_reserve(self, 1);
    if (end == NULL) {
        return NULL;
    }
    *end = '\0';
    return (const char *)self->data;
}

struct fr_bytes fr_buffer_bytes(const struct fr_buffer *self)
{
    return (struct fr_bytes){self->data, self->size};
}
