/* SPDX-License-Identifier: MIT */
/*
 * json_write.c - messages as JSON text, fields by number.
 *
 * The layout comes from the message's own descriptor and the names from the type, so a message of generated code
 * can be written by its type of a schema.
 */
#include "message/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "message/base64.h"
#include "message/json_number.h"
#include "message/json_writer.h"
#include "message/path.h"
#include "message/utf8.h"

#define INDENT 2 /* spaces a level */

static const void *at_offset(const ProtobufCMessage *message, unsigned offset)
{
    return (const uint8_t *)message + offset;
}

void fr_json_begin_item(const struct fr_json_writer *self, bool first)
{
    if (!first) {
        fr_buffer_append_text(self->out, self->options->indent ? "," : ", ");
    }
    if (self->options->indent) {
        fr_buffer_append_format(self->out, "\n%*s", (int)(self->level * INDENT), "");
    }
}

void fr_json_open_bracket(struct fr_json_writer *self, const char *bracket)
{
    fr_buffer_append_text(self->out, bracket);
    self->level++;
}

void fr_json_close_bracket(struct fr_json_writer *self, const char *bracket, bool empty)
{
    self->level--;
    if (!empty) {
        fr_json_begin_item(self, true);
    }
    fr_buffer_append_text(self->out, bracket);
}

static void append_escaped(struct fr_buffer *out, unsigned char c)
{
    static const char controls[] = "\b\t\n\f\r";
    static const char letters[] = "btnfr";
    const char *control = c == '\0' ? NULL : strchr(controls, c);
    if (control != NULL) {
        fr_buffer_append_format(out, "\\%c", letters[control - controls]);
    } else if (c < 0x20 || c == 0x7f) {
        fr_buffer_append_format(out, "\\u%04x", (unsigned)c);
    } else {
        fr_buffer_append_format(out, "\\%c", c);
    }
}

enum fr_code fr_json_write_text(const struct fr_json_writer *self, const char *text)
{
    size_t size = strlen(text);
    if (!fr_utf8_valid((const uint8_t *)text, size)) {
        return fr_path_error(self->reterr, &self->path, "not valid UTF-8");
    }
    fr_buffer_append_text(self->out, "\"");
    size_t plain = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f) {
            fr_buffer_append(self->out, text + plain, i - plain);
            append_escaped(self->out, c);
            plain = i + 1;
        }
    }
    fr_buffer_append(self->out, text + plain, size - plain);
    fr_buffer_append_text(self->out, "\"");
    return FR_OK;
}

static void write_real(const struct fr_json_writer *self, ProtobufCType type, const void *value)
{
    double real = type == PROTOBUF_C_TYPE_FLOAT ? (double)*(const float *)value : *(const double *)value;
    char text[FR_DOUBLE_TEXT_BYTES];
    if (isnan(real)) {
        fr_buffer_append_text(self->out, "\"NaN\"");
    } else if (isinf(real)) {
        fr_buffer_append_text(self->out, real > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    } else {
        if (type == PROTOBUF_C_TYPE_FLOAT) {
            fr_float_format(*(const float *)value, text);
        } else {
            fr_double_format(real, text);
        }
        fr_buffer_append_text(self->out, text);
    }
}

static enum fr_code write_enum(const struct fr_json_writer *self, const struct fr_enum_type *type,
                               int32_t value)
{
    if (type->is_null_value) {
        fr_buffer_append_text(self->out, "null");
        return FR_OK;
    }
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(&type->descriptor, value);
    if (found != NULL) {
        return fr_json_write_text(self, found->name);
    }
    fr_buffer_append_format(self->out, "%" PRId32, value);
    return FR_OK;
}

static void write_bytes(const struct fr_json_writer *self, const ProtobufCBinaryData *bytes)
{
    fr_buffer_append_text(self->out, "\"");
    fr_base64_write((struct fr_bytes){bytes->data, bytes->len}, self->out);
    fr_buffer_append_text(self->out, "\"");
}

/* A map key is always text; 64-bit numbers are text anyway. */
static enum fr_code write_value(struct fr_json_writer *self, const ProtobufCFieldDescriptor *field,
                                const struct fr_field *extra, const void *value, bool is_key)
{
    const char *quote = is_key ? "\"" : "";
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        fr_buffer_append_format(self->out, "%s%" PRId32 "%s", quote, *(const int32_t *)value, quote);
        return FR_OK;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        fr_buffer_append_format(self->out, "%s%" PRIu32 "%s", quote, *(const uint32_t *)value, quote);
        return FR_OK;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        fr_buffer_append_format(self->out, "\"%" PRId64 "\"", *(const int64_t *)value);
        return FR_OK;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        fr_buffer_append_format(self->out, "\"%" PRIu64 "\"", *(const uint64_t *)value);
        return FR_OK;
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        write_real(self, field->type, value);
        return FR_OK;
    case PROTOBUF_C_TYPE_BOOL:
        fr_buffer_append_format(self->out, "%s%s%s", quote,
                                *(const protobuf_c_boolean *)value ? "true" : "false", quote);
        return FR_OK;
    case PROTOBUF_C_TYPE_ENUM:
        return write_enum(self, extra->enumeration, *(const int32_t *)value);
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = *(const char *const *)value;
        return fr_json_write_text(self, text == NULL ? "" : text);
    }
    case PROTOBUF_C_TYPE_BYTES:
        write_bytes(self, value);
        return FR_OK;
    case PROTOBUF_C_TYPE_MESSAGE:
        return fr_json_write_message(self, extra->message, *(const ProtobufCMessage *const *)value);
    }
    return FR_OK;
}

