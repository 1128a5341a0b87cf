/* SPDX-License-Identifier: MIT */
/*
 * choice.h - names out of a list that a person typed: "user,tiny". Pure.
 */
#ifndef PAYLOAD_CHOICE_H
#define PAYLOAD_CHOICE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/*
 * Sets ret_chosen[i] for every name of the list; NULL chooses all. name_of gives the name at an index below count.
 *   FR_INVALID_ARGUMENT  an unknown or empty name; the message says what was meant, perhaps
 */
FR_MUST_CHECK enum fr_code choose(const char *what, const char *list, size_t count,
                                  const char *(*name_of)(size_t), bool *ret_chosen, struct fr_error *reterr);

#endif
