/* SPDX-License-Identifier: MIT */
/*
 * envelope.c - the wire format of calls, written by hand so that payloads are not copied.
 *
 * Pure: no I/O, no clock, no locks. tests/rpc/test_envelope.c and the fuzz target hold it against protobuf-c.
 */
#include "rpc/envelope.h"

#include <stdlib.h>
#include <string.h>

enum wire_type { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

struct reader {
    const uint8_t *at, *end;
};

struct field {
    uint32_t number;
    enum wire_type type;
    uint64_t value;        /* VARINT, FIXED64, FIXED32 */
    struct fr_bytes bytes; /* BYTES */
};

static bool read_varint(struct reader *reader, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        uint8_t byte = *reader->at++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *ret_value = value;
            return shift < 63 || byte <= 1;
        }
    }
    return false;
}

static bool read_fixed(struct reader *reader, unsigned width, uint64_t *ret_value)
{
    uint64_t value = 0;
    if ((size_t)(reader->end - reader->at) < width) {
        return false;
    }
    for (unsigned i = 0; i < width; i++) {
        value |= (uint64_t)reader->at[i] << (8 * i);
    }
    reader->at += width;
    *ret_value = value;
    return true;
}

/* Groups and the unused wire types are malformed here: no field of the envelope has them. */
static bool read_field(struct reader *reader, struct field *ret_field)
{
    uint64_t tag;
    if (!read_varint(reader, &tag) || tag >> 3 == 0 || tag >> 3 > (UINT64_C(1) << 29) - 1) {
        return false;
    }
    ret_field->number = (uint32_t)(tag >> 3);
    ret_field->type = (enum wire_type)(tag & 7);
    switch (ret_field->type) {
    case VARINT:
        return read_varint(reader, &ret_field->value);
    case FIXED64:
        return read_fixed(reader, 8, &ret_field->value);
    case FIXED32:
        return read_fixed(reader, 4, &ret_field->value);
    case BYTES: {
        uint64_t size;
        if (!read_varint(reader, &size) || size > (uint64_t)(reader->end - reader->at)) {
            return false;
        }
        ret_field->bytes = (struct fr_bytes){reader->at, (size_t)size};
        reader->at += size;
        return true;
    }
    }
    return false;
}

static struct reader reader_of(struct fr_bytes bytes)
{
    return (struct reader){bytes.data, bytes.data + bytes.size};
}

static bool is_field(const struct field *field, uint32_t number, enum wire_type type)
{
    return field->number == number && field->type == type;
}

static bool read_metadata_entry(struct fr_bytes bytes, struct fr_metadata_entry *ret_entry)
{
    struct reader reader = reader_of(bytes);
    struct field field;
    *ret_entry = (struct fr_metadata_entry){{0}, {0}};
    while (reader.at < reader.end) {
        if (!read_field(&reader, &field)) {
            return false;
        }
        if (is_field(&field, 1, BYTES)) {
            ret_entry->key = field.bytes;
        } else if (is_field(&field, 2, BYTES)) {
            ret_entry->value = field.bytes;
        }
    }
    return true;
}

static bool read_request(struct fr_bytes bytes, struct fr_wire_request *ret_request)
{
    struct reader reader = reader_of(bytes);
    struct field field;
    struct fr_metadata_entry entry;
    *ret_request = (struct fr_wire_request){.encoded = bytes, .too_large = bytes.size > FR_MAX_MESSAGE_BYTES};
    while (reader.at < reader.end) {
        if (!read_field(&reader, &field)) {
            return false;
        }
        if (is_field(&field, 1, VARINT)) {
            ret_request->id = field.value;
        } else if (is_field(&field, 2, BYTES)) {
            ret_request->method = field.bytes;
        } else if (is_field(&field, 3, VARINT)) {
            ret_request->timeout_us = field.value;
        } else if (is_field(&field, 4, BYTES)) {
            if (!read_metadata_entry(field.bytes, &entry)) {
                return false;
            }
            ret_request->metadata_count++;
        } else if (is_field(&field, 15, BYTES)) {
            ret_request->payload = field.bytes;
        }
    }
    return true;
}

/* Fills all of batch but the requests themselves, whose number it counts. */
static bool read_batch_header(struct fr_bytes bytes, struct fr_wire_request_batch *batch)
{
    struct reader reader = reader_of(bytes);
    struct field field;
    while (reader.at < reader.end) {
        if (!read_field(&reader, &field)) {
            return false;
        }
        if (is_field(&field, 1, BYTES)) {
            batch->count++;
        } else if (is_field(&field, 2, FIXED64)) {
            batch->session = field.value;
        } else if (is_field(&field, 3, VARINT)) {
            batch->collect = field.value != 0;
        } else if (is_field(&field, 5, VARINT)) {
            batch->max_reply_bytes = (uint32_t)field.value;
        }
    }
    return true;
}

