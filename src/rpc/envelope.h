/* SPDX-License-Identifier: MIT */
/*
 * envelope.h - the wire format of calls: proto/freshet/rpc/v1/rpc.proto.
 *
 * Pure: no I/O, no clock, no locks. What is decoded borrows the input; payloads are never copied but by the
 * final write into a message.
 */
#ifndef FR_RPC_ENVELOPE_H
#define FR_RPC_ENVELOPE_H

#include <stdbool.h>

#include "rpc/metadata.h"
#include "rpc/method.h"

struct fr_wire_request {
    uint64_t id;
    struct fr_bytes method;
    uint64_t timeout_us;
    struct fr_bytes payload;
    struct fr_bytes encoded;  /* the whole Request; fr_wire_metadata reads it */
    uint32_t metadata_count;
    bool too_large;           /* over FR_MAX_MESSAGE_BYTES: answer RESOURCE_EXHAUSTED */
};

struct fr_wire_request_batch {
    uint64_t session;
    bool collect;
    uint32_t max_reply_bytes; /* never 0 once decoded */
    uint32_t count;
    struct fr_wire_request *requests; /* owned; NULL when count is 0 */
};

struct fr_wire_response {
    uint64_t id;
    uint32_t code;
    struct fr_bytes message;
    uint64_t retry_after_us;
    struct fr_bytes payload;
    struct fr_bytes encoded_metadata; /* to encode: metadata fields as fr_wire_put_metadata makes them */
    struct fr_bytes encoded;          /* decoded: the whole Response */
    uint32_t metadata_count;
};

/*
 * *ret_batch is owned; end it with fr_wire_request_batch_fini. It borrows bytes.
 *   FR_INTERNAL            no RequestBatch
 *   FR_RESOURCE_EXHAUSTED  over FR_MAX_BATCH_CALLS calls, or no memory
 */
FR_MUST_CHECK enum fr_code fr_wire_decode_request_batch(struct fr_bytes bytes,
                                                        struct fr_wire_request_batch *ret_batch,
                                                        struct fr_error *reterr);
void fr_wire_request_batch_fini(struct fr_wire_request_batch *self);

/*
 * Calls on_response for each Response of a ResponseBatch, after the whole batch was found well-formed.
 *   FR_INTERNAL  no ResponseBatch; on_response was not called
 */
typedef void fr_wire_on_response(void *argument, const struct fr_wire_response *response);
FR_MUST_CHECK enum fr_code fr_wire_decode_response_batch(struct fr_bytes bytes, fr_wire_on_response *on_response,
                                                         void *argument, bool *ret_draining,
                                                         struct fr_error *reterr);

/* Reads the metadata of a decoded Request (field 4) or Response (field 4): at most FR_METADATA_MAX_ENTRIES. */
size_t fr_wire_metadata(struct fr_bytes encoded, struct fr_metadata_entry entries[FR_METADATA_MAX_ENTRIES]);

/* Bytes of a Request as an element of its batch, and the same written at to (which must have that room). */
size_t fr_wire_request_size(const struct fr_wire_request *request, struct fr_metadata metadata);
void fr_wire_put_request(const struct fr_wire_request *request, struct fr_metadata metadata, uint8_t *to);

size_t fr_wire_response_size(const struct fr_wire_response *response);
void fr_wire_put_response(const struct fr_wire_response *response, uint8_t *to);
/* Appends one metadata field of a Response. */
void fr_wire_put_metadata(struct fr_buffer *out, struct fr_bytes key, struct fr_bytes value);

/* The field "draining" of a ResponseBatch, set. */
#define FR_WIRE_DRAINING_BYTES 2
void fr_wire_put_draining(uint8_t to[FR_WIRE_DRAINING_BYTES]);

#endif
