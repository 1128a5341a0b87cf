/* SPDX-License-Identifier: MIT */
/*
 * nng_error.h - nng's error numbers as ours.
 */
#ifndef FR_RPC_NNG_ERROR_H
#define FR_RPC_NNG_ERROR_H

#include "base/error.h"

/* result is a failure. Sets "what: reason", such as "cannot listen on tcp://…: address in use". */
enum fr_code fr_nng_error(struct fr_error *reterr, int result, const char *what, const char *subject);

#endif
