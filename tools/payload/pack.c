/* SPDX-License-Identifier: MIT */
/*
 * pack.c - whole messages to bytes and back by one of three codecs.
 *
 * The table at the end is all that differs between the variants of `freshet bench variants`.
 */
#include "payload/pack.h"

#include <stdlib.h>

#include "message/json.h"
#include "payload/codec.h"
#include "payload/json_read.h"
#include "payload/plan_new.h"
#include "payload/shapes.h"
#include "payload/touch.h"

#define ARENA_BYTES ((size_t)16 << 10)

struct pack_type {
    const struct fr_message_type *type;
    struct fr_arena *arena;   /* owned; of the plans */
    const struct plan *plan;  /* of generated code */
    const struct plan *types; /* of messages made by the type */
};

struct row {
    const char *name, *about;
    const struct codec *writer;
    enum fr_code (*decode)(const struct pack_type *type, struct fr_bytes bytes, struct fr_arena *arena,
                           ProtobufCMessage **ret_message, struct fr_error *reterr);
    bool by_type; /* decodes into a message of the type, not of generated code */
};

struct pack {
    const struct row *row;
    struct codec_input input;
    void *writer; /* owned */
    bool holds;   /* the writer has bytes that are to be dropped */
};

static enum fr_code decode_protobuf(const struct pack_type *type, struct fr_bytes bytes, struct fr_arena *arena,
                                    ProtobufCMessage **ret_message, struct fr_error *reterr)
{
    return fr_message_unpack(type->plan->descriptor, bytes, arena, ret_message, reterr);
}

static enum fr_code decode_json(const struct pack_type *type, struct fr_bytes bytes, struct fr_arena *arena,
                                ProtobufCMessage **ret_message, struct fr_error *reterr)
{
    return json_read(type->plan, bytes, arena, ret_message, reterr);
}

static enum fr_code decode_jansson(const struct pack_type *type, struct fr_bytes bytes, struct fr_arena *arena,
                                   ProtobufCMessage **ret_message, struct fr_error *reterr)
{
    return fr_json_read(type->type, bytes, arena, ret_message, reterr);
}

static const struct row rows[PACK_CODECS] = {
    [PACK_PROTOBUF] = {"protobuf", "into a kept buffer; all bytes and UTF-8 checked, then unpacked into an arena",
                       &codec_freshet, decode_protobuf, false},
    [PACK_JSON] = {"json", "written and read straight by the schema, no tree; all text checked; into an arena",
                   &codec_direct_json, decode_json, false},
    [PACK_JANSSON] = {"jansson", "the ordinary way: builds a tree and prints it; parses one, then reads it into the struct",
                      &codec_jansson, decode_jansson, true},
};

struct pack_codec pack_codec_at(enum pack_codec_index codec)
{
    const struct row *row = &rows[codec];
    return (struct pack_codec){row->name, row->about, row->writer->library, row->writer->version()};
}

enum fr_code pack_schema_new(struct fr_schema **ret_schema, struct fr_error *reterr)
{
    return fr_schema_new((struct fr_bytes){shapes_protoset, shapes_protoset_size}, ret_schema, reterr);
}

enum fr_code pack_type_new(const struct fr_schema *schema, const char *name,
                           const ProtobufCMessageDescriptor *descriptor, struct pack_type **ret_type,
                           struct fr_error *reterr)
{
    const struct fr_message_type *type = fr_schema_find_message(schema, name);
    struct pack_type *self = calloc(1, sizeof *self);
    if (self == NULL || (self->arena = fr_arena_new(ARENA_BYTES)) == NULL) {
        free(self);
        return fr_error_no_memory(reterr);
    }
    self->type = type;
    enum fr_code code = type != NULL ? plan_new(self->arena, type, descriptor, &self->plan, reterr)
                                     : fr_error_set(reterr, FR_INVALID_ARGUMENT, "there is no message '%s'", name);
    if (code == FR_OK) {
        code = plan_new(self->arena, type, fr_message_type_descriptor(type), &self->types, reterr);
    }
    if (code != FR_OK) {
        pack_type_free(self);
        return code;
    }
    *ret_type = self;
    return FR_OK;
}

void pack_type_free(struct pack_type *self)
{
    if (self != NULL) {
        fr_arena_free(self->arena);
        free(self);
    }
}

struct pack *pack_new(enum pack_codec_index codec, const struct pack_type *type)
{
    struct pack *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->row = &rows[codec];
        self->input = (struct codec_input){.plan = type->plan, .type = type->type, .type_plan = type->types};
        self->writer = self->row->writer->open(&self->input);
    }
    if (self != NULL && self->writer == NULL) {
        free(self);
        self = NULL;
    }
    return self;
}

static void drop(struct pack *self)
{
    if (self->holds && self->row->writer->drop != NULL) {
        self->row->writer->drop(self->writer);
    }
    self->holds = false;
}

void pack_free(struct pack *self)
{
    if (self != NULL) {
        drop(self);
        self->row->writer->close(self->writer);
        free(self);
    }
}

bool pack_encode(struct pack *self, const ProtobufCMessage *message, struct fr_bytes *ret_bytes)
{
    struct payload_bytes bytes;
    drop(self);
    self->input.message = message;
    self->holds = self->row->writer->encode(self->writer, &bytes);
    if (self->holds) {
        *ret_bytes = (struct fr_bytes){bytes.data, bytes.size};
    }
    return self->holds;
}

enum fr_code pack_decode(enum pack_codec_index codec, const struct pack_type *type, struct fr_bytes bytes,
                         struct fr_arena *arena, ProtobufCMessage **ret_message, struct fr_error *reterr)
{
    return rows[codec].decode(type, bytes, arena, ret_message, reterr);
}

static const struct plan *plan_of(enum pack_codec_index codec, const struct pack_type *type)
{
    return rows[codec].by_type ? type->types : type->plan;
}

uint64_t pack_sum(enum pack_codec_index codec, const struct pack_type *type, const ProtobufCMessage *message,
                  bool strict)
{
    struct sink sink = {.strict = strict};
    touch_message(&sink, plan_of(codec, type), message);
    return sink.sum;
}

const char *pack_first_text(enum pack_codec_index codec, const struct pack_type *type, const ProtobufCMessage *message)
{
    return plan_text(plan_value(&plan_of(codec, type)->fields[0], message));
}
