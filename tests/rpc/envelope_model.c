/* SPDX-License-Identifier: MIT */
/*
 * envelope_model.c - the envelope as protobuf-c reads it, held against what our codec reads.
 */
#include "rpc/envelope_model.h"

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

static const char *compare_request(const struct fr_wire_request *ours, const Freshet__Rpc__V1__Request *theirs)
{
    return ours->id != theirs->id                           ? "id"
           : !same_text(ours->method, theirs->method)       ? "method"
           : ours->timeout_us != theirs->timeout_us         ? "timeout_us"
           : !same_bytes(ours->payload, theirs->payload)    ? "payload"
           : ours->too_large != (ours->encoded.size > FR_MAX_MESSAGE_BYTES) ? "too_large"
           : !same_metadata(ours->encoded, ours->metadata_count, theirs->metadata, theirs->n_metadata)
               ? "request metadata"
               : NULL;
}

/* protobuf-c takes a bool from any wire type, so arbitrary bytes say nothing about it. */
static bool same_flag(bool ours, protobuf_c_boolean theirs, enum envelope_strictness strictness)
{
    return strictness == ENVELOPE_LENIENT || ours == (theirs != 0);
}

static const char *compare_requests(const struct fr_wire_request_batch *ours,
                                    const Freshet__Rpc__V1__RequestBatch *theirs,
                                    enum envelope_strictness strictness)
{
    uint32_t limit = theirs->max_reply_bytes;
    limit = limit == 0 || limit > FR_MAX_BATCH_BYTES ? FR_MAX_BATCH_BYTES : limit;
    const char *difference = ours->session != theirs->session           ? "session"
                             : !same_flag(ours->collect, theirs->collect, strictness) ? "collect"
                             : ours->max_reply_bytes != limit           ? "max_reply_bytes"
                             : ours->count != theirs->n_request         ? "number of requests"
                                                                        : NULL;
    for (uint32_t i = 0; i < ours->count && difference == NULL; i++) {
        difference = compare_request(&ours->requests[i], theirs->request[i]);
    }
    return difference;
}

const char *envelope_model_request(struct fr_bytes bytes, enum envelope_strictness strictness)
{
    struct fr_wire_request_batch ours;
    enum fr_code code = fr_wire_decode_request_batch(bytes, &ours, NULL);
    Freshet__Rpc__V1__RequestBatch *theirs =
        freshet__rpc__v1__request_batch__unpack(NULL, bytes.size, bytes.data);
    const char *difference = NULL;
    if (code == FR_OK && theirs != NULL) {
        difference = compare_requests(&ours, theirs, strictness);
    } else if (strictness == ENVELOPE_STRICT && (code == FR_OK) != (theirs != NULL)) {
        difference = code == FR_OK ? "only ours accepts the batch, so it" : "only protobuf-c accepts the batch, so it";
    }
    if (code == FR_OK) {
        fr_wire_request_batch_fini(&ours);
    }
    freshet__rpc__v1__request_batch__free_unpacked(theirs, NULL);
    return difference;
}

/* protobuf-c's batch, as our decoder reports its responses one by one. */
struct walk {
    const Freshet__Rpc__V1__ResponseBatch *theirs; /* NULL: refused */
    size_t seen;
    const char *difference;
};

static void on_response(void *argument, const struct fr_wire_response *ours)
{
    struct walk *self = argument;
    size_t index = self->seen++;
    if (self->theirs == NULL || self->difference != NULL) {
        return;
    }
    if (index >= self->theirs->n_response) {
        self->difference = "number of responses";
        return;
    }
    const Freshet__Rpc__V1__Response *theirs = self->theirs->response[index];
    self->difference = ours->id != theirs->id                              ? "id"
                       : ours->code != theirs->code                        ? "code"
                       : !same_text(ours->message, theirs->message)        ? "message"
                       : ours->retry_after_us != theirs->retry_after_us    ? "retry_after_us"
                       : !same_bytes(ours->payload, theirs->payload)       ? "payload"
                       : !same_metadata(ours->encoded, ours->metadata_count, theirs->metadata,
                                        theirs->n_metadata)
                           ? "response metadata"
                           : NULL;
}

const char *envelope_model_response(struct fr_bytes bytes, enum envelope_strictness strictness)
{
    Freshet__Rpc__V1__ResponseBatch *theirs =
        freshet__rpc__v1__response_batch__unpack(NULL, bytes.size, bytes.data);
    struct walk walk = {.theirs = theirs};
    bool draining = false;
    enum fr_code code = fr_wire_decode_response_batch(bytes, on_response, &walk, &draining, NULL);
    if (code != FR_OK && walk.seen > 0) {
        walk.difference = "a refused batch, of which a response was reported,";
    } else if (code == FR_OK && theirs != NULL && walk.difference == NULL) {
        walk.difference = walk.seen != theirs->n_response            ? "number of responses"
                          : !same_flag(draining, theirs->draining, strictness) ? "draining"
                                                                     : NULL;
    } else if (strictness == ENVELOPE_STRICT && (code == FR_OK) != (theirs != NULL)) {
        walk.difference =
            code == FR_OK ? "only ours accepts the batch, so it" : "only protobuf-c accepts the batch, so it";
    }
    freshet__rpc__v1__response_batch__free_unpacked(theirs, NULL);
    return walk.difference;
}