static enum fr_code write_list(struct fr_json_writer *self, const ProtobufCFieldDescriptor *field,
                               const struct fr_field *extra, const uint8_t *elements, size_t count)
{
    size_t mark = self->path.size;
    fr_json_open_bracket(self, "[");
    for (size_t i = 0; i < count; i++) {
        fr_json_begin_item(self, i == 0);
        fr_buffer_append_format(&self->path, "[%zu]", i);
        enum fr_code code =
            write_value(self, field, extra, elements + i * fr_schema_element_size(field->type), false);
        if (code != FR_OK) {
            return code;
        }
        self->path.size = mark;
    }
    fr_json_close_bracket(self, "]", count == 0);
    return FR_OK;
}

/* Maps are written sorted by key, which also brings copies of a key together: the last one counts. */
struct entry {
    const ProtobufCMessage *message;
    size_t index; /* on the wire */
};

static int compare_keys(const struct entry *left, const struct entry *right)
{
    const ProtobufCFieldDescriptor *field = &left->message->descriptor->fields[0];
    const void *a = at_offset(left->message, field->offset);
    const void *b = at_offset(right->message, field->offset);
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = *(const char *const *)a;
        const char *other = *(const char *const *)b;
        return strcmp(text == NULL ? "" : text, other == NULL ? "" : other);
    }
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return *(const int64_t *)a < *(const int64_t *)b ? -1 : *(const int64_t *)a > *(const int64_t *)b;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return *(const uint64_t *)a < *(const uint64_t *)b ? -1 : *(const uint64_t *)a > *(const uint64_t *)b;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : *(const uint32_t *)a > *(const uint32_t *)b;
    default:
        return *(const int32_t *)a < *(const int32_t *)b ? -1 : *(const int32_t *)a > *(const int32_t *)b;
    }
}

static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;
    int order = compare_keys(a, b);
    return order != 0 ? order : a->index < b->index ? -1 : 1;
}

static enum fr_code write_entries(struct fr_json_writer *self, const struct fr_message_type *type,
                                  const struct entry *entries, size_t count)
{
    size_t mark = self->path.size;
    bool first = true;
    fr_json_open_bracket(self, "{");
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && compare_keys(&entries[i], &entries[i + 1]) == 0) {
            continue;
        }
        const ProtobufCMessage *message = entries[i].message;
        const ProtobufCFieldDescriptor *fields = message->descriptor->fields;
        fr_json_begin_item(self, first);
        first = false;
        fr_buffer_append_format(&self->path, "[%zu]", entries[i].index);
        enum fr_code code =
            write_value(self, &fields[0], &type->fields[0], at_offset(message, fields[0].offset), true);
        fr_buffer_append_text(self->out, ": ");
        if (code == FR_OK) {
            code =
                write_value(self, &fields[1], &type->fields[1], at_offset(message, fields[1].offset), false);
        }
        if (code != FR_OK) {
            return code;
        }
        self->path.size = mark;
    }
    fr_json_close_bracket(self, "}", count == 0);
    return FR_OK;
}

static enum fr_code write_map(struct fr_json_writer *self, const struct fr_message_type *type,
                              const ProtobufCMessage *const *messages, size_t count)
{
    struct entry *entries = calloc(count > 0 ? count : 1, sizeof *entries);
    if (entries == NULL) {
        return fr_error_no_memory(self->reterr);
    }
    for (size_t i = 0; i < count; i++) {
        entries[i] = (struct entry){messages[i], i};
    }
    qsort(entries, count, sizeof *entries, compare_entries);
    enum fr_code code = write_entries(self, type, entries, count);
    free(entries);
    return code;
}

