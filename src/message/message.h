/* SPDX-License-Identifier: MIT */
/*
 * message.h - protobuf messages between bytes and structs, safe for bytes from strangers.
 *
 * The generated structs and descriptors are protobuf-c's.
 */
#ifndef FR_MESSAGE_MESSAGE_H
#define FR_MESSAGE_MESSAGE_H

#include "base/buffer.h"
#include "base/error.h"
#include "message/arena.h"

struct ProtobufCMessage;
struct ProtobufCMessageDescriptor;

#define FR_MESSAGE_MAX_DEPTH  100
#define FR_MESSAGE_MAX_FIELDS 1000000 /* fields and repeated elements in one message, nested ones included */

/*
 * Checks bytes against descriptor before anything is allocated: well-formed, nested at most
 * FR_MESSAGE_MAX_DEPTH, at most FR_MESSAGE_MAX_FIELDS fields, strings valid UTF-8 without NUL, required fields
 * there, no singular message given twice (protobuf-c would merge the two wrongly).
 *   FR_INVALID_ARGUMENT    not so; the message names the path of the field where it is known
 *   FR_RESOURCE_EXHAUSTED  no memory; only types of more than 256 fields need any
 */
FR_MUST_CHECK enum fr_code fr_message_validate(const struct ProtobufCMessageDescriptor *descriptor,
                                               struct fr_bytes bytes, struct fr_error *reterr);

/*
 * Validates, then unpacks into arena. *ret_message lives until the arena is reset or freed; do not free it.
 * With arena NULL it comes from malloc and is owned: free it with the free_unpacked of its type.
 *   FR_INVALID_ARGUMENT    as fr_message_validate
 *   FR_RESOURCE_EXHAUSTED  no memory
 */
FR_MUST_CHECK enum fr_code fr_message_unpack(const struct ProtobufCMessageDescriptor *descriptor,
                                             struct fr_bytes bytes, struct fr_arena *arena,
                                             struct ProtobufCMessage **ret_message, struct fr_error *reterr);

/* Static, as generated. */
const struct ProtobufCMessageDescriptor *fr_message_descriptor(const struct ProtobufCMessage *message);

/* Appends the serialized message to out; a lack of memory marks out as failed. */
void fr_message_pack(const struct ProtobufCMessage *message, struct fr_buffer *out);

/* The same into memory of the caller: how many bytes it takes, and writing them. */
size_t fr_message_size(const struct ProtobufCMessage *message);
void fr_message_write(const struct ProtobufCMessage *message, uint8_t *to);

#endif
