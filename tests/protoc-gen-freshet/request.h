/* SPDX-License-Identifier: MIT */
/*
 * request.h - a CodeGeneratorRequest as protoc makes it, to spoil.
 */
#ifndef FR_TESTS_PROTOC_GEN_FRESHET_REQUEST_H
#define FR_TESTS_PROTOC_GEN_FRESHET_REQUEST_H

#include "base/buffer.h"

/* Appends the request to generate C for users/v1/users.proto and what it imports; without the long comments. */
void request_make(struct fr_buffer *out);

#endif
