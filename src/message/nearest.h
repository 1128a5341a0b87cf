/* SPDX-License-Identifier: MIT */
/*
 * nearest.h - what a misspelled field name may have meant; private to src/message.
 */
#ifndef FR_MESSAGE_NEAREST_H
#define FR_MESSAGE_NEAREST_H

#include "message/schema_types.h"

/* The field whose JSON name is at most a few edits away from name, or NULL. Borrowed from the type. */
const char *fr_nearest_field(const struct fr_message_type *type, const char *name);

#endif
