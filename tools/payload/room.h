/* SPDX-License-Identifier: MIT */
/*
 * room.h - scratch memory that a codec keeps. Also for C++.
 */
#ifndef PAYLOAD_ROOM_H
#define PAYLOAD_ROOM_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Zeroed memory is an empty one. */
struct room {
    uint8_t *data; /* owned */
    size_t size;
};

/* At least size bytes, whose content may be lost; NULL without memory. */
static inline uint8_t *room_of(struct room *self, size_t size)
{
    if (size + 1 > self->size) {
        free(self->data);
        self->data = (uint8_t *)malloc(size + 1);
        self->size = self->data == NULL ? 0 : size + 1;
    }
    return self->data;
}

static inline void room_fini(struct room *self)
{
    free(self->data);
    self->data = NULL;
    self->size = 0;
}

#endif
