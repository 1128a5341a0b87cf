/* SPDX-License-Identifier: MIT */
/*
 * dial.h - a channel to an address that a person gave.
 */
#ifndef FRESHET_DIAL_H
#define FRESHET_DIAL_H

#include "base/error.h"

struct fr_channel;

/*
 * As fr_channel_new without options, but looks the host up first: a channel tries for as long as it may, since names
 * come and go, and does not learn that there is none. *ret_channel is owned (fr_channel_free).
 *   FR_UNAVAILABLE       no such host
 *   FR_INVALID_ARGUMENT  not an address
 */
FR_MUST_CHECK enum fr_code dial(const char *address, struct fr_channel **ret_channel, struct fr_error *reterr);

#endif
