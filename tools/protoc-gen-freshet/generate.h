/* SPDX-License-Identifier: MIT */
/*
 * generate.h - from a serialized CodeGeneratorRequest to a serialized CodeGeneratorResponse. Pure.
 */
#ifndef PROTOC_GEN_FRESHET_GENERATE_H
#define PROTOC_GEN_FRESHET_GENERATE_H

#include "base/buffer.h"

/*
 * Appends to response, whose field error tells what is wrong with the .proto files or the parameter.
 *   FR_INVALID_ARGUMENT    not a request as protoc makes it
 *   FR_RESOURCE_EXHAUSTED  no memory
 */
FR_MUST_CHECK enum fr_code generate(struct fr_bytes request, struct fr_buffer *response, struct fr_error *reterr);

#endif
