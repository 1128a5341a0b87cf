/* SPDX-License-Identifier: MIT */
/*
 * envelope_write.c - writes the wire format of calls into memory of the right size.
 *
 * Pure: no I/O, no clock, no locks. proto3: a field with its default value is left out.
 */
#include <string.h>

#include "rpc/envelope.h"
#include "rpc/envelope_wire.h"

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

static size_t bytes_size(size_t size)
{
    return size == 0 ? 0 : element_size(size);
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

static size_t pair_size(struct fr_bytes first, struct fr_bytes second)
{
    return bytes_size(first.size) + bytes_size(second.size);
}

static uint8_t *put_pair(uint8_t *to, unsigned number, struct fr_bytes first, struct fr_bytes second)
{
    to = put_header(to, number, pair_size(first, second));
    return put_bytes(put_bytes(to, 1, first), 2, second);
}

size_t fr_wire_rest_size(struct fr_bytes method, struct fr_metadata metadata, size_t payload_size)
{
    size_t size = bytes_size(method.size) + bytes_size(payload_size);
    for (size_t i = 0; i < metadata.count; i++) {
        size += element_size(pair_size(metadata.entries[i].key, metadata.entries[i].value));
    }
    return size;
}

uint8_t *fr_wire_put_rest(uint8_t *to, struct fr_bytes method, struct fr_metadata metadata, size_t payload_size)
{
    to = put_bytes(to, 2, method);
    for (size_t i = 0; i < metadata.count; i++) {
        to = put_pair(to, METADATA_FIELD, metadata.entries[i].key, metadata.entries[i].value);
    }
    return payload_size == 0 ? to : put_header(to, 15, payload_size);
}

size_t fr_wire_request_size(uint64_t id, uint64_t timeout_us, size_t rest_size)
{
    return element_size(number_size(id) + number_size(timeout_us) + rest_size);
}

uint8_t *fr_wire_put_request(uint8_t *to, uint64_t id, uint64_t timeout_us, struct fr_bytes rest)
{
    to = put_header(to, 1, number_size(id) + number_size(timeout_us) + rest.size);
    to = put_number(to, 1, id);
    to = put_number(to, 3, timeout_us);
    return put_raw(to, rest);
}

uint8_t *fr_wire_put_session(uint8_t *to, uint64_t session, bool collect)
{
    *to++ = tag_of(2, FIXED64);
    for (unsigned shift = 0; shift < 64; shift += 8) {
        *to++ = (uint8_t)(session >> shift);
    }
    return put_number(to, 3, collect);
}

static size_t packed_size(const uint64_t *ids, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += varint_size(ids[i]);
    }
    return size;
}

size_t fr_wire_ids_size(const uint64_t *ids, size_t count)
{
    return bytes_size(packed_size(ids, count));
}

uint8_t *fr_wire_put_ids(uint8_t *to, enum fr_wire_ids_field field, const uint64_t *ids, size_t count)
{
    if (count > 0) {
        to = put_header(to, field, packed_size(ids, count));
    }
    for (size_t i = 0; i < count; i++) {
        to = put_varint(to, ids[i]);
    }
    return to;
}

static size_t response_body_size(const struct fr_wire_response *response)
{
    return number_size(response->id) + number_size(response->code) + bytes_size(response->message.size) +
           response->encoded.size + number_size(response->retry_after_us) + bytes_size(response->payload.size);
}

size_t fr_wire_response_size(const struct fr_wire_response *response)
{
    return element_size(response_body_size(response));
}

uint8_t *fr_wire_put_response(uint8_t *to, const struct fr_wire_response *response)
{
    to = put_header(to, 1, response_body_size(response));
    to = put_number(to, 1, response->id);
    to = put_number(to, 2, response->code);
    to = put_bytes(to, 3, response->message);
    to = put_raw(to, response->encoded);
    to = put_number(to, 6, response->retry_after_us);
    if (response->payload.size > 0 && response->payload.data == NULL) {
        return put_header(to, 15, response->payload.size) + response->payload.size;
    }
    return put_bytes(to, 15, response->payload);
}

static void append_pair(struct fr_buffer *out, unsigned number, struct fr_bytes first, struct fr_bytes second)
{
    size_t size = element_size(pair_size(first, second));
    uint8_t *to = fr_buffer_reserve(out, size);
    if (to != NULL) {
        put_pair(to, number, first, second);
        out->size += size;
    }
}

void fr_wire_put_metadata(struct fr_buffer *out, struct fr_bytes key, struct fr_bytes value)
{
    append_pair(out, METADATA_FIELD, key, value);
}

void fr_wire_put_detail(struct fr_buffer *out, struct fr_bytes type_url, struct fr_bytes value)
{
    append_pair(out, DETAILS_FIELD, type_url, value);
}

uint8_t *fr_wire_put_draining(uint8_t *to)
{
    return put_number(to, 3, 1);
}
