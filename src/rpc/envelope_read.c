/* SPDX-License-Identifier: MIT */
/*
 * envelope_read.c - reads the wire format of calls, by hand so that payloads are not copied.
 *
 * Pure: no I/O, no clock, no locks. tests/rpc/test_envelope.c and the fuzz target hold it against protobuf-c.
 */
#include "rpc/envelope.h"

#include "rpc/envelope_wire.h"

struct field {
    uint32_t number;
    enum wire_type type;
    uint64_t value;        /* VARINT, FIXED64, FIXED32 */
    struct fr_bytes bytes; /* BYTES */
};

static bool read_varint(struct fr_wire_cursor *cursor, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && cursor->at < cursor->end; shift += 7) {
        uint8_t byte = *cursor->at++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *ret_value = value;
            return shift < 63 || byte <= 1;
        }
    }
    return false;
}

static bool read_fixed(struct fr_wire_cursor *cursor, unsigned width, uint64_t *ret_value)
{
    uint64_t value = 0;
    if ((size_t)(cursor->end - cursor->at) < width) {
        return false;
    }
    for (unsigned i = 0; i < width; i++) {
        value |= (uint64_t)cursor->at[i] << (8 * i);
    }
    cursor->at += width;
    *ret_value = value;
    return true;
}

/* Groups and the unused wire types are malformed here: no field of the envelope has them. */
static bool read_field(struct fr_wire_cursor *cursor, struct field *ret_field)
{
    uint64_t tag;
    if (!read_varint(cursor, &tag) || tag >> 3 == 0 || tag >> 3 > (UINT64_C(1) << 29) - 1) {
        return false;
    }
    ret_field->number = (uint32_t)(tag >> 3);
    ret_field->type = (enum wire_type)(tag & 7);
    switch (ret_field->type) {
    case VARINT:
        return read_varint(cursor, &ret_field->value);
    case FIXED64:
        return read_fixed(cursor, 8, &ret_field->value);
    case FIXED32:
        return read_fixed(cursor, 4, &ret_field->value);
    case BYTES: {
        uint64_t size;
        if (!read_varint(cursor, &size) || size > (uint64_t)(cursor->end - cursor->at)) {
            return false;
        }
        ret_field->bytes = (struct fr_bytes){cursor->at, (size_t)size};
        cursor->at += size;
        return true;
    }
    }
    return false;
}

static struct fr_wire_cursor cursor_of(struct fr_bytes bytes)
{
    /* NULL stays NULL: C gives even NULL + 0 no meaning. */
    return (struct fr_wire_cursor){bytes.data, bytes.size == 0 ? bytes.data : bytes.data + bytes.size};
}

static bool is_field(const struct field *field, uint32_t number, enum wire_type type)
{
    return field->number == number && field->type == type;
}

/* Metadata {key, value} and Any {type_url, value} are alike: two fields of bytes. */
struct pair {
    struct fr_bytes first, second;
};

static bool read_pair(struct fr_bytes bytes, struct pair *ret_pair)
{
    struct fr_wire_cursor cursor = cursor_of(bytes);
    struct field field;
    *ret_pair = (struct pair){{0}, {0}};
    while (cursor.at < cursor.end) {
        if (!read_field(&cursor, &field)) {
            return false;
        }
        if (is_field(&field, 1, BYTES)) {
            ret_pair->first = field.bytes;
        } else if (is_field(&field, 2, BYTES)) {
            ret_pair->second = field.bytes;
        }
    }
    return true;
}

static bool read_request(struct fr_bytes bytes, struct fr_wire_request *ret_request)
{
    struct fr_wire_cursor cursor = cursor_of(bytes);
    struct field field;
    struct pair pair;
    *ret_request = (struct fr_wire_request){.encoded = bytes, .too_large = bytes.size > FR_MAX_MESSAGE_BYTES};
    while (cursor.at < cursor.end) {
        if (!read_field(&cursor, &field)) {
            return false;
        }
        if (is_field(&field, 1, VARINT)) {
            ret_request->id = field.value;
        } else if (is_field(&field, 2, BYTES)) {
            ret_request->method = field.bytes;
        } else if (is_field(&field, 3, VARINT)) {
            ret_request->timeout_us = field.value;
        } else if (is_field(&field, METADATA_FIELD, BYTES)) {
            if (!read_pair(field.bytes, &pair)) {
                return false;
            }
            ret_request->metadata_count++;
        } else if (is_field(&field, 15, BYTES)) {
            ret_request->payload = field.bytes;
        }
    }
    return true;
}

