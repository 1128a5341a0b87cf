/* SPDX-License-Identifier: MIT */
/*
 * check.c - holds a codec's results against the data set.
 */
#include "payload/check.h"

#include "message/json.h"
#include "message/message.h"
#include "payload/touch.h"

#define ARENA_BYTES ((size_t)64 << 10)
#define ROUNDS      2

/* Reads encoded bytes with the project's own decoders, which are tested against another implementation. */
static enum fr_code read_back(const struct codec *codec, const struct subject *subject,
                              struct payload_bytes bytes, struct fr_arena *arena, struct fr_error *reterr)
{
    const struct codec_input *input = &subject->input;
    struct fr_bytes data = {bytes.data, bytes.size};
    ProtobufCMessage *message;
    enum fr_code code = codec->format == CODEC_JSON
                            ? fr_json_read(input->type, data, arena, &message, reterr)
                            : fr_message_unpack(input->type_plan->descriptor, data, arena, &message, reterr);
    if (code != FR_OK) {
        return code;
    }
    struct sink sink = {.strict = true};
    touch_message(&sink, input->type_plan, message);
    return sink.sum == subject->sum ? FR_OK : fr_error_set(reterr, FR_DATA_LOSS, "another message");
}

static enum fr_code encode_once(const struct codec *codec, void *state, const struct subject *subject,
                                struct fr_error *reterr)
{
    struct payload_bytes bytes;
    struct fr_error cause;
    if (!codec->encode(state, &bytes)) {
        return fr_error_set(reterr, FR_DATA_LOSS, "it cannot be encoded");
    }
    enum fr_code code = FR_RESOURCE_EXHAUSTED;
    struct fr_arena *arena = fr_arena_new(ARENA_BYTES);
    if (arena == NULL) {
        (void)fr_error_no_memory(&cause);
    } else {
        code = read_back(codec, subject, bytes, arena, &cause);
    }
    fr_arena_free(arena);
    if (codec->drop != NULL) {
        codec->drop(state);
    }
    return code == FR_OK
               ? FR_OK
               : fr_error_set(reterr, FR_DATA_LOSS, "what it encodes reads back as %s", cause.message);
}

static enum fr_code decode_once(const struct codec *codec, void *state, const struct subject *subject,
                                bool strict, struct fr_error *reterr)
{
    struct sink sink = {.strict = strict};
    if (!codec->decode(state, &sink)) {
        return fr_error_set(reterr, FR_DATA_LOSS, "it cannot be decoded");
    }
    return sink.sum == (strict ? subject->sum : subject->quick_sum)
               ? FR_OK
               : fr_error_set(reterr, FR_DATA_LOSS, "what it decodes is not what was encoded");
}

enum fr_code check_encode(const struct codec *codec, void *state, const struct subject *subject,
                          struct fr_error *reterr)
{
    enum fr_code code = FR_OK;
    for (int i = 0; i < ROUNDS && code == FR_OK && codec->encode != NULL; i++) {
        code = encode_once(codec, state, subject, reterr);
    }
    return code;
}

enum fr_code check_decode(const struct codec *codec, void *state, const struct subject *subject,
                          struct fr_error *reterr)
{
    enum fr_code code = FR_OK;
    for (int i = 0; i < ROUNDS && code == FR_OK && codec->decode != NULL; i++) {
        code = decode_once(codec, state, subject, true, reterr);
        if (code == FR_OK) {
            code = decode_once(codec, state, subject, false, reterr);
        }
    }
    return code;
}
