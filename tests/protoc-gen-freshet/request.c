/* SPDX-License-Identifier: MIT */
/*
 * request.c - a CodeGeneratorRequest as protoc makes it, to spoil.
 */
#include "protoc-gen-freshet/request.h"

#include <stdio.h>

#include "message/message.h"
#include "message/schema.h"
#include "protoc-gen-freshet/plugin.pb-c.h"

const char *const request_languages[REQUEST_LANGUAGES] = {"c", "cpp", "go", "python", "js"};

void request_make(const char *language, struct fr_buffer *out)
{
    struct fr_arena *arena = fr_arena_new(65536);
    struct ProtobufCMessage *message;
    char parameter[32];
    char *wanted[] = {(char *)"users/v1/users.proto"};
    FR_ASSERT(arena != NULL && fr_message_unpack(&google__protobuf__file_descriptor_set__descriptor,
                                                 (struct fr_bytes){fr_protoset, fr_protoset_size}, arena, &message,
                                                 NULL) == FR_OK);
    const Google__Protobuf__FileDescriptorSet *set = (const Google__Protobuf__FileDescriptorSet *)message;
    Freshet__Plugin__CodeGeneratorRequest request = FRESHET__PLUGIN__CODE_GENERATOR_REQUEST__INIT;
    request.n_file_to_generate = 1;
    request.file_to_generate = wanted;
    snprintf(parameter, sizeof parameter, "lang=%s", language);
    request.parameter = parameter;
    request.n_proto_file = set->n_file;
    request.proto_file = set->file;
    for (size_t i = 0; i < set->n_file; i++) {
        set->file[i]->source_code_info = NULL;
    }
    fr_message_pack(&request.base, out);
    FR_ASSERT(!out->failed);
    fr_arena_free(arena);
}
