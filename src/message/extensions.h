/* SPDX-License-Identifier: MIT */
/*
 * extensions.h - options that .proto files define themselves, in .proto syntax; private to src/message.
 */
#ifndef FR_MESSAGE_EXTENSIONS_H
#define FR_MESSAGE_EXTENSIONS_H

#include "message/schema_types.h"

/*
 * Appends "option (package.name) = value;" as an indented line for each extension that options, a message of
 * descriptor.proto called extendee (".google.protobuf.MethodOptions"), carries and the schema defines. options may be
 * NULL. With out NULL it only counts. Returns how many there are.
 */
size_t fr_extensions_append(const struct fr_schema *schema, const ProtobufCMessage *options, const char *extendee,
                            unsigned indent, struct fr_buffer *out);

#endif
