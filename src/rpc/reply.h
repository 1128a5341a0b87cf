/* SPDX-License-Identifier: MIT */
/*
 * reply.h - Responses gathered in the memory of the message that will carry them.
 */
#ifndef FR_RPC_REPLY_H
#define FR_RPC_REPLY_H

#include <nng/nng.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed memory is an empty one. Not thread-safe. */
struct fr_reply {
    nng_msg *message; /* owned; its length is the room, not what is used; NULL before the first byte */
    uint8_t *body;    /* of message */
    size_t size, room;
    size_t expected; /* bytes that it is likely to take; 0: not known */
};

void fr_reply_fini(struct fr_reply *self);
/* Where size more bytes go, which then belong to the reply; NULL without memory. */
uint8_t *fr_reply_extend(struct fr_reply *self, size_t size);
/* The message with exactly what was written, owned by the caller; NULL without memory. Zeroes self. */
nng_msg *fr_reply_take(struct fr_reply *self);

#endif
