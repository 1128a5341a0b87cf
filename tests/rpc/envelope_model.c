/* SPDX-License-Identifier: MIT */
/*
 * envelope_model.c - the envelope as protobuf-c reads it, held against what our codec reads.
 */
#include "rpc/envelope_model.h"

#include <stdlib.h>
#include <string.h>

#include "freshet/rpc/v1/rpc.pb-c.h"

/* protobuf-c ends a string at its first NUL byte. */
static bool same_text(struct fr_bytes ours, const char *text)
{
    size_t size = strlen(text);
    return (ours.size == size || (ours.size > size && ours.data[size] == '\0')) &&
           (size == 0 || memcmp(ours.data, text, size) == 0);
}

static bool same_bytes(struct fr_bytes ours, ProtobufCBinaryData theirs)
{
    return fr_bytes_equal(ours, (struct fr_bytes){theirs.data, theirs.len});
}

/* ours.encoded read alone is theirs, with every field; they are compared as protobuf-c writes them. */
static bool same_whole(struct fr_bytes encoded, const ProtobufCMessage *theirs)
{
    ProtobufCMessage *read = protobuf_c_message_unpack(theirs->descriptor, NULL, encoded.size, encoded.data);
    if (read == NULL) {
        return false;
    }
    size_t size = protobuf_c_message_get_packed_size(theirs);
    bool same = protobuf_c_message_get_packed_size(read) == size;
    if (same) {
        uint8_t *both = malloc(2 * size + 1);
        protobuf_c_message_pack(theirs, both);
        protobuf_c_message_pack(read, both + size);
        same = memcmp(both, both + size, size) == 0;
        free(both);
    }
    protobuf_c_message_free_unpacked(read, NULL);
    return same;
}

static bool same_metadata(struct fr_bytes encoded, uint32_t count, Freshet__Rpc__V1__Metadata *const *theirs,
                          size_t their_count)
{
    struct fr_metadata_entry entries[FR_METADATA_MAX_ENTRIES];
    size_t kept = fr_wire_metadata(encoded, entries);
    size_t expected = their_count < FR_METADATA_MAX_ENTRIES ? their_count : FR_METADATA_MAX_ENTRIES;
    if (count != their_count || kept != expected) {
        return false;
    }
    for (size_t i = 0; i < kept; i++) {
        if (!same_text(entries[i].key, theirs[i]->key) || !same_bytes(entries[i].value, theirs[i]->value)) {
            return false;
        }
    }
    return true;
}

static bool same_details(struct fr_bytes encoded, uint32_t count, Google__Protobuf__Any *const *theirs,
                         size_t their_count)
{
    struct fr_detail details[FR_MAX_DETAILS];
    size_t kept = fr_wire_details(encoded, details);
    size_t expected = their_count < FR_MAX_DETAILS ? their_count : FR_MAX_DETAILS;
    if (count != their_count || kept != expected) {
        return false;
    }
    for (size_t i = 0; i < kept; i++) {
        if (!same_text(details[i].type_url, theirs[i]->type_url) || !same_bytes(details[i].value, theirs[i]->value)) {
            return false;
        }
    }
    return true;
}

/* protobuf-c takes a bool from any wire type, so arbitrary bytes say nothing about it. */
static bool same_flag(bool ours, protobuf_c_boolean theirs, enum envelope_strictness strictness)
{
    return strictness == ENVELOPE_LENIENT || ours == (theirs != 0);
}

/* ---- ids ---- */

struct id_walk {
    const uint64_t *theirs;
    size_t count, seen;
    bool same;
};

static void on_id(void *argument, uint64_t id)
{
    struct id_walk *self = argument;
    size_t index = self->seen++;
    self->same &= index < self->count && self->theirs[index] == id;
}

static bool same_ids(struct fr_bytes batch, enum fr_wire_ids_field field, uint32_t field_count,
                     const uint64_t *theirs, size_t their_count)
{
    struct id_walk walk = {.theirs = theirs, .count = their_count, .same = true};
    fr_wire_ids(batch, field, on_id, &walk);
    /* A field may be packed and hold none. */
    return walk.same && walk.seen == their_count && (their_count == 0 || field_count > 0);
}

