/* SPDX-License-Identifier: MIT */
/*
 * extensions.h - options that .proto files define themselves, in .proto syntax; private to src/message.
 */
#ifndef FR_MESSAGE_EXTENSIONS_H
#define FR_MESSAGE_EXTENSIONS_H

#include "message/option_text.h"

/* Writes each extension that options, a message of descriptor.proto, carries and the schema's files define. */
void fr_extensions_append(const struct fr_schema *schema, const ProtobufCMessage *options,
                          struct fr_option_text *text);

#endif
