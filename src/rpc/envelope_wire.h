/* SPDX-License-Identifier: MIT */
/*
 * envelope_wire.h - what reading and writing the envelope share.
 */
#ifndef FR_RPC_ENVELOPE_WIRE_H
#define FR_RPC_ENVELOPE_WIRE_H

enum wire_type { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

/* Field numbers: of Request and Response, and of Response. */
#define METADATA_FIELD 4
#define DETAILS_FIELD  5

#endif
