/* SPDX-License-Identifier: MIT */
/*
 * envelope_model.h - the envelope as protobuf-c reads it, held against what our codec reads.
 */
#ifndef FR_TESTS_RPC_ENVELOPE_MODEL_H
#define FR_TESTS_RPC_ENVELOPE_MODEL_H

#include "rpc/envelope.h"

/*
 * STRICT: both must accept the bytes or both refuse them. LENIENT, for arbitrary bytes: where both accept, they must
 * have read the same. Ours passes over a known field of another wire type, where protobuf-c refuses; protobuf-c takes
 * field number 0 and varints of more than 64 bits, where ours refuses.
 */
enum envelope_strictness { ENVELOPE_LENIENT, ENVELOPE_STRICT };

/* NULL if they agree about bytes; otherwise the name of what they read differently. */
typedef const char *envelope_model_fn(struct fr_bytes bytes, enum envelope_strictness strictness);
envelope_model_fn envelope_model_request, envelope_model_response;

#endif
