/* SPDX-License-Identifier: MIT */
/*
 * codec_freshet_json.c - the project's own JSON mapping, which its command line uses: from message to message.
 */
#include <stdlib.h>

#include "message/json.h"
#include "payload/codec.h"
#include "payload/touch.h"

#define ARENA_BYTES ((size_t)64 << 10) /* a chunk; kept from message to message */

struct state {
    const struct codec_input *input;
    struct fr_buffer text;  /* kept */
    struct fr_arena *arena; /* owned */
};

static void state_close(void *context)
{
    struct state *self = context;
    fr_buffer_fini(&self->text);
    fr_arena_free(self->arena);
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

static bool encode(void *context, struct payload_bytes *ret_bytes)
{
    struct state *self = context;
    fr_buffer_clear(&self->text);
    bool good = fr_json_write(self->input->type, self->input->message, NULL, &self->text, NULL) == FR_OK;
    *ret_bytes = (struct payload_bytes){self->text.data, self->text.size};
    return good;
}

static bool decode(void *context, struct sink *sink)
{
    struct state *self = context;
    struct fr_bytes text = {self->input->json.data, self->input->json.size};
    ProtobufCMessage *message;
    bool good = fr_json_read(self->input->type, text, self->arena, &message, NULL) == FR_OK;
    if (good) {
        touch_message(sink, self->input->type_plan, message);
    }
    fr_arena_reset(self->arena);
    return good;
}

static const char *version(void)
{
    return FRESHET_VERSION;
}

const struct codec codec_freshet_json = {
    .name = "freshet-json",
    .about = "fr_json_write and fr_json_read: from message to message, every rule of the mapping checked",
    .library = "Freshet",
    .version = version,
    .format = CODEC_JSON,
    .open = state_open,
    .close = state_close,
    .encode = encode,
    .decode = decode,
};
