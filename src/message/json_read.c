/* SPDX-License-Identifier: MIT */
/*
 * json_read.c - JSON text into messages: objects, lists, maps and the types with a form of their own.
 *
 * jansson parses the text and refuses a key that comes twice; a number above 2^63 - 1 must be written as text,
 * as the mapping writes it, since jansson keeps no larger ones.
 */
#include "message/json.h"

#include <stdlib.h>
#include <string.h>

#include "message/json_scalar.h"
#include "message/json_time.h"
#include "message/nearest.h"
#include "message/path.h"

static enum fr_code read_message(struct fr_json_reader *self, const struct fr_message_type *type,
                                 const json_t *value, ProtobufCMessage **ret_message);

static void *at_offset(ProtobufCMessage *message, unsigned offset)
{
    return (uint8_t *)message + offset;
}

/* As protobuf-c makes a message before it unpacks one: cleared, with the defaults of its fields. */
static ProtobufCMessage *new_message(struct fr_arena *arena, const struct fr_message_type *type)
{
    ProtobufCMessage *message = fr_arena_alloc(arena, type->descriptor.sizeof_message);
    if (message == NULL) {
        return NULL;
    }
    memset(message, 0, type->descriptor.sizeof_message);
    message->descriptor = &type->descriptor;
    for (unsigned i = 0; i < type->descriptor.n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->descriptor.fields[i];
        void *to = at_offset(message, field->offset);
        if (field->default_value == NULL || field->label == PROTOBUF_C_LABEL_REPEATED) {
            continue;
        }
        if (field->type == PROTOBUF_C_TYPE_STRING) {
            memcpy(to, &field->default_value, sizeof field->default_value);
        } else {
            memcpy(to, field->default_value, fr_schema_element_size(field->type));
        }
    }
    return message;
}

static enum fr_code read_value(struct fr_json_reader *self, const ProtobufCFieldDescriptor *field,
                               const struct fr_field *extra, const json_t *value, void *to)
{
    return field->type == PROTOBUF_C_TYPE_MESSAGE ? read_message(self, extra->message, value, to)
                                                  : fr_json_read_scalar(self, field, extra, value, to);
}

/* Whether the value stands for none: NullValue and Value have null among their values. */
static bool is_null(const struct fr_field *extra, const json_t *value)
{
    bool has_null = (extra->enumeration != NULL && extra->enumeration->is_null_value) ||
                    (extra->message != NULL && extra->message->well_known == FR_WELL_KNOWN_VALUE);
    return json_is_null(value) && !has_null;
}

static enum fr_code read_list(struct fr_json_reader *self, const ProtobufCFieldDescriptor *field,
                              const struct fr_field *extra, const json_t *value, ProtobufCMessage *message)
{
    if (!json_is_array(value)) {
        return fr_json_unexpected(self, "an array", value);
    }
    size_t count = json_array_size(value);
    size_t size = fr_schema_element_size(field->type);
    uint8_t *elements = count == 0 ? NULL : fr_arena_alloc(self->arena, count * size);
    if (count > 0 && elements == NULL) {
        return fr_error_no_memory(self->reterr);
    }
    size_t mark = self->path.size;
    for (size_t i = 0; i < count; i++) {
        const json_t *element = json_array_get(value, i);
        fr_buffer_append_format(&self->path, "[%zu]", i);
        enum fr_code code = is_null(extra, element)
                                ? fr_path_error(self->reterr, &self->path, "null in an array")
                                : read_value(self, field, extra, element, elements + i * size);
        if (code != FR_OK) {
            return code;
        }
        self->path.size = mark;
    }
    *(size_t *)at_offset(message, field->quantifier_offset) = count;
    *(void **)at_offset(message, field->offset) = elements;
    return FR_OK;
}

