/* SPDX-License-Identifier: MIT */
/*
 * redis_command.c - write a command as Redis reads it.
 *
 * In place of hiredis's own formatter, which spends several calls and a new string on each argument. Pure.
 * Format: https://redis.io/docs/latest/develop/reference/protocol-spec/ ("Bulk strings").
 */
#include "cache/redis_command.h"

#define HEAD_MAX_BYTES 23 /* a mark, up to 20 digits, CR and LF */

static uint8_t *put_head(uint8_t *to, char mark, size_t number)
{
    uint8_t digits[20];
    unsigned count = 0;
    do {
        digits[count++] = (uint8_t)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    *to++ = (uint8_t)mark;
    while (count > 0) {
        *to++ = digits[--count];
    }
    *to++ = '\r';
    *to++ = '\n';
    return to;
}

void fr_redis_command_write(struct fr_buffer *out, int count, const char *const *arguments, const size_t *sizes)
{
    size_t most = HEAD_MAX_BYTES + 1;
    for (int i = 0; i < count; i++) {
        most += HEAD_MAX_BYTES + sizes[i] + 2;
    }
    uint8_t *to = fr_buffer_reserve(out, most);
    if (to == NULL) {
        return;
    }
    to = put_head(to, '*', (size_t)count);
    for (int i = 0; i < count; i++) {
        to = put_head(to, '$', sizes[i]);
        memcpy(to, arguments[i], sizes[i]);
        to += sizes[i];
        *to++ = '\r';
        *to++ = '\n';
    }
    *to = '\0'; /* hiredis 0.14 looks there for another argument */
    out->size = (size_t)(to - out->data);
}
