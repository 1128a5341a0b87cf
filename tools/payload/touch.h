/* SPDX-License-Identifier: MIT */
/*
 * touch.h - reads every field of a message into a sink.
 */
#ifndef PAYLOAD_TOUCH_H
#define PAYLOAD_TOUCH_H

#include "payload/plan.h"
#include "payload/sink.h"

void touch_message(struct sink *sink, const struct plan *plan, const ProtobufCMessage *message);

#endif
