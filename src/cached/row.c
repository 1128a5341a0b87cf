/* SPDX-License-Identifier: MIT */
/*
 * row.c - what was made of a row, packed for whoever asked.
 */
#include "cached/row.h"

#include "message/message.h"
#include "rpc/metadata.h"
#include "rpc/method.h"

/* The rest of a Response: its metadata with their framing, and its numbers. */
#define ENVELOPE_BYTES (2u * FR_METADATA_MAX_BYTES)

enum fr_code fr_row_pack(const struct ProtobufCMessage *message, struct fr_buffer *out,
                         struct fr_error *reterr)
{
    struct fr_error cause;
    size_t size = fr_message_size(message);
    if (size > FR_MAX_MESSAGE_BYTES - ENVELOPE_BYTES) {
        return fr_error_set(reterr, FR_RESOURCE_EXHAUSTED,
                            "the row makes an answer of %zu bytes, which is over 4 MiB", size);
    }
    fr_message_pack(message, out);
    if (out->failed) {
        return fr_error_no_memory(reterr);
    }
    enum fr_code code = fr_message_validate(fr_message_descriptor(message), fr_buffer_bytes(out), &cause);
    if (code == FR_INVALID_ARGUMENT) {
        return fr_error_set(reterr, FR_INTERNAL, "the row in the database is malformed: %.180s",
                            cause.message);
    }
    return code == FR_OK ? FR_OK : fr_error_set(reterr, code, "%s", cause.message);
}
