/* SPDX-License-Identifier: MIT */
/*
 * validate.c - checks bytes from strangers against a descriptor before protobuf-c sees them.
 *
 * Pure. protobuf-c 1.4.1 limits no nesting, checks no UTF-8, and merges a singular message that comes twice
 * wrongly (it drops proto3 scalars of the earlier one), so all that is refused here.
 */
#include <stdlib.h>
#include <string.h>

#include <protobuf-c/protobuf-c.h>

#include "message/message.h"
#include "message/path.h"
#include "message/utf8.h"
#include "message/wire.h"

#define SEEN_WORDS    4 /* as bits, enough fields for nearly every message without an allocation */
#define BITS_PER_WORD 64

struct walk {
    size_t fields; /* so far, elements included */
    struct fr_error *reterr;
};

/* One message on the way down; lives on the stack. */
struct frame {
    const struct frame *parent;
    const ProtobufCMessageDescriptor *descriptor;
    struct fr_bytes bytes;                 /* the whole message */
    size_t offset;                         /* of the field being checked */
    const ProtobufCFieldDescriptor *field; /* that field, NULL if unknown */
    unsigned depth;
    uint64_t *seen; /* a bit per field that may or must come only once */
};

static enum fr_code check_message(struct walk *walk, struct frame *frame);

/* How often the frame's field came before: the index of its element. Only for errors, so it may walk again. */
static size_t element_index(const struct frame *frame)
{
    struct fr_bytes rest = {frame->bytes.data, frame->offset};
    struct fr_wire_field field;
    size_t count = 0;
    while (rest.size > 0 && fr_wire_next(&rest, &field) == NULL) {
        count += field.number == frame->field->id;
    }
    return count;
}

static void append_path(const struct frame *frame, struct fr_buffer *path)
{
    if (frame->parent != NULL) {
        append_path(frame->parent, path);
    }
    if (frame->field == NULL) {
        return;
    }
    fr_path_append_field(path, frame->field->name);
    if (frame->field->label == PROTOBUF_C_LABEL_REPEATED) {
        fr_buffer_append_format(path, "[%zu]", element_index(frame));
    }
}

static enum fr_code reject(const struct walk *walk, const struct frame *frame, const char *what)
{
    struct fr_buffer path = {0};
    append_path(frame, &path);
    enum fr_code code = frame->field != NULL || path.size > 0
                            ? fr_path_error(walk->reterr, &path, "%s", what)
                            : fr_path_error(walk->reterr, &path, "%s at byte %zu: %s",
                                            frame->descriptor->name, frame->offset, what);
    fr_buffer_fini(&path);
    return code;
}

static enum fr_wire_type wire_type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return FR_WIRE_32BIT;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return FR_WIRE_64BIT;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return FR_WIRE_BYTES;
    default:
        return FR_WIRE_VARINT;
    }
}

static enum fr_code count_fields(struct walk *walk, const struct frame *frame, size_t count)
{
    if (count > FR_MESSAGE_MAX_FIELDS - walk->fields) {
        return reject(walk, frame, "the message has too many fields");
    }
    walk->fields += count;
    return FR_OK;
}

static enum fr_code check_packed(struct walk *walk, const struct frame *frame, struct fr_bytes bytes)
{
    enum fr_wire_type type = wire_type_of(frame->field->type);
    if (type != FR_WIRE_VARINT) {
        size_t width = type == FR_WIRE_32BIT ? 4 : 8;
        return bytes.size % width != 0 ? reject(walk, frame, "a packed element is truncated")
                                       : count_fields(walk, frame, bytes.size / width);
    }
    size_t count = 0;
    while (bytes.size > 0) {
        size_t size = fr_wire_varint_size(bytes);
        if (size == 0) {
            return reject(walk, frame, "a packed number does not end");
        }
        bytes.data += size;
        bytes.size -= size;
        count++;
    }
    return count_fields(walk, frame, count);
}

static enum fr_code check_text(const struct walk *walk, const struct frame *frame, struct fr_bytes text)
{
    if (!fr_utf8_valid(text.data, text.size)) {
        return reject(walk, frame, "not valid UTF-8");
    }
    return text.size > 0 && memchr(text.data, '\0', text.size) != NULL
               ? reject(walk, frame, "holds a NUL character")
               : FR_OK;
}