/* Stores one value of a singular field and that the field is there. */
static enum fr_code read_singular(struct fr_json_reader *self, const ProtobufCFieldDescriptor *field,
                                  const struct fr_field *extra, const json_t *value,
                                  ProtobufCMessage *message)
{
    enum fr_code code = read_value(self, field, extra, value, at_offset(message, field->offset));
    if (code == FR_OK && (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        *(uint32_t *)at_offset(message, field->quantifier_offset) = field->id;
    } else if (code == FR_OK && field->quantifier_offset != 0) {
        *(protobuf_c_boolean *)at_offset(message, field->quantifier_offset) = 1;
    }
    return code;
}

static enum fr_code read_entry(struct fr_json_reader *self, const struct fr_message_type *type,
                               const char *key, const json_t *value, ProtobufCMessage **ret_entry)
{
    const ProtobufCFieldDescriptor *fields = type->descriptor.fields;
    ProtobufCMessage *entry = new_message(self->arena, type);
    if (entry == NULL) {
        return fr_error_no_memory(self->reterr);
    }
    enum fr_code code = fr_json_read_key(self, &fields[0], key, at_offset(entry, fields[0].offset));
    if (code == FR_OK && fields[0].quantifier_offset != 0) {
        *(protobuf_c_boolean *)at_offset(entry, fields[0].quantifier_offset) = 1;
    }
    if (code == FR_OK && is_null(&type->fields[1], value)) {
        code = fr_path_error(self->reterr, &self->path, "null in a map");
    }
    *ret_entry = entry;
    return code == FR_OK ? read_singular(self, &fields[1], &type->fields[1], value, entry) : code;
}

static enum fr_code read_map(struct fr_json_reader *self, const ProtobufCFieldDescriptor *field,
                             const struct fr_field *extra, json_t *value, ProtobufCMessage *message)
{
    if (!json_is_object(value)) {
        return fr_json_unexpected(self, "an object", value);
    }
    ProtobufCMessage **entries = fr_arena_alloc(self->arena, json_object_size(value) * sizeof *entries);
    if (entries == NULL) {
        return fr_error_no_memory(self->reterr);
    }
    size_t mark = self->path.size;
    size_t count = 0;
    const char *key;
    json_t *element;
    json_object_foreach(value, key, element)
    {
        fr_buffer_append_format(&self->path, "[\"%s\"]", key);
        enum fr_code code = read_entry(self, extra->message, key, element, &entries[count++]);
        if (code != FR_OK) {
            return code;
        }
        self->path.size = mark;
    }
    *(size_t *)at_offset(message, field->quantifier_offset) = count;
    *(void **)at_offset(message, field->offset) = entries;
    return FR_OK;
}

static enum fr_code read_repeated(struct fr_json_reader *self, const ProtobufCFieldDescriptor *field,
                                  const struct fr_field *extra, const json_t *value,
                                  ProtobufCMessage *message)
{
    return extra->is_map ? read_map(self, field, extra, (json_t *)value, message)
                         : read_list(self, field, extra, value, message);
}

static bool find_field(const struct fr_message_type *type, const char *name, unsigned *ret_index)
{
    const ProtobufCFieldDescriptor *found =
        protobuf_c_message_descriptor_get_field_by_name(&type->descriptor, name);
    for (unsigned i = 0; i < type->descriptor.n_fields; i++) {
        if (strcmp(type->fields[i].json_name, name) == 0) {
            *ret_index = i;
            return true;
        }
    }
    if (found != NULL) {
        *ret_index = (unsigned)(found - type->descriptor.fields);
    }
    return found != NULL;
}

static enum fr_code unknown_field(const struct fr_json_reader *self, const struct fr_message_type *type,
                                  const char *name)
{
    const char *nearest = fr_nearest_field(type, name);
    return nearest == NULL
               ? fr_path_error(self->reterr, &self->path, "no such field in %s", type->descriptor.name)
               : fr_path_error(self->reterr, &self->path, "no such field; did you mean \"%s\"?", nearest);
}

static enum fr_code read_field(struct fr_json_reader *self, const struct fr_message_type *type,
                               const char *name, json_t *value, ProtobufCMessage *message, bool *seen)
{
    unsigned index;
    if (!find_field(type, name, &index)) {
        return unknown_field(self, type, name);
    }
    const ProtobufCFieldDescriptor *field = &type->descriptor.fields[index];
    const struct fr_field *extra = &type->fields[index];
    if (seen[index]) {
        return fr_path_error(self->reterr, &self->path, "the field is given twice");
    }
    seen[index] = true;
    if (is_null(extra, value) || (json_is_null(value) && field->label == PROTOBUF_C_LABEL_REPEATED)) {
        return FR_OK;
    }
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return read_repeated(self, field, extra, value, message);
    }
    if (extra->oneof != NULL && *(uint32_t *)at_offset(message, field->quantifier_offset) != 0) {
        return fr_path_error(self->reterr, &self->path, "another field of the oneof \"%s\" is already set",
                             extra->oneof);
    }
    return read_singular(self, field, extra, value, message);
}

static enum fr_code check_required(struct fr_json_reader *self, const struct fr_message_type *type,
                                   const json_t *object, const bool *seen)
{
    for (unsigned i = 0; i < type->descriptor.n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->descriptor.fields[i];
        if (field->label != PROTOBUF_C_LABEL_REQUIRED) {
            continue;
        }
        const json_t *value = json_object_get(object, type->fields[i].json_name);
        value = value != NULL ? value : json_object_get(object, field->name);
        if (!seen[i] || is_null(&type->fields[i], value)) {
            fr_path_append_field(&self->path, type->fields[i].json_name);
            return fr_path_error(self->reterr, &self->path, "a required field is missing");
        }
    }
    return FR_OK;
}