/* ---- whole elements ---- */

static void ignore_id(void *argument, uint64_t id)
{
    (void)argument;
    (void)id;
}

/* However small the room, what is said to be whole can be read alone, and all of it is taken where there is room. */
static bool whole_elements_hold(struct fr_bytes bytes)
{
    struct fr_wire_response_batch batch;
    size_t room = bytes.size / 2;
    size_t size = fr_wire_whole_elements(bytes, room);
    fr_wire_ids((struct fr_bytes){bytes.data, size}, FR_WIRE_PENDING, ignore_id, NULL);
    return size <= room && fr_wire_whole_elements(bytes, bytes.size) == bytes.size &&
           fr_wire_whole_elements(bytes, 0) == 0 && fr_wire_whole_elements(bytes, size) == size &&
           fr_wire_read_response_batch((struct fr_bytes){bytes.data, size}, &batch, NULL) == FR_OK;
}

/* ---- requests ---- */

static const char *compare_request(const struct fr_wire_request *ours, const Freshet__Rpc__V1__Request *theirs)
{
    return ours->id != theirs->id                        ? "id"
           : !same_text(ours->method, theirs->method)    ? "method"
           : ours->timeout_us != theirs->timeout_us      ? "timeout_us"
           : !same_bytes(ours->payload, theirs->payload) ? "payload"
           : ours->too_large != (ours->encoded.size > FR_MAX_MESSAGE_BYTES) ? "too_large"
           : !same_metadata(ours->encoded, ours->metadata_count, theirs->metadata, theirs->n_metadata)
               ? "request metadata"
           : !same_whole(ours->encoded, &theirs->base) ? "encoded request"
                                                       : NULL;
}

static const char *compare_requests(struct fr_bytes bytes, const struct fr_wire_request_batch *ours,
                                    const Freshet__Rpc__V1__RequestBatch *theirs,
                                    enum envelope_strictness strictness)
{
    uint32_t limit = theirs->max_reply_bytes;
    limit = limit == 0 || limit > FR_MAX_BATCH_BYTES ? FR_MAX_BATCH_BYTES : limit;
    const char *difference =
        ours->session != theirs->session                         ? "session"
        : !same_flag(ours->collect, theirs->collect, strictness) ? "collect"
        : ours->max_reply_bytes != limit                         ? "max_reply_bytes"
        : !same_ids(bytes, FR_WIRE_CANCEL, ours->cancel_count, theirs->cancel, theirs->n_cancel)
            ? "cancel"
        : ours->count != theirs->n_request ? "number of requests"
                                           : NULL;
    struct fr_wire_cursor cursor = ours->requests;
    struct fr_wire_request request;
    for (uint32_t i = 0; i < ours->count && difference == NULL; i++) {
        difference = fr_wire_next_request(&cursor, &request) != FR_WIRE_ITEM
                         ? "number of requests that can be read"
                         : compare_request(&request, theirs->request[i]);
    }
    if (difference == NULL && fr_wire_next_request(&cursor, &request) != FR_WIRE_END) {
        difference = "end of the requests";
    }
    return difference;
}

/* Ours accepts a batch when its framing and every item in it can be read. */
static bool accepts_request_batch(struct fr_bytes bytes, struct fr_wire_request_batch *ret_batch)
{
    struct fr_wire_request request;
    enum fr_wire_step step;
    if (fr_wire_read_request_batch(bytes, ret_batch, NULL) != FR_OK) {
        return false;
    }
    struct fr_wire_cursor cursor = ret_batch->requests;
    do {
        step = fr_wire_next_request(&cursor, &request);
    } while (step == FR_WIRE_ITEM);
    return step == FR_WIRE_END;
}