static bool read_requests(struct fr_bytes bytes, struct fr_wire_request *requests)
{
    struct reader reader = reader_of(bytes);
    struct field field;
    while (reader.at < reader.end) {
        if (!read_field(&reader, &field)) {
            return false;
        }
        if (is_field(&field, 1, BYTES) && !read_request(field.bytes, requests++)) {
            return false;
        }
    }
    return true;
}

enum fr_code fr_wire_decode_request_batch(struct fr_bytes bytes, struct fr_wire_request_batch *ret_batch,
                                          struct fr_error *reterr)
{
    struct fr_wire_request_batch batch = {0};
    if (!read_batch_header(bytes, &batch)) {
        return fr_error_set(reterr, FR_INTERNAL, "the request is no freshet.rpc.v1.RequestBatch");
    }
    if (batch.count > FR_MAX_BATCH_CALLS) {
        return fr_error_set(reterr, FR_RESOURCE_EXHAUSTED, "a batch holds at most %u calls, this one %u",
                            FR_MAX_BATCH_CALLS, batch.count);
    }
    if (batch.max_reply_bytes == 0 || batch.max_reply_bytes > FR_MAX_BATCH_BYTES) {
        batch.max_reply_bytes = FR_MAX_BATCH_BYTES;
    }
    if (batch.count > 0) {
        batch.requests = calloc(batch.count, sizeof batch.requests[0]);
        if (batch.requests == NULL) {
            return fr_error_no_memory(reterr);
        }
        if (!read_requests(bytes, batch.requests)) {
            fr_wire_request_batch_fini(&batch);
            return fr_error_set(reterr, FR_INTERNAL, "the request is no freshet.rpc.v1.RequestBatch");
        }
    }
    *ret_batch = batch;
    return FR_OK;
}

void fr_wire_request_batch_fini(struct fr_wire_request_batch *self)
{
    free(self->requests);
    *self = (struct fr_wire_request_batch){0};
}

static bool read_response(struct fr_bytes bytes, struct fr_wire_response *ret_response)
{
    struct reader reader = reader_of(bytes);
    struct field field;
    struct fr_metadata_entry entry;
    *ret_response = (struct fr_wire_response){.encoded = bytes};
    while (reader.at < reader.end) {
        if (!read_field(&reader, &field)) {
            return false;
        }
        if (is_field(&field, 1, VARINT)) {
            ret_response->id = field.value;
        } else if (is_field(&field, 2, VARINT)) {
            ret_response->code = (uint32_t)field.value;
        } else if (is_field(&field, 3, BYTES)) {
            ret_response->message = field.bytes;
        } else if (is_field(&field, 4, BYTES)) {
            if (!read_metadata_entry(field.bytes, &entry)) {
                return false;
            }
            ret_response->metadata_count++;
        } else if (is_field(&field, 6, VARINT)) {
            ret_response->retry_after_us = field.value;
        } else if (is_field(&field, 15, BYTES)) {
            ret_response->payload = field.bytes;
        }
    }
    return true;
}

/* One pass over the batch: with on_response NULL it only checks. */
static bool walk_responses(struct fr_bytes bytes, fr_wire_on_response *on_response, void *argument,
                           bool *ret_draining)
{
    struct reader reader = reader_of(bytes);
    struct field field;
    struct fr_wire_response response;
    while (reader.at < reader.end) {
        if (!read_field(&reader, &field)) {
            return false;
        }
        if (is_field(&field, 1, BYTES)) {
            if (!read_response(field.bytes, &response)) {
                return false;
            }
            if (on_response != NULL) {
                on_response(argument, &response);
            }
        } else if (is_field(&field, 3, VARINT)) {
            *ret_draining = field.value != 0;
        }
    }
    return true;
}

enum fr_code fr_wire_decode_response_batch(struct fr_bytes bytes, fr_wire_on_response *on_response, void *argument,
                                           bool *ret_draining, struct fr_error *reterr)
{
    *ret_draining = false;
    if (!walk_responses(bytes, NULL, NULL, ret_draining)) {
        return fr_error_set(reterr, FR_INTERNAL, "the answer is no freshet.rpc.v1.ResponseBatch");
    }
    walk_responses(bytes, on_response, argument, ret_draining);
    return FR_OK;
}

