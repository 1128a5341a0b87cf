/* SPDX-License-Identifier: MIT */
/*
 * envelope.h - the wire format of calls: proto/freshet/rpc/v1/rpc.proto.
 *
 * Pure: no I/O, no clock, no locks, no memory of its own. What is read borrows the input; what is written goes
 * to memory whose size was asked for before. docs/protocol.md says what the fields mean.
 */
#ifndef FR_RPC_ENVELOPE_H
#define FR_RPC_ENVELOPE_H

#include <stdbool.h>

#include "rpc/metadata.h"
#include "rpc/method.h"

/* ---- reading: first the batch, whose whole framing is checked; then its items, one by one ---- */

/* A position in a batch that was found well-formed. */
struct fr_wire_cursor {
    const uint8_t *at, *end;
};

enum fr_wire_step { FR_WIRE_END, FR_WIRE_ITEM, FR_WIRE_MALFORMED };

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
    uint32_t max_reply_bytes; /* never 0 */
    uint32_t count;           /* of requests */
    uint32_t cancel_count;    /* of fields that hold ids; fr_wire_ids reads them */
    struct fr_wire_cursor requests;
};

/*
 * Everything borrows bytes.
 *   FR_INTERNAL            no RequestBatch
 *   FR_RESOURCE_EXHAUSTED  over FR_MAX_BATCH_CALLS calls
 */
FR_MUST_CHECK enum fr_code fr_wire_read_request_batch(struct fr_bytes bytes, struct fr_wire_request_batch *ret_batch,
                                                      struct fr_error *reterr);
/* The next request of batch.requests. One that is malformed makes the whole batch malformed. */
enum fr_wire_step fr_wire_next_request(struct fr_wire_cursor *cursor, struct fr_wire_request *ret_request);

struct fr_wire_response {
    uint64_t id;
    uint32_t code;
    struct fr_bytes message;
    uint64_t retry_after_us;
    struct fr_bytes payload;
    /* To write: metadata and details, as fr_wire_put_metadata and fr_wire_put_detail make them. Read: the whole
       Response, for fr_wire_metadata and fr_wire_details. */
    struct fr_bytes encoded;
    uint32_t metadata_count, details_count;
};

struct fr_wire_response_batch {
    bool draining;
    uint32_t count;         /* of responses */
    uint32_t pending_count; /* of fields that hold ids; fr_wire_ids reads them */
    struct fr_wire_cursor responses;
};

/*   FR_INTERNAL  no ResponseBatch */
FR_MUST_CHECK enum fr_code fr_wire_read_response_batch(struct fr_bytes bytes,
                                                       struct fr_wire_response_batch *ret_batch,
                                                       struct fr_error *reterr);
enum fr_wire_step fr_wire_next_response(struct fr_wire_cursor *cursor, struct fr_wire_response *ret_response);

/* Calls on_id for each id of RequestBatch.cancel or ResponseBatch.pending, packed or not. */
enum fr_wire_ids_field { FR_WIRE_PENDING = 2, FR_WIRE_CANCEL = 4 };
typedef void fr_wire_on_id(void *argument, uint64_t id);
void fr_wire_ids(struct fr_bytes batch, enum fr_wire_ids_field field, fr_wire_on_id *on_id, void *argument);

/* How many bytes at the start of a well-formed batch are whole elements and fit room. */
size_t fr_wire_whole_elements(struct fr_bytes batch, size_t room);

/* Reads the metadata of a Request or Response: at most FR_METADATA_MAX_ENTRIES. */
size_t fr_wire_metadata(struct fr_bytes encoded, struct fr_metadata_entry entries[FR_METADATA_MAX_ENTRIES]);
/* Reads the details of a Response: at most FR_MAX_DETAILS. */
size_t fr_wire_details(struct fr_bytes encoded, struct fr_detail details[FR_MAX_DETAILS]);

/* ---- writing ---- */

/*
 * A Request is written in two steps, since its time left is known only when it leaves: its "rest" (method,
 * metadata, payload) once, and then the batch's element around it.
 */
size_t fr_wire_rest_size(struct fr_bytes method, struct fr_metadata metadata, size_t payload_size);
/* Returns where the payload_size bytes of the payload go, at the end of the rest. */
uint8_t *fr_wire_put_rest(uint8_t *to, struct fr_bytes method, struct fr_metadata metadata, size_t payload_size);

size_t fr_wire_request_size(uint64_t id, uint64_t timeout_us, size_t rest_size);
/* Each fr_wire_put_… returns the end of what it wrote. */
uint8_t *fr_wire_put_request(uint8_t *to, uint64_t id, uint64_t timeout_us, struct fr_bytes rest);

/* The fields of a RequestBatch beside its requests. */
#define FR_WIRE_SESSION_MAX_BYTES 11
uint8_t *fr_wire_put_session(uint8_t *to, uint64_t session, bool collect);

size_t fr_wire_ids_size(const uint64_t *ids, size_t count);
uint8_t *fr_wire_put_ids(uint8_t *to, enum fr_wire_ids_field field, const uint64_t *ids, size_t count);

size_t fr_wire_response_size(const struct fr_wire_response *response);
/* Leaves room for the payload, without copying, when payload.data is NULL: its last payload.size bytes. */
uint8_t *fr_wire_put_response(uint8_t *to, const struct fr_wire_response *response);

/* Append one metadata entry or detail of a Response. */
void fr_wire_put_metadata(struct fr_buffer *out, struct fr_bytes key, struct fr_bytes value);
void fr_wire_put_detail(struct fr_buffer *out, struct fr_bytes type_url, struct fr_bytes value);

/* The field "draining" of a ResponseBatch, set. */
#define FR_WIRE_DRAINING_BYTES 2
uint8_t *fr_wire_put_draining(uint8_t *to);

#endif