static bool read_response(struct fr_bytes bytes, struct fr_wire_response *ret_response)
{
    struct fr_wire_cursor cursor = cursor_of(bytes);
    struct field field;
    struct pair pair;
    *ret_response = (struct fr_wire_response){.encoded = bytes};
    while (cursor.at < cursor.end) {
        if (!read_field(&cursor, &field)) {
            return false;
        }
        if (is_field(&field, 1, VARINT)) {
            ret_response->id = field.value;
        } else if (is_field(&field, 2, VARINT)) {
            ret_response->code = (uint32_t)field.value;
        } else if (is_field(&field, 3, BYTES)) {
            ret_response->message = field.bytes;
        } else if (is_field(&field, METADATA_FIELD, BYTES) || is_field(&field, DETAILS_FIELD, BYTES)) {
            if (!read_pair(field.bytes, &pair)) {
                return false;
            }
            *(field.number == METADATA_FIELD ? &ret_response->metadata_count : &ret_response->details_count) += 1;
        } else if (is_field(&field, 6, VARINT)) {
            ret_response->retry_after_us = field.value;
        } else if (is_field(&field, 15, BYTES)) {
            ret_response->payload = field.bytes;
        }
    }
    return true;
}

/* The next element of field 1 of a batch. */
static enum fr_wire_step next_element(struct fr_wire_cursor *cursor, struct fr_bytes *ret_element)
{
    struct field field;
    while (cursor->at < cursor->end) {
        if (!read_field(cursor, &field)) {
            return FR_WIRE_MALFORMED;
        }
        if (is_field(&field, 1, BYTES)) {
            *ret_element = field.bytes;
            return FR_WIRE_ITEM;
        }
    }
    return FR_WIRE_END;
}

enum fr_wire_step fr_wire_next_request(struct fr_wire_cursor *cursor, struct fr_wire_request *ret_request)
{
    struct fr_bytes element;
    enum fr_wire_step step = next_element(cursor, &element);
    return step == FR_WIRE_ITEM && !read_request(element, ret_request) ? FR_WIRE_MALFORMED : step;
}

enum fr_wire_step fr_wire_next_response(struct fr_wire_cursor *cursor, struct fr_wire_response *ret_response)
{
    struct fr_bytes element;
    enum fr_wire_step step = next_element(cursor, &element);
    return step == FR_WIRE_ITEM && !read_response(element, ret_response) ? FR_WIRE_MALFORMED : step;
}

/* Ids as one varint, or packed. */
static bool is_ids(const struct field *field, uint32_t number)
{
    return is_field(field, number, VARINT) || is_field(field, number, BYTES);
}

static bool read_ids(const struct field *field, fr_wire_on_id *on_id, void *argument)
{
    uint64_t id;
    if (field->type == VARINT) {
        on_id(argument, field->value);
        return true;
    }
    struct fr_wire_cursor cursor = cursor_of(field->bytes);
    while (cursor.at < cursor.end) {
        if (!read_varint(&cursor, &id)) {
            return false;
        }
        on_id(argument, id);
    }
    return true;
}

static void ignore_id(void *argument, uint64_t id)
{
    (void)argument;
    (void)id;
}

void fr_wire_ids(struct fr_bytes batch, enum fr_wire_ids_field number, fr_wire_on_id *on_id, void *argument)
{
    struct fr_wire_cursor cursor = cursor_of(batch);
    struct field field;
    while (cursor.at < cursor.end && read_field(&cursor, &field)) {
        if (is_ids(&field, number)) {
            read_ids(&field, on_id, argument);
        }
    }
}

static bool read_request_framing(struct fr_bytes bytes, struct fr_wire_request_batch *batch)
{
    struct fr_wire_cursor cursor = cursor_of(bytes);
    struct field field;
    while (cursor.at < cursor.end) {
        if (!read_field(&cursor, &field)) {
            return false;
        }
        if (is_field(&field, 1, BYTES)) {
            batch->count++;
        } else if (is_field(&field, 2, FIXED64)) {
            batch->session = field.value;
        } else if (is_field(&field, 3, VARINT)) {
            batch->collect = field.value != 0;
        } else if (is_ids(&field, FR_WIRE_CANCEL)) {
            if (!read_ids(&field, ignore_id, NULL)) {
                return false;
            }
            batch->cancel_count++;
        } else if (is_field(&field, 5, VARINT)) {
            batch->max_reply_bytes = (uint32_t)field.value;
        }
    }
    return true;
}

