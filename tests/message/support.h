/* SPDX-License-Identifier: MIT */
/*
 * support.h - what the tests of src/message share.
 */
#ifndef FR_TESTS_MESSAGE_SUPPORT_H
#define FR_TESTS_MESSAGE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message/schema.h"

/* The bytes of a string literal, NULs included. */
#define BYTES(text) ((struct fr_bytes){(const uint8_t *)(text), sizeof(text) - 1})

extern const uint8_t kinds_protoset[];
extern const size_t kinds_protoset_size;

/* The schema of kinds.proto and legacy.proto; owned by the caller. */
struct fr_schema *support_kinds_schema(void);
/* A copy of bytes with a few of them changed, by a fixed generator; owned by the caller. */
uint8_t *support_mutate(struct fr_bytes bytes, uint64_t *state);

#endif
