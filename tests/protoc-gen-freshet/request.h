/* SPDX-License-Identifier: MIT */
/*
 * request.h - a CodeGeneratorRequest as protoc makes it, to spoil.
 */
#ifndef FR_TESTS_PROTOC_GEN_FRESHET_REQUEST_H
#define FR_TESTS_PROTOC_GEN_FRESHET_REQUEST_H

#include "base/buffer.h"

#define REQUEST_LANGUAGES 5

extern const char *const request_languages[REQUEST_LANGUAGES];

/* Appends the request to generate users/v1/users.proto, whose imports come with it; without the long comments. */
void request_make(const char *language, struct fr_buffer *out);

#endif
