/* SPDX-License-Identifier: MIT */
/*
 * wire.c - one field of the protobuf wire format at a time, with no knowledge of types.
 *
 * Takes nothing that protobuf-c would refuse later: tags and lengths of at most five bytes, no groups.
 */
#include "message/wire.h"

#include <limits.h>

#define MAX_VARINT_BYTES 10
#define MAX_SHORT_BYTES  5 /* tags and lengths */
#define MAX_FIELD_NUMBER 536870911

size_t fr_wire_varint_size(struct fr_bytes bytes)
{
    size_t limit = bytes.size < MAX_VARINT_BYTES ? bytes.size : MAX_VARINT_BYTES;
    for (size_t i = 0; i < limit; i++) {
        if ((bytes.data[i] & 0x80) == 0) {
            return i + 1;
        }
    }
    return 0;
}

static void advance(struct fr_bytes *bytes, size_t size)
{
    bytes->data += size;
    bytes->size -= size;
}

static bool take_short(struct fr_bytes *bytes, uint64_t *ret_value)
{
    size_t size = fr_wire_varint_size(*bytes);
    if (size == 0 || size > MAX_SHORT_BYTES) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value |= (uint64_t)(bytes->data[i] & 0x7f) << (7 * i);
    }
    advance(bytes, size);
    *ret_value = value;
    return true;
}

static const char *value_size(struct fr_bytes *bytes, unsigned type, size_t *ret_size)
{
    uint64_t length;
    switch (type) {
    case FR_WIRE_VARINT:
        *ret_size = fr_wire_varint_size(*bytes);
        return *ret_size == 0 ? "the number does not end" : NULL;
    case FR_WIRE_64BIT:
        *ret_size = 8;
        return NULL;
    case FR_WIRE_32BIT:
        *ret_size = 4;
        return NULL;
    case FR_WIRE_BYTES:
        if (!take_short(bytes, &length) || length > INT_MAX) {
            return "the length is malformed";
        }
        *ret_size = (size_t)length;
        return NULL;
    case 3:
    case 4:
        return "groups are not supported";
    default:
        return "there is no such wire type";
    }
}

const char *fr_wire_next(struct fr_bytes *bytes, struct fr_wire_field *ret_field)
{
    uint64_t tag;
    *ret_field = (struct fr_wire_field){0};
    if (!take_short(bytes, &tag)) {
        return "the field's tag is malformed";
    }
    if (tag >> 3 == 0 || tag >> 3 > MAX_FIELD_NUMBER) {
        return "the field's number is out of range";
    }
    ret_field->number = (uint32_t)(tag >> 3);
    size_t size = 0;
    const char *wrong = value_size(bytes, tag & 7, &size);
    if (wrong != NULL) {
        return wrong;
    }
    if (size > bytes->size) {
        return "truncated";
    }
    ret_field->type = (enum fr_wire_type)(tag & 7);
    ret_field->value = (struct fr_bytes){bytes->data, size};
    advance(bytes, size);
    return NULL;
}
