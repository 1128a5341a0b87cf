/* SPDX-License-Identifier: MIT */
/*
 * folder.h - a temporary folder, and the folder this program stands in.
 */
#ifndef FRESHET_FOLDER_H
#define FRESHET_FOLDER_H

#include "base/error.h"

#define FOLDER_BYTES      512
#define FOLDER_FILE_BYTES (FOLDER_BYTES + 64)

/* Zeroed memory holds none. */
struct folder {
    char path[FOLDER_BYTES]; /* "" when there is none */
};

/* Makes a new one in $TMPDIR or /tmp, for this user only. FR_FAILED_PRECONDITION: it cannot be made. */
FR_MUST_CHECK enum fr_code folder_init(struct folder *self, struct fr_error *reterr);
/* Removes the folder and all that is in it. */
void folder_fini(struct folder *self);

/* Where the program that runs stands. FR_INTERNAL: cannot be found out. */
FR_MUST_CHECK enum fr_code folder_of_program(char ret_path[FOLDER_FILE_BYTES], struct fr_error *reterr);

#endif
