/* SPDX-License-Identifier: MIT */
/*
 * retry.h - whether and when a failed call is tried again: gRPC's retry design
 * (https://github.com/grpc/proposal/blob/master/A6-client-retries.md). Pure.
 *
 * Only calls of idempotent methods are retried, or calls that certainly never started. The latter are not counted as
 * attempts and not throttled: their deadline ends them, or max_attempts when they have none.
 */
#ifndef FR_RPC_RETRY_H
#define FR_RPC_RETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct fr_retry_policy {
    unsigned max_attempts;       /* the first one included; 0: 5 */
    uint64_t initial_backoff_us; /* 0: 50 ms. The n-th pause is random below min(initial * multiplier^(n-1), max) */
    uint64_t max_backoff_us;     /* 0: 1 s */
    double multiplier;           /* 0: 2 */
    uint32_t codes;              /* bits 1 << code that are retried; 0: FR_UNAVAILABLE, and FR_RESOURCE_EXHAUSTED
                                    when the server says how long to wait */
    unsigned max_tokens;         /* of the throttle; 0: 1000 */
    unsigned token_milli_ratio;  /* thousandths of a token that a success gives back; 0: 100 */
};

/*
 * The token bucket of one channel: a failure takes a token; retries stop while half or less are left.
 *
 * Calls that end together (in one message, or with one connection) count as one: each takes, or gives back, its share.
 * A6 knows no batches. Counted one by one, a single lost connection with more than max_tokens / 2 calls under way
 * would stop their retries, although it says no more of the server's health than one with a single call.
 */
struct fr_retry_throttle {
    uint64_t micro_tokens;
};

/* Without a deadline a longer push-back is not waited for: the call ends with the server's error, which names it. */
#define FR_RETRY_MAX_PAUSE_US UINT64_C(60000000)

/* policy with the defaults in place. */
struct fr_retry_policy fr_retry_policy_complete(const struct fr_retry_policy *policy);
void fr_retry_throttle_init(struct fr_retry_throttle *self, const struct fr_retry_policy *policy);
/* together: how many calls ended for the same cause, this one included. */
void fr_retry_succeeded(struct fr_retry_throttle *self, const struct fr_retry_policy *policy,
                        size_t together);

struct fr_retry_failure {
    enum fr_code code;
    uint64_t retry_after_us; /* the server's push-back: waited exactly; 0: none */
    unsigned attempts;       /* made so far, this one included, that may have started */
    unsigned refusals;       /* those that certainly did not; the two together are at least 1 */
    size_t together;         /* as in fr_retry_succeeded */
    bool not_started;        /* this one certainly did not */
    bool idempotent;
    uint64_t time_left_us;   /* until the call's deadline; UINT64_MAX: none */
};

/* Counts the failure. True: try again after *ret_delay_us. random is any 64 random bits; policy is complete. */
bool fr_retry_failed(struct fr_retry_throttle *self, const struct fr_retry_policy *policy,
                     const struct fr_retry_failure *failure, uint64_t random, uint64_t *ret_delay_us);

#endif
