/* SPDX-License-Identifier: MIT */
/*
 * comments.h - the comments that a .proto file has for one of its definitions; private to src/message.
 */
#ifndef FR_MESSAGE_COMMENTS_H
#define FR_MESSAGE_COMMENTS_H

#include "message/schema_types.h"

/* Appends the comment before the definition at location as indented lines of "// …". */
void fr_comments_append_leading(const Google__Protobuf__FileDescriptorProto *file,
                                const struct fr_location *location, unsigned indent, struct fr_buffer *out);
/* Appends " // …" if the comment behind the definition is a single line. */
void fr_comments_append_trailing(const Google__Protobuf__FileDescriptorProto *file,
                                 const struct fr_location *location, struct fr_buffer *out);

#endif
