/* SPDX-License-Identifier: MIT */
/*
 * retry.c - whether and when a failed call is tried again, after gRPC's A6.
 */
#include "rpc/retry.h"

#include "base/clock.h"

#define TOKEN       UINT64_C(1000000) /* in millionths */
#define MILLI_TOKEN (TOKEN / 1000)

struct fr_retry_policy fr_retry_policy_complete(const struct fr_retry_policy *policy)
{
    struct fr_retry_policy complete = *policy;
    complete.max_attempts = policy->max_attempts != 0 ? policy->max_attempts : 5;
    complete.initial_backoff_us = policy->initial_backoff_us != 0 ? policy->initial_backoff_us : 50 * FR_MILLISECOND_US;
    complete.max_backoff_us = policy->max_backoff_us != 0 ? policy->max_backoff_us : FR_SECOND_US;
    complete.multiplier = policy->multiplier > 0 ? policy->multiplier : 2;
    complete.max_tokens = policy->max_tokens != 0 ? policy->max_tokens : 1000;
    complete.token_milli_ratio = policy->token_milli_ratio != 0 ? policy->token_milli_ratio : 100;
    return complete;
}

void fr_retry_throttle_init(struct fr_retry_throttle *self, const struct fr_retry_policy *policy)
{
    self->micro_tokens = policy->max_tokens * TOKEN;
}

void fr_retry_succeeded(struct fr_retry_throttle *self, const struct fr_retry_policy *policy, size_t together)
{
    uint64_t full = policy->max_tokens * TOKEN;
    self->micro_tokens += policy->token_milli_ratio * MILLI_TOKEN / together;
    self->micro_tokens = self->micro_tokens < full ? self->micro_tokens : full;
}

static bool is_retried(const struct fr_retry_policy *policy, const struct fr_retry_failure *failure)
{
    if (policy->codes != 0) {
        return (policy->codes >> failure->code & 1) != 0;
    }
    return failure->code == FR_UNAVAILABLE ||
           (failure->code == FR_RESOURCE_EXHAUSTED && failure->retry_after_us != 0);
}

static uint64_t backoff_us(const struct fr_retry_policy *policy, unsigned tries, uint64_t random)
{
    double bound = (double)policy->initial_backoff_us;
    for (unsigned i = 1; i < tries && bound < (double)policy->max_backoff_us; i++) {
        bound *= policy->multiplier;
    }
    bound = bound < (double)policy->max_backoff_us ? bound : (double)policy->max_backoff_us;
    return (uint64_t)(bound * ((double)(random >> 11) / (double)(UINT64_C(1) << 53)));
}

/* Counts the failure, and says whether the rules leave room for another attempt. */
static bool may_start_again(struct fr_retry_throttle *self, const struct fr_retry_policy *policy,
                            const struct fr_retry_failure *failure)
{
    uint64_t share = TOKEN / failure->together;
    self->micro_tokens -= self->micro_tokens < share ? self->micro_tokens : share;
    return failure->idempotent && failure->attempts < policy->max_attempts &&
           self->micro_tokens > policy->max_tokens * TOKEN / 2;
}

bool fr_retry_failed(struct fr_retry_throttle *self, const struct fr_retry_policy *policy,
                     const struct fr_retry_failure *failure, uint64_t random, uint64_t *ret_delay_us)
{
    unsigned tries = failure->attempts + failure->refusals;
    bool endless = failure->time_left_us == UINT64_MAX;
    if (!is_retried(policy, failure)) {
        return false;
    }
    if (failure->not_started ? endless && tries >= policy->max_attempts
                             : !may_start_again(self, policy, failure)) {
        return false;
    }
    uint64_t delay_us =
        failure->retry_after_us != 0 ? failure->retry_after_us : backoff_us(policy, tries, random);
    if (endless ? delay_us > FR_RETRY_MAX_PAUSE_US : delay_us >= failure->time_left_us) {
        return false;
    }
    *ret_delay_us = delay_us;
    return true;
}
