/* SPDX-License-Identifier: MIT */
/*
 * json_read.h - JSON text straight into a message by its schema, without a tree: the least work we know of in plain C.
 *
 * The other half of codec_direct_json.c, and no less strict than fr_message_unpack: all syntax and all UTF-8 is checked.
 * Names are lowerCamelCase as that codec writes them; expected in the order of the fields, found in any. Not for
 * strangers' JSON: null, unknown names, and the kinds of fields that no variant has (floating point, bytes, maps,
 * durations and wrappers) are refused; of a name that comes twice the last value counts.
 */
#ifndef PAYLOAD_JSON_READ_H
#define PAYLOAD_JSON_READ_H

#include "base/buffer.h"
#include "message/arena.h"
#include "payload/plan.h"

/*
 * Makes a message of generated code in arena. plan: for its descriptor.
 *   FR_INVALID_ARGUMENT    at which byte the text does not fit
 *   FR_RESOURCE_EXHAUSTED  no memory
 */
FR_MUST_CHECK enum fr_code json_read(const struct plan *plan, struct fr_bytes text, struct fr_arena *arena,
                                     ProtobufCMessage **ret_message, struct fr_error *reterr);

#endif
