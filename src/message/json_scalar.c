/* SPDX-License-Identifier: MIT */
/*
 * json_scalar.c - reads single JSON values that are no messages.
 */
#include "message/json_scalar.h"

#include <math.h>
#include <string.h>

#include "message/base64.h"
#include "message/json_number.h"
#include "message/path.h"

static const char *kind_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_NULL:
        return "null";
    default:
        return "a boolean";
    }
}

enum fr_code fr_json_unexpected(const struct fr_json_reader *self, const char *expected, const json_t *value)
{
    return fr_path_error(self->reterr, &self->path, "expected %s, got %s", expected, kind_of(value));
}

static enum fr_code out_of_range(const struct fr_json_reader *self)
{
    return fr_path_error(self->reterr, &self->path, "the number is out of range");
}

/* Stores a whole number in the width and sign of the type. */
static enum fr_code store_integer(const struct fr_json_reader *self, ProtobufCType type,
                                  struct fr_integer integer, void *to)
{
    int64_t number;
    uint64_t natural;
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return fr_integer_to_signed(integer, INT64_MIN, INT64_MAX, to) ? FR_OK : out_of_range(self);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return fr_integer_to_unsigned(integer, UINT64_MAX, to) ? FR_OK : out_of_range(self);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        if (!fr_integer_to_unsigned(integer, UINT32_MAX, &natural)) {
            return out_of_range(self);
        }
        *(uint32_t *)to = (uint32_t)natural;
        return FR_OK;
    default:
        if (!fr_integer_to_signed(integer, INT32_MIN, INT32_MAX, &number)) {
            return out_of_range(self);
        }
        *(int32_t *)to = (int32_t)number;
        return FR_OK;
    }
}

static enum fr_code read_integer(const struct fr_json_reader *self, ProtobufCType type, const json_t *value,
                                 void *to)
{
    struct fr_integer integer;
    double real;
    if (json_is_integer(value)) {
        integer = fr_integer_of(json_integer_value(value));
        return store_integer(self, type, integer, to);
    }
    if (json_is_string(value)) {
        const char *text = json_string_value(value);
        if (strlen(text) != json_string_length(value)) {
            return fr_path_error(self->reterr, &self->path, "expected a whole number");
        }
        if (fr_integer_parse(text, &integer)) {
            return store_integer(self, type, integer, to);
        }
        if (!fr_double_parse(text, &real)) {
            return fr_path_error(self->reterr, &self->path, "expected a whole number, got \"%.40s\"", text);
        }
    } else if (json_is_real(value)) {
        real = json_real_value(value);
    } else {
        return fr_json_unexpected(self, "a whole number", value);
    }
    if (real != trunc(real)) {
        return fr_path_error(self->reterr, &self->path, "expected a whole number, got a fraction");
    }
    return fr_integer_of_double(real, &integer) ? store_integer(self, type, integer, to) : out_of_range(self);
}

static enum fr_code read_double(const struct fr_json_reader *self, const json_t *value, double *ret_value)
{
    if (json_is_number(value)) {
        *ret_value = json_number_value(value);
        return FR_OK;
    }
    if (!json_is_string(value)) {
        return fr_json_unexpected(self, "a number", value);
    }
    const char *text = json_string_value(value);
    if (strcmp(text, "NaN") == 0) {
        *ret_value = (double)NAN;
    } else if (strcmp(text, "Infinity") == 0) {
        *ret_value = (double)INFINITY;
    } else if (strcmp(text, "-Infinity") == 0) {
        *ret_value = -(double)INFINITY;
    } else if (strlen(text) != json_string_length(value) || !fr_double_parse(text, ret_value)) {
        return fr_path_error(self->reterr, &self->path, "expected a number, got \"%.40s\"", text);
    }
    return FR_OK;
}

static enum fr_code read_real(const struct fr_json_reader *self, ProtobufCType type, const json_t *value,
                              void *to)
{
    double real;
    enum fr_code code = read_double(self, value, &real);
    if (code != FR_OK) {
        return code;
    }
    if (type == PROTOBUF_C_TYPE_DOUBLE) {
        *(double *)to = real;
        return FR_OK;
    }
    /* The shortest text of the largest float lies above it: what counts is where the number rounds to. */
    *(float *)to = (float)real;
    return isfinite(real) && isinf(*(float *)to) ? out_of_range(self) : FR_OK;
}

