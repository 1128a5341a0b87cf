/* SPDX-License-Identifier: MIT */
/*
 * record.c - encode and decode Record and InvalidationEvent at fixed offsets. Pure.
 */
#include "cache/record.h"

#include <string.h>

/* A protobuf tag byte is number << 3 | wire type; 1: fixed64, 2: length-delimited, 5: fixed32. */
#define FIXED64(number) ((uint8_t)((number) << 3 | 1))
#define BYTES(number)   ((uint8_t)((number) << 3 | 2))
#define FIXED32(number) ((uint8_t)((number) << 3 | 5))

#define VARINT_MAX_BYTES 10

void fr_fixed64_encode(uint64_t value, uint8_t out[8])
{
    for (unsigned i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

static void put_fixed(struct fr_buffer *out, uint8_t tag, uint64_t value)
{
    uint8_t field[9] = {tag};
    fr_fixed64_encode(value, field + 1);
    fr_buffer_append(out, field, (tag & 7) == 5 ? 5 : 9);
}

static void put_bytes(struct fr_buffer *out, uint8_t tag, struct fr_bytes value)
{
    uint8_t head[1 + VARINT_MAX_BYTES] = {tag};
    size_t size = 1;
    uint64_t rest = value.size;
    for (; rest > 0x7f; rest >>= 7) {
        head[size++] = (uint8_t)(rest | 0x80);
    }
    head[size++] = (uint8_t)rest;
    fr_buffer_append(out, head, size);
    if (value.size > 0) {
        fr_buffer_append(out, value.data, value.size);
    }
}

static void skip(struct fr_bytes *in, size_t size)
{
    in->data += size;
    in->size -= size;
}

/* Reads one field off the front of *in; false: another tag, or cut short. */
static bool take_fixed(struct fr_bytes *in, uint8_t tag, uint64_t *ret_value)
{
    size_t width = (tag & 7) == 5 ? 4 : 8;
    if (in->size < 1 + width || in->data[0] != tag) {
        return false;
    }
    *ret_value = 0;
    for (size_t i = 0; i < width; i++) {
        *ret_value |= (uint64_t)in->data[1 + i] << (8 * i);
    }
    skip(in, 1 + width);
    return true;
}

/* A number of up to 63 bits, in the shortest form. */
static bool take_varint(struct fr_bytes *in, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (size_t at = 0; at < in->size && at < VARINT_MAX_BYTES - 1; at++) {
        uint8_t byte = in->data[at];
        value |= (uint64_t)(byte & 0x7f) << (7 * at);
        if (byte < 0x80) {
            skip(in, at + 1);
            *ret_value = value;
            return byte != 0 || at == 0;
        }
    }
    return false;
}

static bool take_sized(struct fr_bytes *in, struct fr_bytes *ret_value)
{
    uint64_t size;
    if (!take_varint(in, &size) || size > in->size) {
        return false;
    }
    *ret_value = (struct fr_bytes){.data = in->data, .size = (size_t)size};
    skip(in, (size_t)size);
    return true;
}

static bool take_bytes(struct fr_bytes *in, uint8_t tag, struct fr_bytes *ret_value)
{
    if (in->size == 0 || in->data[0] != tag) {
        return false;
    }
    skip(in, 1);
    return take_sized(in, ret_value);
}

/* Any field, as a later version may add one. */
static bool skip_field(struct fr_bytes *in)
{
    uint64_t tag;
    struct fr_bytes value;
    if (!take_varint(in, &tag)) {
        return false;
    }
    size_t width = (tag & 7) == 1 ? 8 : (tag & 7) == 5 ? 4 : 0;
    switch (tag & 7) {
    case 0:
        return take_varint(in, &tag);
    case 2:
        return take_sized(in, &value);
    case 1:
    case 5:
        if (in->size < width) {
            return false;
        }
        skip(in, width);
        return true;
    default:
        return false;
    }
}

void fr_record_encode_payload(struct fr_bytes payload, struct fr_buffer *out)
{
    put_bytes(out, BYTES(15), payload);
}

void fr_record_encode(const struct fr_record *record, struct fr_buffer *out)
{
    put_fixed(out, FIXED32(1), record->kind);
    put_fixed(out, FIXED64(2), record->version);
    put_fixed(out, FIXED64(3), record->floor);
    put_fixed(out, FIXED64(4), record->token);
    put_fixed(out, FIXED64(5), record->lease_end_us);
    put_fixed(out, FIXED64(6), record->soft_expiry_us);
    put_fixed(out, FIXED64(7), record->incarnation);
    if (record->kind == FR_VALUE_FOUND) {
        fr_record_encode_payload(record->payload, out);
    }
}

bool fr_record_decode(struct fr_bytes bytes, struct fr_record *ret_record)
{
    struct fr_record record = {.kind = FR_VALUE_NONE};
    uint64_t kind;
    bool whole = take_fixed(&bytes, FIXED32(1), &kind) && take_fixed(&bytes, FIXED64(2), &record.version) &&
                 take_fixed(&bytes, FIXED64(3), &record.floor) &&
                 take_fixed(&bytes, FIXED64(4), &record.token) &&
                 take_fixed(&bytes, FIXED64(5), &record.lease_end_us) &&
                 take_fixed(&bytes, FIXED64(6), &record.soft_expiry_us) &&
                 take_fixed(&bytes, FIXED64(7), &record.incarnation);
    if (!whole || kind > FR_VALUE_NOT_FOUND || record.version > FR_VERSION_MAX ||
        record.floor > FR_VERSION_MAX) {
        return false;
    }
    record.kind = (enum fr_value_kind)kind;
    if ((record.kind == FR_VALUE_FOUND && !take_bytes(&bytes, BYTES(15), &record.payload)) || bytes.size != 0) {
        return false;
    }
    *ret_record = record;
    return true;
}

bool fr_record_serves(const struct fr_record *record, uint64_t incarnation)
{
    return record->kind != FR_VALUE_NONE && record->version >= record->floor &&
           record->incarnation == incarnation;
}

size_t fr_invalidation_time_encode(uint64_t commit_time_us, uint8_t out[FR_INVALIDATION_TIME_BYTES])
{
    out[0] = FIXED64(4);
    fr_fixed64_encode(commit_time_us, out + 1);
    return commit_time_us == 0 ? 0 : FR_INVALIDATION_TIME_BYTES;
}

void fr_invalidation_event_encode(const struct fr_invalidation_event *event, struct fr_buffer *out)
{
    put_fixed(out, FIXED64(1), event->number);
    put_fixed(out, FIXED64(2), event->version);
    put_bytes(out, BYTES(3), event->key);
    uint8_t time[FR_INVALIDATION_TIME_BYTES];
    fr_buffer_append(out, time, fr_invalidation_time_encode(event->commit_time_us, time));
}

bool fr_invalidation_event_decode(struct fr_bytes bytes, struct fr_invalidation_event *ret_event)
{
    struct fr_invalidation_event event = {.number = 0};
    if (!take_fixed(&bytes, FIXED64(1), &event.number) || !take_fixed(&bytes, FIXED64(2), &event.version) ||
        !take_bytes(&bytes, BYTES(3), &event.key) || event.key.size == 0 || event.number > FR_VERSION_MAX ||
        event.version > FR_VERSION_MAX) {
        return false;
    }
    while (bytes.size > 0) {
        if (!take_fixed(&bytes, FIXED64(4), &event.commit_time_us) && !skip_field(&bytes)) {
            return false;
        }
    }
    *ret_event = event;
    return true;
}
