/* SPDX-License-Identifier: MIT */
/*
 * address.h - what an address looks like: "tcp://host:port".
 */
#ifndef FR_RPC_ADDRESS_H
#define FR_RPC_ADDRESS_H

#include "base/error.h"

#define FR_ADDRESS_MAX_BYTES 127

/*   FR_INVALID_ARGUMENT  not such an address, or the port is not a number up to 65535 */
FR_MUST_CHECK enum fr_code fr_address_check(const char *address, struct fr_error *reterr);

#endif