static enum fr_code read_enum(const struct fr_json_reader *self, const struct fr_enum_type *type,
                              const json_t *value, int32_t *to)
{
    if (type->is_null_value && json_is_null(value)) {
        *to = 0;
        return FR_OK;
    }
    if (json_is_string(value)) {
        const char *name = json_string_value(value);
        const ProtobufCEnumValue *found =
            protobuf_c_enum_descriptor_get_value_by_name(&type->descriptor, name);
        if (found == NULL) {
            return fr_path_error(self->reterr, &self->path, "%s has no value \"%.40s\"",
                                 type->descriptor.name, name);
        }
        *to = found->value;
        return FR_OK;
    }
    if (!json_is_number(value)) {
        return fr_json_unexpected(self, "the name or number of an enum value", value);
    }
    enum fr_code code = read_integer(self, PROTOBUF_C_TYPE_INT32, value, to);
    if (code == FR_OK && type->closed &&
        protobuf_c_enum_descriptor_get_value(&type->descriptor, *to) == NULL) {
        return fr_path_error(self->reterr, &self->path, "%s has no value %d", type->descriptor.name,
                             (int)*to);
    }
    return code;
}

static enum fr_code store_text(const struct fr_json_reader *self, const char *text, size_t size, char **to)
{
    if (memchr(text, '\0', size) != NULL) {
        return fr_path_error(self->reterr, &self->path, "holds a NUL character");
    }
    *to = fr_arena_copy_text(self->arena, text, size);
    return *to == NULL ? fr_error_no_memory(self->reterr) : FR_OK;
}

static enum fr_code read_bytes(const struct fr_json_reader *self, const json_t *value,
                               ProtobufCBinaryData *to)
{
    if (!json_is_string(value)) {
        return fr_json_unexpected(self, "a base64 string", value);
    }
    struct fr_bytes text = {(const uint8_t *)json_string_value(value), json_string_length(value)};
    uint8_t *data = fr_arena_alloc(self->arena, text.size / 4 * 3 + 3);
    if (data == NULL) {
        return fr_error_no_memory(self->reterr);
    }
    if (!fr_base64_read(text, data, &to->len)) {
        return fr_path_error(self->reterr, &self->path, "the string is not base64");
    }
    to->data = data;
    return FR_OK;
}

enum fr_code fr_json_read_scalar(struct fr_json_reader *self, const ProtobufCFieldDescriptor *field,
                                 const struct fr_field *extra, const json_t *value, void *to)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        return read_real(self, field->type, value, to);
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)to = json_is_true(value);
        return json_is_boolean(value) ? FR_OK : fr_json_unexpected(self, "true or false", value);
    case PROTOBUF_C_TYPE_ENUM:
        return read_enum(self, extra->enumeration, value, to);
    case PROTOBUF_C_TYPE_STRING:
        return json_is_string(value)
                   ? store_text(self, json_string_value(value), json_string_length(value), to)
                   : fr_json_unexpected(self, "a string", value);
    case PROTOBUF_C_TYPE_BYTES:
        return read_bytes(self, value, to);
    default:
        return read_integer(self, field->type, value, to);
    }
}

enum fr_code fr_json_read_key(struct fr_json_reader *self, const ProtobufCFieldDescriptor *field,
                              const char *text, void *to)
{
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        return store_text(self, text, strlen(text), to);
    }
    if (field->type == PROTOBUF_C_TYPE_BOOL) {
        *(protobuf_c_boolean *)to = strcmp(text, "true") == 0;
        return *(protobuf_c_boolean *)to || strcmp(text, "false") == 0
                   ? FR_OK
                   : fr_path_error(self->reterr, &self->path, "the key is not true or false");
    }
    /* Only one text per number, so that no two keys of an object are the same key of the map. */
    struct fr_integer integer;
    return fr_integer_parse(text, &integer)
               ? store_integer(self, field->type, integer, to)
               : fr_path_error(self->reterr, &self->path, "the key is not a number");
}
