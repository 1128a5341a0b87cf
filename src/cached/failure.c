/* SPDX-License-Identifier: MIT */
/*
 * failure.c - the log line about a database that fails, which a caller's error alone would not show to the operator.
 */
#include "cached/failure.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/log.h"

#define LOG_EVERY_US FR_SECOND_US

static bool is_ours(enum fr_code code)
{
    return code == FR_INTERNAL || code == FR_UNAVAILABLE || code == FR_RESOURCE_EXHAUSTED ||
           code == FR_DATA_LOSS || code == FR_UNKNOWN;
}

/* True for one of the threads that come within the same second. */
static bool take_turn(_Atomic uint64_t *next_us)
{
    uint64_t now_us = fr_clock_now_us(), due_us = atomic_load(next_us);
    return now_us >= due_us && atomic_compare_exchange_strong(next_us, &due_us, now_us + LOG_EVERY_US);
}

void fr_failure_log(enum fr_failure failure, const struct fr_store_connection *connection,
                    const struct fr_error *error)
{
    static const char *const events[] = {
        [FR_FAILED_READ] = "db read failed", [FR_FAILED_WRITE] = "db write failed"};
    static _Atomic uint64_t next_us[sizeof events / sizeof events[0]];
    if (is_ours(error->code) && take_turn(&next_us[failure])) {
        fr_log(error->code == FR_UNAVAILABLE ? FR_LOG_WARN : FR_LOG_ERROR, events[failure],
               fr_log_text("code", fr_code_name(error->code)), fr_log_text("error", error->message),
               fr_log_text("database", fr_store_location(connection)));
    }
}
