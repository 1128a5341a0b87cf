/* SPDX-License-Identifier: MIT */
/*
 * prepare.h - the data sets and codecs that were asked for.
 */
#ifndef PAYLOAD_PREPARE_H
#define PAYLOAD_PREPARE_H

#include "payload/user_data.h"

#define PREPARE_MAX 32 /* data sets, and codecs */

struct prepare_options {
    const char *shapes, *codecs;   /* names with commas; NULL: all; no shapes if there is user data */
    struct user_data_options user; /* .data NULL: none */
};

/* Zeroed memory is an empty one. */
struct prepared {
    struct fr_schema *schema, *user_schema; /* owned; of the shapes and of the user's data */
    struct subject subjects[PREPARE_MAX];
    size_t subject_count;
    const struct codec *codecs[PREPARE_MAX];
    size_t codec_count;
};

/*
 * prepared_fini in either case.
 *   FR_INVALID_ARGUMENT  an unknown name, or see user_data_init
 */
FR_MUST_CHECK enum fr_code prepare(struct prepared *self, const struct prepare_options *options,
                                   struct fr_error *reterr);
void prepared_fini(struct prepared *self);

#endif