enum fr_code fr_wire_read_request_batch(struct fr_bytes bytes, struct fr_wire_request_batch *ret_batch,
                                        struct fr_error *reterr)
{
    struct fr_wire_request_batch batch = {.requests = cursor_of(bytes)};
    if (!read_request_framing(bytes, &batch)) {
        return fr_error_set(reterr, FR_INTERNAL, "the request is no freshet.rpc.v1.RequestBatch");
    }
    if (batch.count > FR_MAX_BATCH_CALLS) {
        return fr_error_set(reterr, FR_RESOURCE_EXHAUSTED, "a batch holds at most %u calls, this one %u",
                            FR_MAX_BATCH_CALLS, batch.count);
    }
    if (batch.max_reply_bytes == 0 || batch.max_reply_bytes > FR_MAX_BATCH_BYTES) {
        batch.max_reply_bytes = FR_MAX_BATCH_BYTES;
    }
    *ret_batch = batch;
    return FR_OK;
}

static bool read_response_framing(struct fr_bytes bytes, struct fr_wire_response_batch *batch)
{
    struct fr_wire_cursor cursor = cursor_of(bytes);
    struct field field;
    while (cursor.at < cursor.end) {
        if (!read_field(&cursor, &field)) {
            return false;
        }
        if (is_field(&field, 1, BYTES)) {
            batch->count++;
        } else if (is_ids(&field, FR_WIRE_PENDING)) {
            if (!read_ids(&field, ignore_id, NULL)) {
                return false;
            }
            batch->pending_count++;
        } else if (is_field(&field, 3, VARINT)) {
            batch->draining = field.value != 0;
        }
    }
    return true;
}

enum fr_code fr_wire_read_response_batch(struct fr_bytes bytes, struct fr_wire_response_batch *ret_batch,
                                         struct fr_error *reterr)
{
    struct fr_wire_response_batch batch = {.responses = cursor_of(bytes)};
    if (!read_response_framing(bytes, &batch)) {
        return fr_error_set(reterr, FR_INTERNAL, "the answer is no freshet.rpc.v1.ResponseBatch");
    }
    *ret_batch = batch;
    return FR_OK;
}

/* The next pair of field number within a Request or Response. */
static bool next_pair(struct fr_wire_cursor *cursor, uint32_t number, struct pair *ret_pair)
{
    struct field field;
    while (cursor->at < cursor->end && read_field(cursor, &field)) {
        if (is_field(&field, number, BYTES)) {
            return read_pair(field.bytes, ret_pair);
        }
    }
    return false;
}

size_t fr_wire_metadata(struct fr_bytes encoded, struct fr_metadata_entry entries[FR_METADATA_MAX_ENTRIES])
{
    struct fr_wire_cursor cursor = cursor_of(encoded);
    struct pair pair;
    size_t count = 0;
    while (count < FR_METADATA_MAX_ENTRIES && next_pair(&cursor, METADATA_FIELD, &pair)) {
        entries[count++] = (struct fr_metadata_entry){pair.first, pair.second};
    }
    return count;
}

size_t fr_wire_details(struct fr_bytes encoded, struct fr_detail details[FR_MAX_DETAILS])
{
    struct fr_wire_cursor cursor = cursor_of(encoded);
    struct pair pair;
    size_t count = 0;
    while (count < FR_MAX_DETAILS && next_pair(&cursor, DETAILS_FIELD, &pair)) {
        details[count++] = (struct fr_detail){pair.first, pair.second};
    }
    return count;
}

size_t fr_wire_whole_elements(struct fr_bytes batch, size_t room)
{
    struct fr_wire_cursor cursor = cursor_of(batch);
    struct field field;
    size_t size = 0;
    while (cursor.at < cursor.end && read_field(&cursor, &field) && (size_t)(cursor.at - batch.data) <= room) {
        size = (size_t)(cursor.at - batch.data);
    }
    return size;
}
