/* SPDX-License-Identifier: MIT */
/*
 * walk.h - what walk_out.h and walk_in.h need; included before them, in C++ outside of any namespace.
 */
#ifndef PAYLOAD_WALK_H
#define PAYLOAD_WALK_H

#include <math.h>

#include "payload/codec.h"
#include "payload/decimal.h"
#include "payload/room.h"
#include "payload/text64.h"
#include "payload/times.h"

#endif
