/* SPDX-License-Identifier: MIT */
/*
 * error.h - status codes, the error type, and assertions for our own bugs.
 */
#ifndef FR_BASE_ERROR_H
#define FR_BASE_ERROR_H

#include <stdarg.h>

/* gRPC's status codes, with its numbers. */
enum fr_code {
    FR_OK = 0,
    FR_CANCELLED = 1,
    FR_UNKNOWN = 2,
    FR_INVALID_ARGUMENT = 3,
    FR_DEADLINE_EXCEEDED = 4,
    FR_NOT_FOUND = 5,
    FR_ALREADY_EXISTS = 6,
    FR_PERMISSION_DENIED = 7,
    FR_RESOURCE_EXHAUSTED = 8,
    FR_FAILED_PRECONDITION = 9,
    FR_ABORTED = 10,
    FR_OUT_OF_RANGE = 11,
    FR_UNIMPLEMENTED = 12,
    FR_INTERNAL = 13,
    FR_UNAVAILABLE = 14,
    FR_DATA_LOSS = 15,
    FR_UNAUTHENTICATED = 16,
};

#define FR_CODE_COUNT 17

#define FR_ERROR_MESSAGE_BYTES 256

/* message is complete enough to print alone; it is cut at a character when it does not fit. */
struct fr_error {
    enum fr_code code;
    char message[FR_ERROR_MESSAGE_BYTES];
};

#define FR_MUST_CHECK     __attribute__((warn_unused_result))
#define FR_PRINTF(f, a)   __attribute__((format(printf, f, a)))

/* Fills *reterr (may be NULL) and returns code, so that callers can "return fr_error_set(…)". */
enum fr_code fr_error_set(struct fr_error *reterr, enum fr_code code, const char *format, ...) FR_PRINTF(3, 4);
enum fr_code fr_error_setv(struct fr_error *reterr, enum fr_code code, const char *format, va_list arguments)
    FR_PRINTF(3, 0);

/* The error of a failed allocation: RESOURCE_EXHAUSTED. */
enum fr_code fr_error_no_memory(struct fr_error *reterr);

/* "NOT_FOUND" for 5; a number that gRPC does not know gives "UNKNOWN". Static text. */
const char *fr_code_name(unsigned code);

/* Turns a number from the wire into a code; numbers that gRPC does not know become FR_UNKNOWN. */
enum fr_code fr_code_from_wire(unsigned code);

/* For our own bugs only: prints where and aborts, in every build. */
#define FR_ASSERT(condition) ((condition) ? (void)0 : fr_assert_failed(#condition, __FILE__, __LINE__))
void fr_assert_failed(const char *condition, const char *file, int line) __attribute__((noreturn));

#endif
