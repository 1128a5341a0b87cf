/* SPDX-License-Identifier: MIT */
/*
 * check.h - holds a codec's results against the data set, before it is timed.
 */
#ifndef PAYLOAD_CHECK_H
#define PAYLOAD_CHECK_H

#include "payload/subject.h"

/*
 * What the codec encodes must read back as exactly the message, and what it decodes must give every field of it; twice,
 * since a codec may keep things from one message to the next. state comes from its open. A direction that the codec
 * does not have is right.
 *   FR_DATA_LOSS  not so; the message says what differs
 */
FR_MUST_CHECK enum fr_code check_encode(const struct codec *codec, void *state, const struct subject *subject,
                                        struct fr_error *reterr);
FR_MUST_CHECK enum fr_code check_decode(const struct codec *codec, void *state, const struct subject *subject,
                                        struct fr_error *reterr);

#endif
