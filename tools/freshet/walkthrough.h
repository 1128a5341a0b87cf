/* SPDX-License-Identifier: MIT */
/*
 * walkthrough.h - the five steps of `freshet demo`: miss, hit, update, miss with the fresh value, hit.
 */
#ifndef FRESHET_WALKTHROUGH_H
#define FRESHET_WALKTHROUGH_H

#include <stdbool.h>

#include "freshet/stack.h"

/*
 * Walks through, prints each step to standard output and the services' lines about it below.
 * cold: the first read cannot be in a cache. json: one JSON object at the end instead.
 *   FR_OK                 every step was right
 *   FR_FAILED_PRECONDITION  a step was not
 *   FR_CANCELLED          a signal asked to stop
 *   otherwise             a service ended, or the walk could not begin
 */
FR_MUST_CHECK enum fr_code walkthrough_run(struct stack *stack, bool cold, bool json,
                                           struct fr_error *reterr);

#endif
