/* SPDX-License-Identifier: MIT */
/*
 * state_folder.h - where the database is by default.
 */
#ifndef FR_BASE_STATE_FOLDER_H
#define FR_BASE_STATE_FOLDER_H

#include <stddef.h>

#include "base/error.h"

/*
 * Writes "$XDG_STATE_HOME/freshet/freshet.db" (or below ~/.local/state) to ret_path and makes its folder.
 *   FR_FAILED_PRECONDITION  neither variable is set, the folder cannot be made, or the path does not fit
 */
FR_MUST_CHECK enum fr_code fr_default_database(char *ret_path, size_t size, struct fr_error *reterr);

#endif
