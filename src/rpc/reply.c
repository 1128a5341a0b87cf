/* SPDX-License-Identifier: MIT */
/*
 * reply.c - Responses gathered in the memory of the message that will carry them.
 */
#include "rpc/reply.h"

#include <string.h>

#define FIRST_ROOM    1000 /* with nng's own head room one allocation of about 1 KiB */
#define MOST_EXPECTED ((size_t)64 << 10) /* bytes that a wrong guess may cost */
#define WASTE_BYTES   ((size_t)4 << 10)  /* less is not worth a copy */

void fr_reply_fini(struct fr_reply *self)
{
    nng_msg_free(self->message);
    *self = (struct fr_reply){0};
}

static size_t larger(size_t one, size_t other)
{
    return one > other ? one : other;
}

/* nng zeroes and copies at each growth, hence the guess. */
uint8_t *fr_reply_extend(struct fr_reply *self, size_t size)
{
    size_t needed = self->size + size;
    if (needed > self->room) {
        size_t expected = self->expected < MOST_EXPECTED ? self->expected : MOST_EXPECTED;
        size_t room = larger(larger(needed, 2 * self->room), larger(FIRST_ROOM, expected));
        int result = self->message == NULL ? nng_msg_alloc(&self->message, room)
                                           : nng_msg_realloc(self->message, room);
        if (result != 0) {
            return NULL;
        }
        self->body = nng_msg_body(self->message);
        self->room = room;
    }
    uint8_t *to = self->body + self->size;
    self->size = needed;
    return to;
}

/* Limits of memory count what a message says, so one that waits for its reader must not hold much more. */
static bool is_wasteful(const struct fr_reply *self)
{
    return self->room > WASTE_BYTES && self->room / 4 > self->size;
}

nng_msg *fr_reply_take(struct fr_reply *self)
{
    nng_msg *message = self->message;
    if (message != NULL && !is_wasteful(self)) {
        nng_msg_chop(message, self->room - self->size);
    } else {
        if (nng_msg_alloc(&message, self->size) != 0) {
            return NULL;
        }
        if (self->size > 0) {
            memcpy(nng_msg_body(message), self->body, self->size);
        }
        nng_msg_free(self->message);
    }
    *self = (struct fr_reply){0};
    return message;
}
