/* SPDX-License-Identifier: MIT */
/*
 * details.h - the details of an error as JSON.
 */
#ifndef FRESHET_DETAILS_H
#define FRESHET_DETAILS_H

#include "message/arena.h"
#include "message/schema.h"
#include "rpc/metadata.h"

/*
 * Appends one line: {"@type": …, "value": the message} if the schema knows its type, otherwise with the bytes in
 * base64. The type_url may come from a stranger.
 */
void details_append(struct fr_buffer *out, const struct fr_schema *schema, const struct fr_detail *detail,
                    struct fr_arena *arena);

#endif