static enum fr_code read_object(struct fr_json_reader *self, const struct fr_message_type *type,
                                json_t *object, ProtobufCMessage *message)
{
    bool *seen = fr_arena_alloc(self->arena, type->descriptor.n_fields * sizeof *seen);
    if (seen == NULL) {
        return fr_error_no_memory(self->reterr);
    }
    memset(seen, 0, type->descriptor.n_fields * sizeof *seen);
    size_t mark = self->path.size;
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        fr_path_append_field(&self->path, name);
        enum fr_code code = read_field(self, type, name, value, message, seen);
        if (code != FR_OK) {
            return code;
        }
        self->path.size = mark;
    }
    return check_required(self, type, object, seen);
}

static enum fr_code read_time(const struct fr_json_reader *self, const struct fr_message_type *type,
                              const json_t *value, ProtobufCMessage *message)
{
    bool timestamp = type->well_known == FR_WELL_KNOWN_TIMESTAMP;
    const char *expected =
        timestamp ? "a time such as \"2024-05-01T12:00:00Z\"" : "a duration such as \"1.5s\"";
    if (!json_is_string(value)) {
        return fr_json_unexpected(self, expected, value);
    }
    const char *text = json_string_value(value);
    int64_t seconds;
    int32_t nanos;
    bool good = strlen(text) == json_string_length(value) &&
                (timestamp ? fr_json_timestamp_parse(text, &seconds, &nanos)
                           : fr_json_duration_parse(text, &seconds, &nanos));
    if (!good) {
        return fr_path_error(self->reterr, &self->path, "expected %s, got \"%.40s\"", expected, text);
    }
    *(int64_t *)at_offset(message, type->descriptor.fields[0].offset) = seconds;
    *(int32_t *)at_offset(message, type->descriptor.fields[1].offset) = nanos;
    return FR_OK;
}

static enum fr_code read_mask(const struct fr_json_reader *self, const struct fr_message_type *type,
                              const json_t *value, ProtobufCMessage *message)
{
    if (!json_is_string(value)) {
        return fr_json_unexpected(self, "field paths such as \"name,createTime\"", value);
    }
    const char *text = json_string_value(value);
    size_t count = *text == '\0' ? 0 : 1;
    for (const char *at = text; *at != '\0'; at++) {
        count += *at == ',';
    }
    char **paths = fr_arena_alloc(self->arena, count * sizeof *paths);
    for (size_t i = 0; i < count; i++) {
        size_t size = strcspn(text, ",");
        char *path = paths == NULL ? NULL : fr_arena_alloc(self->arena, 2 * size + 1);
        if (path == NULL) {
            return fr_error_no_memory(self->reterr);
        }
        if (size == 0 || !fr_mask_path_parse(text, size, path)) {
            return fr_path_error(self->reterr, &self->path,
                                 "expected lowerCamelCase field paths, got \"%.*s\"",
                                 (int)(size > 40 ? 40 : size), text);
        }
        paths[i] = path;
        text += size + (text[size] == ',');
    }
    *(size_t *)at_offset(message, type->descriptor.fields[0].quantifier_offset) = count;
    *(char ***)at_offset(message, type->descriptor.fields[0].offset) = count == 0 ? NULL : paths;
    return paths == NULL ? fr_error_no_memory(self->reterr) : FR_OK;
}

/* Fields of Value, by their order. */
static enum fr_code read_any_value(struct fr_json_reader *self, const struct fr_message_type *type,
                                   const json_t *value, ProtobufCMessage *message)
{
    static const unsigned fields[] = {
        [JSON_NULL] = 0,  [JSON_INTEGER] = 1, [JSON_REAL] = 1,   [JSON_STRING] = 2,
        [JSON_FALSE] = 3, [JSON_TRUE] = 3,    [JSON_OBJECT] = 4, [JSON_ARRAY] = 5,
    };
    unsigned index = fields[json_typeof(value)];
    return read_singular(self, &type->descriptor.fields[index], &type->fields[index], value, message);
}

/* What an Any holds: its fields beside "@type", or its own form as "value". */
static enum fr_code read_held(struct fr_json_reader *self, const struct fr_message_type *type, json_t *object,
                              ProtobufCMessage **ret_held)
{
    if (type->well_known == FR_WELL_KNOWN_NONE) {
        json_object_del(object, "@type");
        return read_message(self, type, object, ret_held);
    }
    const json_t *value = json_object_get(object, "value");
    fr_path_append_field(&self->path, "value");
    return value == NULL ? fr_path_error(self->reterr, &self->path, "it is missing")
                         : read_message(self, type, value, ret_held);
}

