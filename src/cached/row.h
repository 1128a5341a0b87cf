/* SPDX-License-Identifier: MIT */
/*
 * row.h - what was made of a row, packed for whoever asked.
 */
#ifndef FR_CACHED_ROW_H
#define FR_CACHED_ROW_H

#include "base/buffer.h"
#include "base/error.h"

struct ProtobufCMessage;

/*
 * Puts the serialized message into out, which is empty. Other programs write to the database too, so a row may hold what no client
 * would take.
 *   FR_INTERNAL            a text is not UTF-8, or the like; the message names the field
 *   FR_RESOURCE_EXHAUSTED  over 4 MiB with its envelope, or no memory
 */
FR_MUST_CHECK enum fr_code fr_row_pack(const struct ProtobufCMessage *message, struct fr_buffer *out,
                                       struct fr_error *reterr);

#endif
