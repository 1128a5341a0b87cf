/* SPDX-License-Identifier: MIT */
/*
 * redis_ask.h - a few questions to a private redis-server.
 */
#ifndef VARIANTS_REDIS_ASK_H
#define VARIANTS_REDIS_ASK_H

#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

#define REDIS_VERSION_BYTES 32

/* *ret_redis is owned; fclose it. FR_UNAVAILABLE: nobody answers. */
FR_MUST_CHECK enum fr_code redis_open(unsigned port, FILE **ret_redis, struct fr_error *reterr);
FR_MUST_CHECK enum fr_code redis_forget_all(FILE *redis, struct fr_error *reterr);
/* MEMORY USAGE, every element counted: the value, the key and their overhead. FR_NOT_FOUND: there is no such key. */
FR_MUST_CHECK enum fr_code redis_memory(FILE *redis, const char *key, uint64_t *ret_bytes, struct fr_error *reterr);
FR_MUST_CHECK enum fr_code redis_version(FILE *redis, char version[REDIS_VERSION_BYTES], struct fr_error *reterr);

#endif
