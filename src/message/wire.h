/* SPDX-License-Identifier: MIT */
/*
 * wire.h - one field of the protobuf wire format at a time, with no knowledge of types.
 */
#ifndef FR_MESSAGE_WIRE_H
#define FR_MESSAGE_WIRE_H

#include <stdbool.h>

#include "base/buffer.h"

enum fr_wire_type { FR_WIRE_VARINT = 0, FR_WIRE_64BIT = 1, FR_WIRE_BYTES = 2, FR_WIRE_32BIT = 5 };

struct fr_wire_field {
    uint32_t number;
    enum fr_wire_type type;
    struct fr_bytes value; /* without the length of FR_WIRE_BYTES; borrowed from the input */
};

/* Takes one field off the front of *bytes. NULL, or what is wrong with it (static text). */
const char *fr_wire_next(struct fr_bytes *bytes, struct fr_wire_field *ret_field);

/* The size of the varint that starts bytes, 0 if there is no whole one of at most ten bytes. */
size_t fr_wire_varint_size(struct fr_bytes bytes);

#endif
