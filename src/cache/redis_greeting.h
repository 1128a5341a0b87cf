/* SPDX-License-Identifier: MIT */
/*
 * redis_greeting.h - internal to this folder: what a new connection to Redis asks before it is ready.
 */
#ifndef FR_CACHE_REDIS_GREETING_H
#define FR_CACHE_REDIS_GREETING_H

#include "cache/redis_connection.h"

/* Sends the first command; ends in fr_redis_connection_greeted or fr_redis_connection_drop. */
void fr_redis_greet(struct fr_redis_connection *self);

/* For redis_greeting.c: everything was answered. */
void fr_redis_connection_greeted(struct fr_redis_connection *self);

#endif
