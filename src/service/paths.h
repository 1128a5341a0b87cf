/* SPDX-License-Identifier: MIT */
/*
 * paths.h - where things are by default.
 */
#ifndef FR_SERVICE_PATHS_H
#define FR_SERVICE_PATHS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/*
 * Writes "sqlite:$XDG_STATE_HOME/freshet/freshet.db" (or below ~/.local/state) and creates its folder.
 *   FR_FAILED_PRECONDITION  neither variable is set, or the folder cannot be made
 */
FR_MUST_CHECK enum fr_code fr_default_database(char *ret_url, size_t size, struct fr_error *reterr);

#endif
