/* SPDX-License-Identifier: MIT */
/*
 * channels.h - the channels of a load, connected.
 */
#ifndef LOAD_CHANNELS_H
#define LOAD_CHANNELS_H

#include "message/arena.h"
#include "rpc/channel.h"

/* Zeroed memory holds none. */
struct channels {
    struct fr_channel **items; /* owned */
    uint64_t count;
};

/*
 * Opens count channels and connects each with a health check. arena is for the answers. channels_close in either case.
 *   FR_UNAVAILABLE, FR_DEADLINE_EXCEEDED  the server is not there
 */
FR_MUST_CHECK enum fr_code channels_open(struct channels *self, const char *address, uint64_t count,
                                         bool retry, struct fr_arena *arena, struct fr_error *reterr);
/* Ends calls under way as CANCELLED and waits until their done has returned. */
void channels_close(struct channels *self);

#endif
