/* SPDX-License-Identifier: MIT */
/*
 * schema_default.c - proto2 default values, from the text that a FieldDescriptorProto holds.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "message/schema_types.h"

/* One value of any scalar type, as protobuf-c copies it into the message. */
union value {
    int32_t int32;
    uint32_t uint32;
    int64_t int64;
    uint64_t uint64;
    float single;
    double real;
    protobuf_c_boolean boolean;
};

static bool parse_signed(const char *text, int64_t min, int64_t max, int64_t *ret_value)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    *ret_value = value;
    return errno == 0 && end != text && *end == '\0' && value >= min && value <= max;
}

static bool parse_unsigned(const char *text, uint64_t max, uint64_t *ret_value)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    *ret_value = value;
    return errno == 0 && end != text && *end == '\0' && text[0] >= '0' && text[0] <= '9' && value <= max;
}

static bool parse_real(const char *text, double *ret_value)
{
    char *end;
    *ret_value = strtod(text, &end); /* takes protoc's "inf", "-inf" and "nan" as well */
    return end != text && *end == '\0';
}

static bool parse_scalar(ProtobufCType type, const char *text, union value *value)
{
    int64_t integer = 0;
    uint64_t natural = 0;
    double real = 0;
    bool good;
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        good = parse_signed(text, INT32_MIN, INT32_MAX, &integer);
        value->int32 = (int32_t)integer;
        return good;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return parse_signed(text, INT64_MIN, INT64_MAX, &value->int64);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        good = parse_unsigned(text, UINT32_MAX, &natural);
        value->uint32 = (uint32_t)natural;
        return good;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return parse_unsigned(text, UINT64_MAX, &value->uint64);
    case PROTOBUF_C_TYPE_FLOAT:
        good = parse_real(text, &real);
        value->single = (float)real;
        return good;
    case PROTOBUF_C_TYPE_DOUBLE:
        return parse_real(text, &value->real);
    case PROTOBUF_C_TYPE_BOOL:
        value->boolean = strcmp(text, "true") == 0;
        return value->boolean || strcmp(text, "false") == 0;
    default:
        return false;
    }
}

/* One escape of protoc's C-style text; moves *text behind it. -1 when malformed. */
static int parse_escape(const char **text)
{
    static const char letters[] = "abfnrtv\\'\"?";
    static const char meanings[] = "\a\b\f\n\r\t\v\\'\"?";
    const char *at = *text;
    const char *letter = *at == '\0' ? NULL : strchr(letters, *at);
    if (letter != NULL) {
        *text = at + 1;
        return (unsigned char)meanings[letter - letters];
    }
    int value = 0;
    size_t digits = 0;
    while (digits < 3 && at[digits] >= '0' && at[digits] <= '7') {
        value = value * 8 + (at[digits++] - '0');
    }
    *text = at + digits;
    return digits > 0 && value <= UINT8_MAX ? value : -1;
}

static bool parse_bytes(const char *text, ProtobufCBinaryData *out)
{
    out->len = 0;
    while (*text != '\0') {
        int byte = (unsigned char)*text++;
        if (byte == '\\') {
            byte = parse_escape(&text);
        }
        if (byte < 0) {
            return false;
        }
        out->data[out->len++] = (uint8_t)byte;
    }
    return true;
}

/* Without a default in the .proto, a proto2 enum's default is its first value. */
static bool find_enum_default(const struct fr_symbol *symbol, const char *text, union value *value)
{
    if (text == NULL) {
        value->int32 = symbol->proto.enumeration->value[0]->number;
        return true;
    }
    const ProtobufCEnumValue *found =
        protobuf_c_enum_descriptor_get_value_by_name(&symbol->type.enumeration->descriptor, text);
    value->int32 = found == NULL ? 0 : found->value;
    return found != NULL;
}

static const void *bytes_default(struct fr_schema_builder *builder, const char *text, bool *ret_good)
{
    ProtobufCBinaryData *bytes = fr_schema_alloc(builder->schema, 1, sizeof *bytes);
    uint8_t *data = fr_schema_alloc(builder->schema, strlen(text) + 1, 1);
    if (bytes == NULL || data == NULL) {
        return NULL;
    }
    bytes->data = data;
    *ret_good = parse_bytes(text, bytes);
    return bytes;
}

enum fr_code fr_schema_default(struct fr_schema_builder *builder, const char *message,
                               const Google__Protobuf__FieldDescriptorProto *proto,
                               const ProtobufCFieldDescriptor *field, const void **ret_default)
{
    const char *text = proto->default_value;
    bool good = true;
    const void *result = NULL;
    if (field->type == PROTOBUF_C_TYPE_STRING && text != NULL) {
        result = text;
    } else if (field->type == PROTOBUF_C_TYPE_BYTES && text != NULL) {
        result = bytes_default(builder, text, &good);
    } else if (text != NULL || field->type == PROTOBUF_C_TYPE_ENUM) {
        union value *value = fr_schema_alloc(builder->schema, 1, sizeof *value);
        if (value != NULL && field->type == PROTOBUF_C_TYPE_ENUM) {
            good = find_enum_default(fr_schema_resolve(builder->schema, proto->type_name, FR_SYMBOL_ENUM),
                                     text, value);
        } else if (value != NULL) {
            good = parse_scalar(field->type, text, value);
        }
        result = value;
    } else {
        *ret_default = NULL;
        return FR_OK;
    }
    if (!good) {
        return fr_error_set(builder->reterr, FR_INVALID_ARGUMENT, "%s.%s: '%s' is not a default for its type",
                            message, field->name, text);
    }
    *ret_default = result;
    return result == NULL ? fr_error_no_memory(builder->reterr) : FR_OK;
}