static const char *only_one_accepts(bool ours, bool theirs, enum envelope_strictness strictness)
{
    return strictness == ENVELOPE_LENIENT || ours == theirs ? NULL
           : ours ? "only ours accepts the batch, so it"
                  : "only protobuf-c accepts the batch, so it";
}

const char *envelope_model_request(struct fr_bytes bytes, enum envelope_strictness strictness)
{
    struct fr_wire_request_batch ours;
    bool accepted = accepts_request_batch(bytes, &ours);
    Freshet__Rpc__V1__RequestBatch *theirs =
        freshet__rpc__v1__request_batch__unpack(NULL, bytes.size, bytes.data);
    const char *difference = accepted && theirs != NULL ? compare_requests(bytes, &ours, theirs, strictness)
                                                        : only_one_accepts(accepted, theirs != NULL, strictness);
    freshet__rpc__v1__request_batch__free_unpacked(theirs, NULL);
    return difference;
}

/* ---- responses ---- */

static const char *compare_response(const struct fr_wire_response *ours, const Freshet__Rpc__V1__Response *theirs)
{
    return ours->id != theirs->id                           ? "id"
           : ours->code != theirs->code                     ? "code"
           : !same_text(ours->message, theirs->message)     ? "message"
           : ours->retry_after_us != theirs->retry_after_us ? "retry_after_us"
           : !same_bytes(ours->payload, theirs->payload)    ? "payload"
           : !same_metadata(ours->encoded, ours->metadata_count, theirs->metadata, theirs->n_metadata)
               ? "response metadata"
           : !same_details(ours->encoded, ours->details_count, theirs->details, theirs->n_details)
               ? "details"
           : !same_whole(ours->encoded, &theirs->base) ? "encoded response"
                                                       : NULL;
}

static const char *compare_responses(struct fr_bytes bytes, const struct fr_wire_response_batch *ours,
                                     const Freshet__Rpc__V1__ResponseBatch *theirs,
                                     enum envelope_strictness strictness)
{
    const char *difference =
        !same_flag(ours->draining, theirs->draining, strictness) ? "draining"
        : !same_ids(bytes, FR_WIRE_PENDING, ours->pending_count, theirs->pending, theirs->n_pending)
            ? "pending"
        : ours->count != theirs->n_response ? "number of responses"
        : !whole_elements_hold(bytes)       ? "the measure of whole elements"
                                            : NULL;
    struct fr_wire_cursor cursor = ours->responses;
    struct fr_wire_response response;
    for (uint32_t i = 0; i < ours->count && difference == NULL; i++) {
        difference = fr_wire_next_response(&cursor, &response) != FR_WIRE_ITEM
                         ? "number of responses that can be read"
                         : compare_response(&response, theirs->response[i]);
    }
    if (difference == NULL && fr_wire_next_response(&cursor, &response) != FR_WIRE_END) {
        difference = "end of the responses";
    }
    return difference;
}

static bool accepts_response_batch(struct fr_bytes bytes, struct fr_wire_response_batch *ret_batch)
{
    struct fr_wire_response response;
    enum fr_wire_step step;
    if (fr_wire_read_response_batch(bytes, ret_batch, NULL) != FR_OK) {
        return false;
    }
    struct fr_wire_cursor cursor = ret_batch->responses;
    do {
        step = fr_wire_next_response(&cursor, &response);
    } while (step == FR_WIRE_ITEM);
    return step == FR_WIRE_END;
}

const char *envelope_model_response(struct fr_bytes bytes, enum envelope_strictness strictness)
{
    struct fr_wire_response_batch ours;
    bool accepted = accepts_response_batch(bytes, &ours);
    Freshet__Rpc__V1__ResponseBatch *theirs =
        freshet__rpc__v1__response_batch__unpack(NULL, bytes.size, bytes.data);
    const char *difference = accepted && theirs != NULL ? compare_responses(bytes, &ours, theirs, strictness)
                                                        : only_one_accepts(accepted, theirs != NULL, strictness);
    freshet__rpc__v1__response_batch__free_unpacked(theirs, NULL);
    return difference;
}
