/* SPDX-License-Identifier: MIT */
/*
 * codec.h - one way to turn a message into bytes and back, as one row of every table. Also for C++.
 *
 * All codecs start from the same C message and end in the same place: every field read once into a sink. A JSON
 * library builds its own tree from the message and reads its own tree by the names of the fields.
 */
#ifndef PAYLOAD_CODEC_H
#define PAYLOAD_CODEC_H

#include "payload/plan.h"
#include "payload/sink.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fr_message_type;

struct payload_bytes {
    const uint8_t *data;
    size_t size;
};

/* What a codec works on; everything is borrowed until codec->close. */
struct codec_input {
    const ProtobufCMessage *message; /* what is encoded */
    const struct plan *plan;         /* of message */
    struct payload_bytes protobuf;   /* what is decoded */
    struct payload_bytes json;       /* the same as compact JSON, with CODEC_PADDING zero bytes behind it */
    const struct fr_message_type *type;
    const struct plan *type_plan; /* of messages that are made by the type, not by generated code */
};

#define CODEC_PADDING 64 /* bytes behind the JSON text that a parser may read */

enum codec_format { CODEC_PROTOBUF, CODEC_JSON };

/* false stands for no memory, or text that the library refuses. */
struct codec {
    const char *name;
    const char *about;   /* what it reuses and what it checks */
    const char *library; /* whose version it reports */
    const char *missing; /* the packages to install if it is not built; NULL: it is */
    const char *(*version)(void);
    enum codec_format format;
    void *(*open)(const struct codec_input *input); /* NULL without memory */
    void (*close)(void *state);
    /* One message to bytes, which are borrowed until drop. NULL: does not encode. */
    bool (*encode)(void *state, struct payload_bytes *ret_bytes);
    /* Gives back what encode returned; part of what is timed. NULL: nothing to do. */
    void (*drop)(void *state);
    /* Decodes the input's bytes, reads every field into the sink and frees all of it. NULL: does not decode. */
    bool (*decode)(void *state, struct sink *sink);
};

/* Every codec that the program knows, built or not, in the order of the tables. */
extern const struct codec *const codecs[];
extern const size_t codec_count;

extern const struct codec codec_protobuf_c, codec_protobuf_c_arena, codec_protobuf_c_reuse, codec_freshet;
extern const struct codec codec_jansson, codec_cjson, codec_json_c, codec_json_c_reuse;
extern const struct codec codec_rapidjson, codec_rapidjson_in_place, codec_rapidjson_writer;
extern const struct codec codec_simdjson, codec_simdjson_reuse, codec_simdjson_ondemand;
extern const struct codec codec_freshet_json, codec_direct_json;

#ifdef __cplusplus
}
#endif

#endif
