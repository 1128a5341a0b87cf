/* SPDX-License-Identifier: MIT */
/*
 * codec_protobuf.c - protobuf-c as it comes, with an arena, with a kept buffer, and the way Freshet uses it.
 */
#include <stdlib.h>

#include "message/message.h"
#include "payload/codec.h"
#include "payload/room.h"
#include "payload/touch.h"

#define ARENA_BYTES ((size_t)64 << 10) /* a chunk; kept from message to message */

struct state {
    const struct codec_input *input;
    struct fr_arena *arena;  /* owned */
    struct room room;        /* kept from message to message */
    struct fr_buffer buffer; /* owned; Freshet's */
    uint8_t *packed;         /* owned; from malloc for each message */
};

static const char *version(void)
{
    return protobuf_c_version();
}

static void state_close(void *context)
{
    struct state *self = context;
    fr_arena_free(self->arena);
    room_fini(&self->room);
    fr_buffer_fini(&self->buffer);
    free(self);
}

static void *state_open(const struct codec_input *input)
{
    struct state *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return NULL;
    }
    self->input = input;
    self->arena = fr_arena_new(ARENA_BYTES);
    if (self->arena == NULL) {
        state_close(self);
        return NULL;
    }
    return self;
}

static bool encode_malloc(void *context, struct payload_bytes *ret_bytes)
{
    struct state *self = context;
    size_t size = protobuf_c_message_get_packed_size(self->input->message);
    self->packed = malloc(size > 0 ? size : 1);
    if (self->packed == NULL) {
        return false;
    }
    protobuf_c_message_pack(self->input->message, self->packed);
    *ret_bytes = (struct payload_bytes){self->packed, size};
    return true;
}

static void drop_malloc(void *context)
{
    struct state *self = context;
    free(self->packed);
}

static bool decode_with(const struct state *self, ProtobufCAllocator *allocator, struct sink *sink)
{
    ProtobufCMessage *message = protobuf_c_message_unpack(
        self->input->plan->descriptor, allocator, self->input->protobuf.size, self->input->protobuf.data);
    if (message == NULL) {
        return false;
    }
    touch_message(sink, self->input->plan, message);
    if (allocator == NULL) {
        protobuf_c_message_free_unpacked(message, NULL);
    }
    return true;
}

static bool decode_malloc(void *context, struct sink *sink)
{
    return decode_with(context, NULL, sink);
}

static bool encode_arena(void *context, struct payload_bytes *ret_bytes)
{
    struct state *self = context;
    size_t size = protobuf_c_message_get_packed_size(self->input->message);
    uint8_t *to = fr_arena_alloc(self->arena, size);
    if (to == NULL) {
        return false;
    }
    protobuf_c_message_pack(self->input->message, to);
    *ret_bytes = (struct payload_bytes){to, size};
    return true;
}

static void drop_arena(void *context)
{
    struct state *self = context;
    fr_arena_reset(self->arena);
}

static bool decode_arena(void *context, struct sink *sink)
{
    struct state *self = context;
    bool good = decode_with(self, fr_arena_allocator(self->arena), sink);
    fr_arena_reset(self->arena);
    return good;
}

static bool encode_reuse(void *context, struct payload_bytes *ret_bytes)
{
    struct state *self = context;
    size_t size = protobuf_c_message_get_packed_size(self->input->message);
    uint8_t *to = room_of(&self->room, size);
    if (to == NULL) {
        return false;
    }
    protobuf_c_message_pack(self->input->message, to);
    *ret_bytes = (struct payload_bytes){to, size};
    return true;
}

static bool encode_freshet(void *context, struct payload_bytes *ret_bytes)
{
    struct state *self = context;
    fr_buffer_clear(&self->buffer);
    fr_message_pack(self->input->message, &self->buffer);
    *ret_bytes = (struct payload_bytes){self->buffer.data, self->buffer.size};
    return !self->buffer.failed;
}

static bool decode_freshet(void *context, struct sink *sink)
{
    struct state *self = context;
    struct fr_bytes bytes = {self->input->protobuf.data, self->input->protobuf.size};
    ProtobufCMessage *message;
    bool good = fr_message_unpack(self->input->plan->descriptor, bytes, self->arena, &message, NULL) == FR_OK;
    if (good) {
        touch_message(sink, self->input->plan, message);
    }
    fr_arena_reset(self->arena);
    return good;
}

const struct codec codec_protobuf_c = {
    .name = "protobuf-c",
    .about = "malloc for every part, as generated code does by default",
    .library = "protobuf-c",
    .version = version,
    .format = CODEC_PROTOBUF,
    .open = state_open,
    .close = state_close,
    .encode = encode_malloc,
    .drop = drop_malloc,
    .decode = decode_malloc,
};

const struct codec codec_protobuf_c_arena = {
    .name = "protobuf-c-arena",
    .about = "an arena that is reset after each message",
    .library = "protobuf-c",
    .version = version,
    .format = CODEC_PROTOBUF,
    .open = state_open,
    .close = state_close,
    .encode = encode_arena,
    .drop = drop_arena,
    .decode = decode_arena,
};

const struct codec codec_protobuf_c_reuse = {
    .name = "protobuf-c-reuse",
    .about = "encodes into a buffer that is kept; protobuf-c cannot decode into a used message",
    .library = "protobuf-c",
    .version = version,
    .format = CODEC_PROTOBUF,
    .open = state_open,
    .close = state_close,
    .encode = encode_reuse,
};

const struct codec codec_freshet = {
    .name = "freshet",
    .about = "protobuf-c as Freshet calls it: kept buffer; bytes and UTF-8 validated first, then an arena",
    .library = "protobuf-c",
    .version = version,
    .format = CODEC_PROTOBUF,
    .open = state_open,
    .close = state_close,
    .encode = encode_freshet,
    .decode = decode_freshet,
};
