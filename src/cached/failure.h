/* SPDX-License-Identifier: MIT */
/*
 * failure.h - the log line about a database that fails, which a caller's error alone would not show to the operator.
 */
#ifndef FR_CACHED_FAILURE_H
#define FR_CACHED_FAILURE_H

#include "base/error.h"
#include "store/store.h"

enum fr_failure { FR_FAILED_READ, FR_FAILED_WRITE };

/*
 * Logs error, with the database it happened on, unless it is the caller's doing, such as NOT_FOUND. At most one line a
 * second for each kind of failure: a disk that is full fails every call. Thread-safe.
 */
void fr_failure_log(enum fr_failure failure, const struct fr_store_connection *connection,
                    const struct fr_error *error);

#endif