static bool is_zero(const ProtobufCFieldDescriptor *field, const void *value)
{
    static const uint64_t zero = 0;
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = *(const char *const *)value;
        return text == NULL || *text == '\0';
    }
    case PROTOBUF_C_TYPE_BYTES:
        return ((const ProtobufCBinaryData *)value)->len == 0;
    default:
        return memcmp(value, &zero, fr_schema_element_size(field->type)) == 0;
    }
}

/* Whether the field is written: it is there, or it has no presence and defaults are wanted. */
static bool is_written(const struct fr_json_writer *self, const ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field)
{
    const void *value = at_offset(message, field->offset);
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return self->options->emit_defaults ||
               *(const size_t *)at_offset(message, field->quantifier_offset) > 0;
    }
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        return *(const uint32_t *)at_offset(message, field->quantifier_offset) == field->id;
    }
    if (field->label == PROTOBUF_C_LABEL_REQUIRED) {
        return true;
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        return *(const void *const *)value != NULL;
    }
    if (field->label == PROTOBUF_C_LABEL_NONE) {
        return self->options->emit_defaults || !is_zero(field, value);
    }
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        return *(const void *const *)value != NULL && *(const void *const *)value != field->default_value;
    }
    return *(const protobuf_c_boolean *)at_offset(message, field->quantifier_offset) != 0;
}

enum fr_code fr_json_write_field(struct fr_json_writer *self, const ProtobufCFieldDescriptor *field,
                                 const struct fr_field *extra, const ProtobufCMessage *message)
{
    const void *value = at_offset(message, field->offset);
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        return write_value(self, field, extra, value, false);
    }
    size_t count = *(const size_t *)at_offset(message, field->quantifier_offset);
    return extra->is_map
               ? write_map(self, extra->message, *(const ProtobufCMessage *const *const *)value, count)
               : write_list(self, field, extra, *(const uint8_t *const *)value, count);
}

enum fr_code fr_json_write_members(struct fr_json_writer *self, const struct fr_message_type *type,
                                   const ProtobufCMessage *message, bool first)
{
    size_t mark = self->path.size;
    for (unsigned i = 0; i < type->descriptor.n_fields; i++) {
        const ProtobufCFieldDescriptor *own = &type->descriptor.fields[i];
        const ProtobufCFieldDescriptor *field =
            message->descriptor == &type->descriptor
                ? own
                : protobuf_c_message_descriptor_get_field(message->descriptor, own->id);
        if (field == NULL || !is_written(self, message, field)) {
            continue;
        }
        fr_json_begin_item(self, first);
        first = false;
        fr_path_append_field(&self->path, own->name);
        enum fr_code code =
            fr_json_write_text(self, self->options->proto_names ? own->name : type->fields[i].json_name);
        fr_buffer_append_text(self->out, ": ");
        if (code == FR_OK) {
            code = fr_json_write_field(self, field, &type->fields[i], message);
        }
        if (code != FR_OK) {
            return code;
        }
        self->path.size = mark;
    }
    fr_json_close_bracket(self, "}", first);
    return FR_OK;
}

enum fr_code fr_json_write_message(struct fr_json_writer *self, const struct fr_message_type *type,
                                   const ProtobufCMessage *message)
{
    if (self->depth >= FR_MESSAGE_MAX_DEPTH) {
        return fr_path_error(self->reterr, &self->path, "messages are nested too deep");
    }
    ProtobufCMessage *empty = NULL;
    if (message == NULL) {
        empty = calloc(1, type->descriptor.sizeof_message);
        if (empty == NULL) {
            return fr_error_no_memory(self->reterr);
        }
        empty->descriptor = &type->descriptor;
    }
    self->depth++;
    enum fr_code code = fr_json_write_content(self, type, message != NULL ? message : empty);
    self->depth--;
    free(empty);
    return code;
}

enum fr_code fr_json_write(const struct fr_message_type *type, const struct ProtobufCMessage *message,
                           const struct fr_json_options *options, struct fr_buffer *out,
                           struct fr_error *reterr)
{
    static const struct fr_json_options defaults = {0};
    struct fr_json_writer writer = {
        .options = options != NULL ? options : &defaults, .out = out, .reterr = reterr};
    enum fr_code code = fr_json_write_message(&writer, type, message);
    fr_buffer_fini(&writer.path);
    return code == FR_OK && out->failed ? fr_error_no_memory(reterr) : code;
}
