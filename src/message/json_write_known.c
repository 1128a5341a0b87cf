/* SPDX-License-Identifier: MIT */
/*
 * json_write_known.c - the well-known types that JSON writes in a form of their own.
 */
#include <math.h>
#include <string.h>

#include "message/json_time.h"
#include "message/json_writer.h"
#include "message/path.h"

#define ARENA_CHUNK_BYTES 4096

static const void *at_offset(const ProtobufCMessage *message, unsigned offset)
{
    return (const uint8_t *)message + offset;
}

static enum fr_code write_time(const struct fr_json_writer *self, const struct fr_message_type *type,
                               const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *fields = message->descriptor->fields;
    int64_t seconds = *(const int64_t *)at_offset(message, fields[0].offset);
    int32_t nanos = *(const int32_t *)at_offset(message, fields[1].offset);
    char text[FR_TIME_TEXT_BYTES];
    bool good = type->well_known == FR_WELL_KNOWN_TIMESTAMP ? fr_json_timestamp_format(seconds, nanos, text)
                                                            : fr_json_duration_format(seconds, nanos, text);
    return good ? fr_json_write_text(self, text)
                : fr_path_error(self->reterr, &self->path, "the %s is out of range",
                                type->descriptor.short_name);
}

static enum fr_code write_mask(const struct fr_json_writer *self, const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *field = &message->descriptor->fields[0];
    size_t count = *(const size_t *)at_offset(message, field->quantifier_offset);
    const char *const *paths = *(const char *const *const *)at_offset(message, field->offset);
    struct fr_buffer text = {0};
    enum fr_code code = FR_OK;
    for (size_t i = 0; i < count && code == FR_OK; i++) {
        char *room = (char *)fr_buffer_reserve(&text, strlen(paths[i]) + 2);
        if (room == NULL) {
            code = fr_error_no_memory(self->reterr);
        } else if (!fr_mask_path_format(paths[i], room + (i > 0)) || strchr(paths[i], ',') != NULL) {
            code =
                fr_path_error(self->reterr, &self->path, "the path \"%.40s\" has no form in JSON", paths[i]);
        } else {
            if (i > 0) {
                room[0] = ',';
            }
            text.size += strlen(room);
        }
    }
    const char *content = fr_buffer_text(&text);
    if (code == FR_OK) {
        code = content == NULL ? fr_error_no_memory(self->reterr) : fr_json_write_text(self, content);
    }
    fr_buffer_fini(&text);
    return code;
}

/* A Value without a kind is null: there is nothing else that could stand for it. */
static enum fr_code write_any_value(struct fr_json_writer *self, const struct fr_message_type *type,
                                    const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *fields = message->descriptor->fields;
    uint32_t number = *(const uint32_t *)at_offset(message, fields[0].quantifier_offset);
    if (number == 0 || number > message->descriptor->n_fields) {
        fr_buffer_append_text(self->out, "null");
        return FR_OK;
    }
    const ProtobufCFieldDescriptor *field = &fields[number - 1];
    if (field->type == PROTOBUF_C_TYPE_DOUBLE &&
        !isfinite(*(const double *)at_offset(message, field->offset))) {
        return fr_path_error(self->reterr, &self->path, "JSON has no number for infinity and NaN");
    }
    return fr_json_write_field(self, field, &type->fields[number - 1], message);
}

/* What an Any holds: its fields behind "@type", or its own form as "value". */
static enum fr_code write_held(struct fr_json_writer *self, const struct fr_message_type *type,
                               const char *url, const ProtobufCMessage *held)
{
    fr_json_open_bracket(self, "{");
    fr_json_begin_item(self, true);
    fr_buffer_append_text(self->out, "\"@type\": ");
    enum fr_code code = fr_json_write_text(self, url);
    if (code != FR_OK || type->well_known == FR_WELL_KNOWN_NONE) {
        return code == FR_OK ? fr_json_write_members(self, type, held, false) : code;
    }
    fr_json_begin_item(self, false);
    fr_buffer_append_text(self->out, "\"value\": ");
    code = fr_json_write_message(self, type, held);
    fr_json_close_bracket(self, "}", false);
    return code;
}

static enum fr_code write_any(struct fr_json_writer *self, const struct fr_message_type *type,
                              const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *fields = message->descriptor->fields;
    const char *url = *(const char *const *)at_offset(message, fields[0].offset);
    const ProtobufCBinaryData *value = at_offset(message, fields[1].offset);
    url = url == NULL ? "" : url;
    if (*url == '\0' && value->len == 0) {
        fr_buffer_append_text(self->out, "{}");
        return FR_OK;
    }
    const struct fr_message_type *held_type = fr_schema_any_type(type, url);
    if (held_type == NULL) {
        return fr_path_error(self->reterr, &self->path, "the type \"%.100s\" is unknown", url);
    }
    struct fr_arena *arena = fr_arena_new(ARENA_CHUNK_BYTES);
    if (arena == NULL) {
        return fr_error_no_memory(self->reterr);
    }
    ProtobufCMessage *held;
    enum fr_code code = fr_message_unpack(&held_type->descriptor, (struct fr_bytes){value->data, value->len},
                                          arena, &held, NULL);
    code = code == FR_OK
               ? write_held(self, held_type, url, held)
               : fr_path_error(self->reterr, &self->path, "the value is no %s", held_type->descriptor.name);
    fr_arena_free(arena);
    return code;
}

enum fr_code fr_json_write_content(struct fr_json_writer *self, const struct fr_message_type *type,
                                   const ProtobufCMessage *message)
{
    switch (type->well_known) {
    case FR_WELL_KNOWN_TIMESTAMP:
    case FR_WELL_KNOWN_DURATION:
        return write_time(self, type, message);
    case FR_WELL_KNOWN_FIELD_MASK:
        return write_mask(self, message);
    case FR_WELL_KNOWN_WRAPPER:
    case FR_WELL_KNOWN_STRUCT:
    case FR_WELL_KNOWN_LIST:
        return fr_json_write_field(self, &message->descriptor->fields[0], &type->fields[0], message);
    case FR_WELL_KNOWN_VALUE:
        return write_any_value(self, type, message);
    case FR_WELL_KNOWN_ANY:
        return write_any(self, type, message);
    case FR_WELL_KNOWN_NONE:
        fr_json_open_bracket(self, "{");
        return fr_json_write_members(self, type, message, true);
    }
    return FR_OK;
}