size_t fr_wire_metadata(struct fr_bytes encoded, struct fr_metadata_entry entries[FR_METADATA_MAX_ENTRIES])
{
    struct reader reader = reader_of(encoded);
    struct field field;
    size_t count = 0;
    while (count < FR_METADATA_MAX_ENTRIES && reader.at < reader.end && read_field(&reader, &field)) {
        if (is_field(&field, 4, BYTES) && read_metadata_entry(field.bytes, &entries[count])) {
            count++;
        }
    }
    return count;
}

static size_t varint_size(uint64_t value)
{
    size_t size = 1;
    for (; value >= 0x80; value >>= 7) {
        size++;
    }
    return size;
}

static uint8_t *put_varint(uint8_t *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) {
        *to++ = (uint8_t)(value | 0x80);
    }
    *to++ = (uint8_t)value;
    return to;
}

/* All field numbers of the envelope are below 16, so a tag is one byte. */
static uint8_t tag_of(unsigned number, enum wire_type type)
{
    return (uint8_t)(number << 3 | type);
}

/* proto3: a field with its default value is left out. */
static size_t number_size(uint64_t value)
{
    return value == 0 ? 0 : 1 + varint_size(value);
}

static uint8_t *put_number(uint8_t *to, unsigned number, uint64_t value)
{
    if (value == 0) {
        return to;
    }
    *to++ = tag_of(number, VARINT);
    return put_varint(to, value);
}

static size_t element_size(size_t size)
{
    return 1 + varint_size(size) + size;
}

static size_t bytes_size(struct fr_bytes bytes)
{
    return bytes.size == 0 ? 0 : element_size(bytes.size);
}

static uint8_t *put_raw(uint8_t *to, struct fr_bytes bytes)
{
    if (bytes.size > 0) {
        memcpy(to, bytes.data, bytes.size);
    }
    return to + bytes.size;
}

static uint8_t *put_header(uint8_t *to, unsigned number, size_t size)
{
    *to++ = tag_of(number, BYTES);
    return put_varint(to, size);
}

static uint8_t *put_bytes(uint8_t *to, unsigned number, struct fr_bytes bytes)
{
    return bytes.size == 0 ? to : put_raw(put_header(to, number, bytes.size), bytes);
}

static size_t request_body_size(const struct fr_wire_request *request, struct fr_metadata metadata)
{
    size_t size = number_size(request->id) + bytes_size(request->method) + number_size(request->timeout_us) +
                  bytes_size(request->payload);
    for (size_t i = 0; i < metadata.count; i++) {
        size += element_size(bytes_size(metadata.entries[i].key) + bytes_size(metadata.entries[i].value));
    }
    return size;
}

size_t fr_wire_request_size(const struct fr_wire_request *request, struct fr_metadata metadata)
{
    return element_size(request_body_size(request, metadata));
}

static uint8_t *put_metadata(uint8_t *to, struct fr_bytes key, struct fr_bytes value)
{
    to = put_header(to, 4, bytes_size(key) + bytes_size(value));
    return put_bytes(put_bytes(to, 1, key), 2, value);
}

void fr_wire_put_request(const struct fr_wire_request *request, struct fr_metadata metadata, uint8_t *to)
{
    to = put_header(to, 1, request_body_size(request, metadata));
    to = put_number(to, 1, request->id);
    to = put_bytes(to, 2, request->method);
    to = put_number(to, 3, request->timeout_us);
    for (size_t i = 0; i < metadata.count; i++) {
        to = put_metadata(to, metadata.entries[i].key, metadata.entries[i].value);
    }
    put_bytes(to, 15, request->payload);
}

void fr_wire_put_metadata(struct fr_buffer *out, struct fr_bytes key, struct fr_bytes value)
{
    size_t size = element_size(bytes_size(key) + bytes_size(value));
    uint8_t *to = fr_buffer_reserve(out, size);
    if (to != NULL) {
        put_metadata(to, key, value);
        out->size += size;
    }
}

static size_t response_body_size(const struct fr_wire_response *response)
{
    return number_size(response->id) + number_size(response->code) + bytes_size(response->message) +
           response->encoded_metadata.size + number_size(response->retry_after_us) + bytes_size(response->payload);
}

size_t fr_wire_response_size(const struct fr_wire_response *response)
{
    return element_size(response_body_size(response));
}

void fr_wire_put_response(const struct fr_wire_response *response, uint8_t *to)
{
    to = put_header(to, 1, response_body_size(response));
    to = put_number(to, 1, response->id);
    to = put_number(to, 2, response->code);
    to = put_bytes(to, 3, response->message);
    to = put_raw(to, response->encoded_metadata);
    to = put_number(to, 6, response->retry_after_us);
    put_bytes(to, 15, response->payload);
}

void fr_wire_put_draining(uint8_t to[FR_WIRE_DRAINING_BYTES])
{
    put_number(to, 3, 1);
}
