/* SPDX-License-Identifier: MIT */
/*
 * nng_error.c - nng's error numbers as ours.
 */
#include "rpc/nng_error.h"

#include <nng/nng.h>

static enum fr_code code_of(int result)
{
    switch (result) {
    case NNG_ENOMEM:
        return FR_RESOURCE_EXHAUSTED;
    case NNG_EADDRINVAL:
    case NNG_EINVAL:
    case NNG_ENOTSUP:
        return FR_INVALID_ARGUMENT;
    case NNG_ECANCELED:
        return FR_CANCELLED;
    case NNG_ETIMEDOUT:
        return FR_DEADLINE_EXCEEDED;
    default:
        return FR_UNAVAILABLE;
    }
}

enum fr_code fr_nng_error(struct fr_error *reterr, int result, const char *what, const char *subject)
{
    const char *cause = result == NNG_EADDRINVAL ? "this machine has no such address" : nng_strerror(result);
    const char *hint = result == NNG_EADDRINUSE ? "; another program has this port" : "";
    return fr_error_set(reterr, code_of(result), "%s %s: %s%s", what, subject, cause, hint);
}
