/* SPDX-License-Identifier: MIT */
/*
 * check.h - one grpc.health.v1.Health/Check.
 */
#ifndef FRESHET_CHECK_H
#define FRESHET_CHECK_H

#include <stdint.h>

#include "base/error.h"

struct check {
    const char *status; /* "SERVING", …; static text */
    uint64_t time_us;
};

/*
 * Asks the server at address ("tcp://host:port") about a service; "" asks about the server as a whole.
 * FR_OK: it answered, see *ret_check. Otherwise as fr_channel_start; time_us is set all the same.
 */
FR_MUST_CHECK enum fr_code check_health(const char *address, const char *service, uint64_t timeout_us,
                                        struct check *ret_check, struct fr_error *reterr);

#endif
