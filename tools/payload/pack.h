/* SPDX-License-Identifier: MIT */
/*
 * pack.h - whole messages to bytes and back, as a program does that keeps structs: by one of three codecs.
 *
 * Unlike struct codec, which times the parts, this ends in the C struct whatever the format: what
 * `freshet bench variants` runs end to end. Shows nothing of protobuf-c.
 */
#ifndef PAYLOAD_PACK_H
#define PAYLOAD_PACK_H

#include "base/buffer.h"
#include "message/arena.h"

struct ProtobufCMessage;
struct ProtobufCMessageDescriptor;
struct fr_schema;
struct pack_type; /* a message type with all that codecs need of it; immutable, so any thread may use it */
struct pack;      /* encodes with one codec; one thread at a time */

struct pack_codec {
    const char *name;  /* "json" */
    const char *about; /* how it writes and reads */
    const char *library, *version;
};

enum pack_codec_index { PACK_PROTOBUF, PACK_JSON, PACK_JANSSON, PACK_CODECS };

struct pack_codec pack_codec_at(enum pack_codec_index codec);

/* The types of the built-in shapes and of users.v1. *ret_schema is owned. */
FR_MUST_CHECK enum fr_code pack_schema_new(struct fr_schema **ret_schema, struct fr_error *reterr);

/*
 * name: "users.v1.User"; descriptor: of generated code for it. *ret_type is owned; schema is borrowed until it is freed.
 *   FR_INVALID_ARGUMENT  the schema does not have it, or it holds a type that JSON libraries cannot be given
 */
FR_MUST_CHECK enum fr_code pack_type_new(const struct fr_schema *schema, const char *name,
                                         const struct ProtobufCMessageDescriptor *descriptor,
                                         struct pack_type **ret_type, struct fr_error *reterr);
void pack_type_free(struct pack_type *self);

/* type is borrowed. NULL without memory. */
struct pack *pack_new(enum pack_codec_index codec, const struct pack_type *type);
void pack_free(struct pack *self);
/* *ret_bytes is borrowed until the next call. false: no memory. */
bool pack_encode(struct pack *self, const struct ProtobufCMessage *message, struct fr_bytes *ret_bytes);

/*
 * Checks the bytes and makes the message in arena. FR_INVALID_ARGUMENT: they are none of this type; else no memory.
 */
FR_MUST_CHECK enum fr_code pack_decode(enum pack_codec_index codec, const struct pack_type *type, struct fr_bytes bytes,
                                       struct fr_arena *arena, struct ProtobufCMessage **ret_message,
                                       struct fr_error *reterr);

/*
 * Reads every field of a message that codec decoded. strict: the sum depends on every byte; otherwise on numbers and on
 * the lengths and ends of texts, which costs next to nothing.
 */
uint64_t pack_sum(enum pack_codec_index codec, const struct pack_type *type, const struct ProtobufCMessage *message,
                  bool strict);

/* The text of the first field of a message that codec decoded, which is a string; borrowed from the message. */
const char *pack_first_text(enum pack_codec_index codec, const struct pack_type *type,
                            const struct ProtobufCMessage *message);

#endif
