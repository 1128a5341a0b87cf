/* SPDX-License-Identifier: MIT */
/*
 * c.h - the two C files that are generated from a .proto file.
 */
#ifndef PROTOC_GEN_FRESHET_C_H
#define PROTOC_GEN_FRESHET_C_H

#include "protoc-gen-freshet/c_names.h"

/* Appends X.freshet.h. */
void c_header(const struct c_unit *unit, struct fr_buffer *out);
/* Appends X.freshet.c. FR_RESOURCE_EXHAUSTED without memory. */
FR_MUST_CHECK enum fr_code c_source(const struct c_unit *unit, struct fr_buffer *out, struct fr_error *reterr);

#endif
