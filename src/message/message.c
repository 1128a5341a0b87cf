/* SPDX-License-Identifier: MIT */
/*
 * message.c - protobuf messages between bytes and structs.
 */
#include "message/message.h"

#include <stdbool.h>
#include <stdlib.h>

#include <protobuf-c/protobuf-c.h>

/* Tells a lack of memory from bytes that protobuf-c refuses: its unpack returns NULL for both. */
struct watched_allocator {
    ProtobufCAllocator base;
    struct fr_arena *arena;
    bool failed;
};

static void *watched_alloc(void *data, size_t size)
{
    struct watched_allocator *self = data;
    void *memory = self->arena == NULL ? malloc(size) : fr_arena_alloc(self->arena, size);
    self->failed = self->failed || memory == NULL;
    return memory;
}

static void watched_free(void *data, void *memory)
{
    struct watched_allocator *self = data;
    if (self->arena == NULL) {
        free(memory);
    }
}

enum fr_code fr_message_unpack(const struct ProtobufCMessageDescriptor *descriptor, struct fr_bytes bytes,
                               struct fr_arena *arena, struct ProtobufCMessage **ret_message,
                               struct fr_error *reterr)
{
    enum fr_code code = fr_message_validate(descriptor, bytes, reterr);
    if (code != FR_OK) {
        return code;
    }
    struct watched_allocator allocator = {.arena = arena};
    allocator.base = (ProtobufCAllocator){watched_alloc, watched_free, &allocator};
    ProtobufCMessage *message =
        protobuf_c_message_unpack(descriptor, &allocator.base, bytes.size, bytes.data);
    if (message == NULL) {
        return allocator.failed
                   ? fr_error_no_memory(reterr)
                   : fr_error_set(reterr, FR_INVALID_ARGUMENT, "%s: cannot be unpacked", descriptor->name);
    }
    *ret_message = message;
    return FR_OK;
}

const struct ProtobufCMessageDescriptor *fr_message_descriptor(const struct ProtobufCMessage *message)
{
    return message->descriptor;
}

void fr_message_pack(const struct ProtobufCMessage *message, struct fr_buffer *out)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *to = fr_buffer_reserve(out, size);
    if (to != NULL) {
        out->size += protobuf_c_message_pack(message, to);
    }
}

size_t fr_message_size(const struct ProtobufCMessage *message)
{
    return protobuf_c_message_get_packed_size(message);
}

void fr_message_write(const struct ProtobufCMessage *message, uint8_t *to)
{
    protobuf_c_message_pack(message, to);
}
