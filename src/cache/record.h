/* SPDX-License-Identifier: MIT */
/*
 * record.h - the record of a key in Redis and the invalidation event: bytes, and the rule when a record
 * serves.
 *
 * Wire format: proto/freshet/cache/v1/cache.proto. Fixed-width fields come first and in the order of their
 * numbers, so that each has one offset, which the Lua scripts rely on too. Pure.
 */
#ifndef FR_CACHE_RECORD_H
#define FR_CACHE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

/* Lua keeps numbers as doubles: no version, floor or event number may exceed what these hold exactly. */
#define FR_VERSION_MAX ((UINT64_C(1) << 53) - 1)

/* What a record holds; the numbers are those of Record.Kind. */
enum fr_value_kind { FR_VALUE_NONE, FR_VALUE_FOUND, FR_VALUE_NOT_FOUND };

struct fr_record {
    enum fr_value_kind kind;
    uint64_t version;
    uint64_t floor;
    uint64_t token;
    uint64_t lease_end_us;
    uint64_t soft_expiry_us;
    uint64_t incarnation;
    struct fr_bytes payload; /* FOUND only; borrowed from what was decoded */
};

/* The seven fixed fields; then, for FOUND only, the payload's tag, its length and its bytes. */
#define FR_RECORD_HEADER_BYTES 59

/* Appends the record. */
void fr_record_encode(const struct fr_record *record, struct fr_buffer *out);
/* Appends only what follows the header: the payload field. */
void fr_record_encode_payload(struct fr_bytes payload, struct fr_buffer *out);
/* false: not exactly what fr_record_encode writes, or a version above FR_VERSION_MAX. */
bool fr_record_decode(struct fr_bytes bytes, struct fr_record *ret_record);
/*
 * Whether the value may be shown: there is one, it is not under the floor, and this life of Redis wrote it.
 */
bool fr_record_serves(const struct fr_record *record, uint64_t incarnation);

/* Which event: numbers are those of one life of Redis. number 0: none. */
struct fr_event_id {
    uint64_t number, incarnation;
};

struct fr_invalidation_event {
    uint64_t number;
    uint64_t version;
    struct fr_bytes key;     /* without the namespace; borrowed from what was decoded */
    uint64_t commit_time_us; /* fr_clock_wall_us of the machine that wrote; 0: not known */
};

void fr_invalidation_event_encode(const struct fr_invalidation_event *event, struct fr_buffer *out);
/*
 * false: does not begin with the first three fields as the encoder writes them, goes on with what is no protobuf, or
 * has an empty key or a number above FR_VERSION_MAX. Fields that it does not know may follow.
 */
bool fr_invalidation_event_decode(struct fr_bytes bytes, struct fr_invalidation_event *ret_event);

/* The event's last field as the publish script is given it; nothing for 0. Returns its size. */
#define FR_INVALIDATION_TIME_BYTES 9
size_t fr_invalidation_time_encode(uint64_t commit_time_us, uint8_t out[FR_INVALIDATION_TIME_BYTES]);

/* Eight bytes, little-endian, as in a fixed64 field. */
void fr_fixed64_encode(uint64_t value, uint8_t out[8]);

#endif
