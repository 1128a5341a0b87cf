/* SPDX-License-Identifier: MIT */
/*
 * subject.c - one data set with everything that codecs work on.
 */
#include "payload/subject.h"

#include <string.h>

#include "message/json.h"
#include "payload/plan_new.h"
#include "payload/touch.h"

#define ARENA_BYTES ((size_t)64 << 10)

static uint64_t sum_of(const struct codec_input *input, bool strict)
{
    struct sink sink = {.strict = strict};
    touch_message(&sink, input->plan, input->message);
    return sink.sum;
}

/* The compact text that every JSON codec decodes, with the padding behind it. */
static enum fr_code write_json(struct subject *self, struct fr_error *reterr)
{
    static const uint8_t padding[CODEC_PADDING];
    struct payload_bytes text;
    void *writer = codec_direct_json.open(&self->input);
    if (writer == NULL) {
        return fr_error_no_memory(reterr);
    }
    if (codec_direct_json.encode(writer, &text)) {
        fr_buffer_append(&self->json, text.data, text.size);
        fr_buffer_append(&self->json, padding, sizeof padding);
    }
    codec_direct_json.close(writer);
    if (self->json.size == 0 || self->json.failed) {
        return fr_error_no_memory(reterr);
    }
    self->input.json = (struct payload_bytes){self->json.data, self->json.size - sizeof padding};
    return FR_OK;
}

static enum fr_code read_message(struct subject *self, const ProtobufCMessageDescriptor *descriptor,
                                 struct fr_bytes json, struct fr_error *reterr)
{
    ProtobufCMessage *made;
    enum fr_code code = fr_json_read(self->input.type, json, self->arena, &made, reterr);
    if (code != FR_OK) {
        return code;
    }
    fr_message_pack(made, &self->protobuf);
    if (self->protobuf.failed) {
        return fr_error_no_memory(reterr);
    }
    /* All codecs get a message as it comes off the wire. An empty one has no bytes to point to. */
    static const uint8_t nothing[1];
    const uint8_t *data = self->protobuf.size > 0 ? self->protobuf.data : nothing;
    self->input.protobuf = (struct payload_bytes){data, self->protobuf.size};
    ProtobufCMessage *message;
    code = fr_message_unpack(descriptor, (struct fr_bytes){data, self->protobuf.size}, self->arena, &message,
                             reterr);
    self->input.message = message;
    return code;
}

enum fr_code subject_init(struct subject *self, const char *name, const char *about,
                          const struct fr_message_type *type, const ProtobufCMessageDescriptor *descriptor,
                          struct fr_bytes json, struct fr_error *reterr)
{
    const ProtobufCMessageDescriptor *own = fr_message_type_descriptor(type);
    *self = (struct subject){.name = name,
                             .about = about,
                             .generated = descriptor != NULL,
                             .input = {.type = type},
                             .arena = fr_arena_new(ARENA_BYTES)};
    if (self->arena == NULL) {
        return fr_error_no_memory(reterr);
    }
    descriptor = descriptor != NULL ? descriptor : own;
    enum fr_code code = plan_new(self->arena, type, descriptor, &self->input.plan, reterr);
    if (code == FR_OK) {
        code = plan_new(self->arena, type, own, &self->input.type_plan, reterr);
    }
    if (code == FR_OK) {
        code = read_message(self, descriptor, json, reterr);
    }
    if (code == FR_OK) {
        code = write_json(self, reterr);
    }
    if (code == FR_OK) {
        self->sum = sum_of(&self->input, true);
        self->quick_sum = sum_of(&self->input, false);
    }
    return code;
}

void subject_fini(struct subject *self)
{
    fr_arena_free(self->arena);
    fr_buffer_fini(&self->protobuf);
    fr_buffer_fini(&self->json);
    *self = (struct subject){0};
}

enum fr_code subject_of_shape(struct subject *self, const struct shape *shape, const struct fr_schema *schema,
                              struct fr_error *reterr)
{
    struct fr_buffer json = {0};
    shape->fill(&json);
    enum fr_code code = FR_RESOURCE_EXHAUSTED;
    if (json.failed) {
        *self = (struct subject){0};
        (void)fr_error_no_memory(reterr);
    } else {
        code = subject_init(self, shape->name, shape->about, fr_schema_find_message(schema, shape->message),
                            shape->descriptor, fr_buffer_bytes(&json), reterr);
    }
    fr_buffer_fini(&json);
    return code;
}
