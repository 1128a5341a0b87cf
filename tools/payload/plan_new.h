/* SPDX-License-Identifier: MIT */
/*
 * plan_new.h - makes the plan of a type.
 */
#ifndef PAYLOAD_PLAN_NEW_H
#define PAYLOAD_PLAN_NEW_H

#include "message/arena.h"
#include "message/schema.h"
#include "payload/plan.h"

/*
 * For messages of this descriptor: that of the type itself, or of code generated for the same .proto. The plan lives
 * in the arena and points into the type and the descriptor.
 *   FR_INVALID_ARGUMENT  the type holds an Any, Struct, Value, ListValue or FieldMask
 */
FR_MUST_CHECK enum fr_code plan_new(struct fr_arena *arena, const struct fr_message_type *type,
                                    const ProtobufCMessageDescriptor *descriptor,
                                    const struct plan **ret_plan, struct fr_error *reterr);

#endif
