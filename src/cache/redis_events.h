/* SPDX-License-Identifier: MIT */
/*
 * redis_events.h - lets a hiredis context live on a libuv loop.
 *
 * In place of hiredis's own adapter, which costs a system call for each command: here commands of one turn of the
 * loop gather in hiredis's buffer and leave in one write just before the loop waits.
 */
#ifndef FR_CACHE_REDIS_EVENTS_H
#define FR_CACHE_REDIS_EVENTS_H

#include <stdbool.h>

#include <hiredis/async.h>
#include <uv.h>

/*
 * Attaches context, which was just made, to loop; what it needs is freed with the context. on_turn_end(argument) is called
 * before each such write of a connected context, whether or not there is anything to write yet. false: no memory.
 */
bool fr_redis_events_attach(redisAsyncContext *context, uv_loop_t *loop, void (*on_turn_end)(void *argument),
                            void *argument);

#endif
