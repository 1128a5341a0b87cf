/* SPDX-License-Identifier: MIT */
/*
 * output.h - files that results are written to; opened first, so that a wrong path costs no measurement, and emptied last,
 * so that a measurement that fails costs no older result.
 */
#ifndef FRESHET_OUTPUT_H
#define FRESHET_OUTPUT_H

#include <stdio.h>

#include "base/buffer.h"

/* Zeroed memory is none. */
struct output {
    const char *path; /* borrowed */
    FILE *stream;     /* owned unless it is stdout; NULL: none was asked for */
    bool replaces;    /* what the file holds, when it is written */
};

/*
 * Before any is opened: paths (NULL for none) and among them picture, which may be NULL too.
 *   FR_INVALID_ARGUMENT  several would go to standard output, or the picture is neither .svg nor .png
 *   FR_NOT_FOUND         the picture needs rsvg-convert, which is not installed
 */
FR_MUST_CHECK enum fr_code output_check(const char *const paths[], size_t count, const char *picture,
                                        struct fr_error *reterr);
/* path: NULL for none, "-" for standard output. FR_INVALID_ARGUMENT: cannot be written. */
FR_MUST_CHECK enum fr_code output_open(struct output *self, const char *path, struct fr_error *reterr);
/* FR_DATA_LOSS: not all of it could be written. */
FR_MUST_CHECK enum fr_code output_write(struct output *self, const struct fr_buffer *content,
                                        struct fr_error *reterr);
/* Writes the SVG itself, or a PNG made of it by rsvg-convert if the path ends in ".png". */
FR_MUST_CHECK enum fr_code output_write_picture(struct output *self, const struct fr_buffer *svg,
                                                struct fr_error *reterr);
void output_close(struct output *self);

/* Writes content to FOLDER/NAME. FR_INVALID_ARGUMENT: cannot be written. */
FR_MUST_CHECK enum fr_code output_save(const char *folder, const char *name, struct fr_bytes content,
                                       struct fr_error *reterr);

#endif
