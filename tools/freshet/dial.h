/* SPDX-License-Identifier: MIT */
/*
 * dial.h - a channel to an address that a person gave.
 */
#ifndef FRESHET_DIAL_H
#define FRESHET_DIAL_H

#include <stdint.h>

#include "base/error.h"

struct fr_channel;

/*
 * As fr_channel_new without options, but looks the host up first, unless it is a number: a channel tries for as long as
 * it may, since names come and go, and does not learn that there is none. That takes at most *timeout_us (not 0), from
 * which the time spent is taken, so that what is left is for the call. *ret_channel is owned (fr_channel_free).
 *   FR_UNAVAILABLE        no such host, or the look-up failed
 *   FR_DEADLINE_EXCEEDED  no answer to the look-up in time
 *   FR_RESOURCE_EXHAUSTED no memory
 *   FR_INVALID_ARGUMENT   not an address
 */
FR_MUST_CHECK enum fr_code dial(const char *address, uint64_t *timeout_us, struct fr_channel **ret_channel,
                                struct fr_error *reterr);

#endif
