/* SPDX-License-Identifier: MIT */
/*
 * times.h - Timestamp and Duration as JSON writes them. Also for C++.
 */
#ifndef PAYLOAD_TIMES_H
#define PAYLOAD_TIMES_H

#include "payload/plan.h"

#define TIMES_BYTES 48

#ifdef __cplusplus
extern "C" {
#endif

/* Writes a NUL behind the text; returns its size. Out of range: "". */
size_t times_write(char out[TIMES_BYTES], enum plan_kind kind, const ProtobufCMessage *message);
/* false: it is no such text. */
bool times_read(const char *text, size_t size, enum plan_kind kind, int64_t *ret_seconds, int32_t *ret_nanos);

#ifdef __cplusplus
}
#endif

#endif