/* A singular message may come once, and a required field must: notes that this one came. */
static enum fr_code note_seen(struct walk *walk, const struct frame *frame)
{
    const ProtobufCFieldDescriptor *field = frame->field;
    bool message = field->type == PROTOBUF_C_TYPE_MESSAGE && field->label != PROTOBUF_C_LABEL_REPEATED;
    if (!message && field->label != PROTOBUF_C_LABEL_REQUIRED) {
        return FR_OK;
    }
    size_t index = (size_t)(field - frame->descriptor->fields);
    uint64_t bit = UINT64_C(1) << (index % BITS_PER_WORD);
    if (message && (frame->seen[index / BITS_PER_WORD] & bit) != 0) {
        return reject(walk, frame, "the message comes twice");
    }
    frame->seen[index / BITS_PER_WORD] |= bit;
    return FR_OK;
}

static enum fr_code check_known(struct walk *walk, const struct frame *frame,
                                const struct fr_wire_field *wire)
{
    const ProtobufCFieldDescriptor *field = frame->field;
    enum fr_wire_type expected = wire_type_of(field->type);
    if (wire->type == FR_WIRE_BYTES && expected != FR_WIRE_BYTES &&
        field->label == PROTOBUF_C_LABEL_REPEATED) {
        return check_packed(walk, frame, wire->value);
    }
    if (wire->type != expected) {
        return reject(walk, frame, "sent with the wire type of another field type");
    }
    enum fr_code code = note_seen(walk, frame);
    if (code != FR_OK) {
        return code;
    }
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        return check_text(walk, frame, wire->value);
    }
    if (field->type != PROTOBUF_C_TYPE_MESSAGE) {
        return FR_OK;
    }
    if (frame->depth >= FR_MESSAGE_MAX_DEPTH) {
        return reject(walk, frame, "messages are nested too deep");
    }
    struct frame nested = {
        .parent = frame, .descriptor = field->descriptor, .bytes = wire->value, .depth = frame->depth + 1};
    return check_message(walk, &nested);
}

static enum fr_code check_required(const struct walk *walk, struct frame *frame)
{
    for (unsigned i = 0; i < frame->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &frame->descriptor->fields[i];
        if (field->label == PROTOBUF_C_LABEL_REQUIRED &&
            (frame->seen[i / BITS_PER_WORD] >> (i % BITS_PER_WORD) & 1) == 0) {
            frame->field = field;
            return reject(walk, frame, "a required field is missing");
        }
    }
    return FR_OK;
}

static enum fr_code check_fields(struct walk *walk, struct frame *frame)
{
    struct fr_bytes rest = frame->bytes;
    const ProtobufCFieldDescriptor *field = NULL;
    while (rest.size > 0) {
        struct fr_wire_field wire;
        frame->offset = frame->bytes.size - rest.size;
        const char *wrong = fr_wire_next(&rest, &wire);
        if (field == NULL || field->id != wire.number) {
            field = protobuf_c_message_descriptor_get_field(frame->descriptor, wire.number);
        }
        frame->field = field;
        enum fr_code code = wrong != NULL ? reject(walk, frame, wrong) : count_fields(walk, frame, 1);
        if (code == FR_OK && field != NULL) {
            code = check_known(walk, frame, &wire);
        }
        if (code != FR_OK) {
            return code;
        }
    }
    return check_required(walk, frame);
}

static enum fr_code check_message(struct walk *walk, struct frame *frame)
{
    uint64_t few[SEEN_WORDS] = {0};
    size_t words = (frame->descriptor->n_fields + BITS_PER_WORD - 1) / BITS_PER_WORD;
    uint64_t *many = words > SEEN_WORDS ? calloc(words, sizeof *many) : NULL;
    if (words > SEEN_WORDS && many == NULL) {
        return fr_error_no_memory(walk->reterr);
    }
    frame->seen = many != NULL ? many : few;
    enum fr_code code = check_fields(walk, frame);
    free(many);
    return code;
}

enum fr_code fr_message_validate(const struct ProtobufCMessageDescriptor *descriptor, struct fr_bytes bytes,
                                 struct fr_error *reterr)
{
    struct walk walk = {.reterr = reterr};
    struct frame frame = {.descriptor = descriptor, .bytes = bytes, .depth = 1};
    return check_message(&walk, &frame);
}
