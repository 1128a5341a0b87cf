/* SPDX-License-Identifier: MIT */
/*
 * strip.h - takes the services out of a FileDescriptorSet. Pure.
 *
 * protoc-c would make service stubs of its own that nobody uses, with members that do not compile when a method is
 * called Register or Continue: it names them like the keyword. Messages have no such trouble.
 */
#ifndef PROTOC_GEN_FRESHET_STRIP_H
#define PROTOC_GEN_FRESHET_STRIP_H

#include "base/buffer.h"

/*
 * Appends the set without its services to out.
 *   FR_INVALID_ARGUMENT    set is no FileDescriptorSet
 *   FR_RESOURCE_EXHAUSTED  no memory
 */
FR_MUST_CHECK enum fr_code strip_services(struct fr_bytes set, struct fr_buffer *out, struct fr_error *reterr);

#endif
