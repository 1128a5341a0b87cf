/* SPDX-License-Identifier: MIT */
/*
 * field.h - one field of a message whose type is known only by its descriptor.
 */
#ifndef FR_MESSAGE_FIELD_H
#define FR_MESSAGE_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct ProtobufCMessage;

#define FR_FIELD_TEXT_BYTES 24 /* any number */

/*
 * The value of a single string, bytes, integer, bool or enum field: strings and bytes as they are, everything else in
 * decimal, true as 1. *ret_value borrows message or scratch. An optional field that is not set has its default.
 * false: the message has no such field.
 */
bool fr_message_field_text(const struct ProtobufCMessage *message, uint32_t number, char scratch[FR_FIELD_TEXT_BYTES],
                           struct fr_bytes *ret_value);

#endif
