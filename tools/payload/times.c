/* SPDX-License-Identifier: MIT */
/*
 * times.c - Timestamp and Duration as JSON writes them, by the project's own code for all codecs alike.
 */
#include "payload/times.h"

#include <string.h>

#include "message/json_time.h"

_Static_assert(TIMES_BYTES == FR_TIME_TEXT_BYTES, "the texts of both fit");

size_t times_write(char out[TIMES_BYTES], enum plan_kind kind, const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *fields = message->descriptor->fields;
    int64_t seconds = *(const int64_t *)((const uint8_t *)message + fields[0].offset);
    int32_t nanos = *(const int32_t *)((const uint8_t *)message + fields[1].offset);
    bool good = kind == PLAN_TIMESTAMP ? fr_json_timestamp_format(seconds, nanos, out)
                                       : fr_json_duration_format(seconds, nanos, out);
    return good ? strlen(out) : 0;
}

bool times_read(const char *text, size_t size, enum plan_kind kind, int64_t *ret_seconds, int32_t *ret_nanos)
{
    char copy[TIMES_BYTES];
    if (size >= sizeof copy) {
        return false;
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    return kind == PLAN_TIMESTAMP ? fr_json_timestamp_parse(copy, ret_seconds, ret_nanos)
                                  : fr_json_duration_parse(copy, ret_seconds, ret_nanos);
}
