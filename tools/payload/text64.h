/* SPDX-License-Identifier: MIT */
/*
 * text64.h - base64 (RFC 4648) by tables, for all JSON codecs alike; also for C++.
 *
 * message/base64.h is written for short values; JSON shall not lose to it here.
 */
#ifndef PAYLOAD_TEXT64_H
#define PAYLOAD_TEXT64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that text64_write writes for so many. */
static inline size_t text64_size(size_t size)
{
    return (size + 2) / 3 * 4;
}

void text64_write(char *out, const uint8_t *data, size_t size);
/* Takes padded text of the standard alphabet; out has room for size / 4 * 3 bytes. false: it is none. */
bool text64_read(uint8_t *out, const char *text, size_t size, size_t *ret_size);

#ifdef __cplusplus
}
#endif

#endif
