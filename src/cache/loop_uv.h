/* SPDX-License-Identifier: MIT */
/*
 * loop_uv.h - internal to this folder: the libuv loop behind a struct fr_loop.
 */
#ifndef FR_CACHE_LOOP_UV_H
#define FR_CACHE_LOOP_UV_H

#include <uv.h>

#include "cache/loop.h"

/* Borrowed for the life of self; to be used on the loop thread only. */
uv_loop_t *fr_loop_uv_get(struct fr_loop *self);

/* Microseconds to libuv's milliseconds, rounded up. */
static inline uint64_t fr_loop_ms(uint64_t us)
{
    return us / 1000 + (us % 1000 != 0);
}

#endif