static enum fr_code store_any(const struct fr_json_reader *self, const struct fr_message_type *type,
                              const char *url, const ProtobufCMessage *held, ProtobufCMessage *message)
{
    struct fr_buffer packed = {0};
    fr_message_pack(held, &packed);
    uint8_t *value = fr_arena_alloc(self->arena, packed.size + 1);
    if (!packed.failed && value != NULL && packed.size > 0) {
        memcpy(value, packed.data, packed.size);
    }
    *(const char **)at_offset(message, type->descriptor.fields[0].offset) = url;
    *(ProtobufCBinaryData *)at_offset(message, type->descriptor.fields[1].offset) =
        (ProtobufCBinaryData){packed.size, value};
    bool failed = packed.failed || value == NULL;
    fr_buffer_fini(&packed);
    return failed ? fr_error_no_memory(self->reterr) : FR_OK;
}

static enum fr_code read_any(struct fr_json_reader *self, const struct fr_message_type *type,
                             const json_t *value, ProtobufCMessage *message)
{
    if (!json_is_object(value)) {
        return fr_json_unexpected(self, "an object", value);
    }
    if (json_object_size(value) == 0) {
        return FR_OK;
    }
    const json_t *url = json_object_get(value, "@type");
    if (!json_is_string(url) || strlen(json_string_value(url)) != json_string_length(url)) {
        return fr_path_error(self->reterr, &self->path, "\"@type\" must say what it holds");
    }
    char *copy = fr_arena_alloc(self->arena, json_string_length(url) + 1);
    if (copy == NULL) {
        return fr_error_no_memory(self->reterr);
    }
    strcpy(copy, json_string_value(url));
    const struct fr_message_type *held_type = fr_schema_any_type(type, copy);
    if (held_type == NULL) {
        return fr_path_error(self->reterr, &self->path, "the type \"%.100s\" is unknown", copy);
    }
    ProtobufCMessage *held;
    enum fr_code code = read_held(self, held_type, (json_t *)value, &held);
    return code == FR_OK ? store_any(self, type, copy, held, message) : code;
}

static enum fr_code read_content(struct fr_json_reader *self, const struct fr_message_type *type,
                                 const json_t *value, ProtobufCMessage *message)
{
    switch (type->well_known) {
    case FR_WELL_KNOWN_TIMESTAMP:
    case FR_WELL_KNOWN_DURATION:
        return read_time(self, type, value, message);
    case FR_WELL_KNOWN_FIELD_MASK:
        return read_mask(self, type, value, message);
    case FR_WELL_KNOWN_WRAPPER:
        return read_singular(self, &type->descriptor.fields[0], &type->fields[0], value, message);
    case FR_WELL_KNOWN_STRUCT:
    case FR_WELL_KNOWN_LIST:
        return read_repeated(self, &type->descriptor.fields[0], &type->fields[0], value, message);
    case FR_WELL_KNOWN_VALUE:
        return read_any_value(self, type, value, message);
    case FR_WELL_KNOWN_ANY:
        return read_any(self, type, value, message);
    case FR_WELL_KNOWN_NONE:
        break;
    }
    return json_is_object(value) ? read_object(self, type, (json_t *)value, message)
                                 : fr_json_unexpected(self, "an object", value);
}

static enum fr_code read_message(struct fr_json_reader *self, const struct fr_message_type *type,
                                 const json_t *value, ProtobufCMessage **ret_message)
{
    if (self->depth >= FR_MESSAGE_MAX_DEPTH) {
        return fr_path_error(self->reterr, &self->path, "messages are nested too deep");
    }
    ProtobufCMessage *message = new_message(self->arena, type);
    if (message == NULL) {
        return fr_error_no_memory(self->reterr);
    }
    self->depth++;
    enum fr_code code = read_content(self, type, value, message);
    self->depth--;
    if (code == FR_OK) {
        *ret_message = message;
    }
    return code;
}

enum fr_code fr_json_read(const struct fr_message_type *type, struct fr_bytes text, struct fr_arena *arena,
                          struct ProtobufCMessage **ret_message, struct fr_error *reterr)
{
    json_error_t syntax;
    const char *start = text.size == 0 ? "" : (const char *)text.data;
    json_t *value =
        json_loadb(start, text.size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &syntax);
    if (value == NULL) {
        enum fr_code code = json_error_code(&syntax) == json_error_out_of_memory ? FR_RESOURCE_EXHAUSTED
                                                                                 : FR_INVALID_ARGUMENT;
        bool large = json_error_code(&syntax) == json_error_numeric_overflow;
        return fr_error_set(reterr, code, "line %d, column %d: %s%s", syntax.line, syntax.column, syntax.text,
                            large ? "; write numbers above 2^63 - 1 as strings" : "");
    }
    struct fr_json_reader reader = {.arena = arena, .reterr = reterr};
    enum fr_code code = read_message(&reader, type, value, ret_message);
    fr_buffer_fini(&reader.path);
    json_decref(value);
    return code;
}
