/* SPDX-License-Identifier: MIT */
/*
 * envelope_random.h - random batches, written by protobuf-c, and what they are made of.
 */
#ifndef FR_TESTS_RPC_ENVELOPE_RANDOM_H
#define FR_TESTS_RPC_ENVELOPE_RANDOM_H

#include <protobuf-c/protobuf-c.h>

#include "rpc/envelope.h"

#define RANDOM_TEXT_BYTES 640

/* A group set-up of cmocka; to be called before anything else here. */
int envelope_random_init(void **state);

/* Often one of the values at which something changes. */
uint64_t random_number(void);
/* Borrowed from a pool. */
struct fr_bytes random_bytes(void);
/* Without a NUL inside. */
void random_text(char text[RANDOM_TEXT_BYTES]);
ProtobufCBinaryData as_binary(struct fr_bytes bytes);

/*
 * Batches with every kind of field, some of them with fields that this version does not know and with ids that are
 * not packed. Borrowed until the next batch; the bytes may be changed.
 */
struct fr_bytes random_request_batch(void);
struct fr_bytes random_response_batch(void);

#endif
