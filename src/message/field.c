/* SPDX-License-Identifier: MIT */
/*
 * field.c - one field of a message whose type is known only by its descriptor.
 */
#include "message/field.h"

#include <inttypes.h>
#include <protobuf-c/protobuf-c.h>
#include <stdio.h>
#include <string.h>

static struct fr_bytes text_of(const char *text)
{
    return text == NULL ? (struct fr_bytes){0} : fr_bytes_of(text);
}

bool fr_message_field_text(const struct ProtobufCMessage *message, uint32_t number, char scratch[FR_FIELD_TEXT_BYTES],
                           struct fr_bytes *ret_value)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(message->descriptor, number);
    if (field == NULL || field->label == PROTOBUF_C_LABEL_REPEATED ||
        (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        return false;
    }
    const char *value = (const char *)message + field->offset;
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        *ret_value = text_of(*(char *const *)value);
        return true;
    case PROTOBUF_C_TYPE_BYTES:
        *ret_value =
            (struct fr_bytes){((const ProtobufCBinaryData *)value)->data, ((const ProtobufCBinaryData *)value)->len};
        return true;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_ENUM:
        snprintf(scratch, FR_FIELD_TEXT_BYTES, "%" PRId32, *(const int32_t *)value);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        snprintf(scratch, FR_FIELD_TEXT_BYTES, "%" PRIu32, *(const uint32_t *)value);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        snprintf(scratch, FR_FIELD_TEXT_BYTES, "%" PRId64, *(const int64_t *)value);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        snprintf(scratch, FR_FIELD_TEXT_BYTES, "%" PRIu64, *(const uint64_t *)value);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        snprintf(scratch, FR_FIELD_TEXT_BYTES, "%d", *(const protobuf_c_boolean *)value != 0);
        break;
    default:
        return false;
    }
    *ret_value = text_of(scratch);
    return true;
}
