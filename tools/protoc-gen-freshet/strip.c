/* SPDX-License-Identifier: MIT */
/*
 * strip.c - takes the services out of a FileDescriptorSet.
 */
#include "protoc-gen-freshet/strip.h"

#include <google/protobuf/descriptor.pb-c.h>

#include "message/message.h"

#define ARENA_CHUNK_BYTES 65536

enum fr_code strip_services(struct fr_bytes set, struct fr_buffer *out, struct fr_error *reterr)
{
    struct fr_arena *arena = fr_arena_new(ARENA_CHUNK_BYTES);
    struct ProtobufCMessage *message;
    struct fr_error cause;
    if (arena == NULL) {
        return fr_error_no_memory(reterr);
    }
    enum fr_code code =
        fr_message_unpack(&google__protobuf__file_descriptor_set__descriptor, set, arena, &message, &cause);
    if (code != FR_OK) {
        fr_error_set(reterr, code, "standard input holds no FileDescriptorSet: %s", cause.message);
    } else {
        const Google__Protobuf__FileDescriptorSet *files = (const Google__Protobuf__FileDescriptorSet *)message;
        for (size_t i = 0; i < files->n_file; i++) {
            files->file[i]->n_service = 0;
        }
        fr_message_pack(message, out);
        code = out->failed ? fr_error_no_memory(reterr) : FR_OK;
    }
    fr_arena_free(arena);
    return code;
}
