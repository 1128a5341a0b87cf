/* SPDX-License-Identifier: MIT */
/*
 * claim.h - names that generated code gives to things, so that no two get the same.
 */
#ifndef PROTOC_GEN_FRESHET_CLAIM_H
#define PROTOC_GEN_FRESHET_CLAIM_H

#include "protoc-gen-freshet/model.h"

struct claim {
    const char *name;
    const char *owner; /* "users.v1.Users/GetUser" */
    const struct place *place;
};

/*
 * Tells the model's problems of names that two of the claims share; language is "C" and the like. Sorts the claims.
 *   FR_RESOURCE_EXHAUSTED  a name is NULL: there was no memory for it
 */
FR_MUST_CHECK enum fr_code claims_check(struct model *model, struct claim *claims, size_t count, const char *language,
                                        struct fr_error *reterr);

#endif
