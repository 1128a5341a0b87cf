/* SPDX-License-Identifier: MIT */
/*
 * policy.h - how users are cached, and what a request may ask for.
 */
#ifndef FR_USERS_POLICY_H
#define FR_USERS_POLICY_H

#include "cached/policy.h"

#define FR_USERS_MAX_BATCH 1000 /* ids in one BatchGetUsers */

extern const struct fr_cache_policy fr_user_policy;

/* "user:ID". INVALID_ARGUMENT for an empty id or one that is too long for a key. */
FR_MUST_CHECK enum fr_code fr_user_key(const char *id, struct fr_key *ret_key, struct fr_error *reterr);

#endif
