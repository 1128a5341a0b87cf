/* SPDX-License-Identifier: MIT */
/*
 * claim.c - names that generated code gives to things, so that no two get the same.
 */
#include "protoc-gen-freshet/claim.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *left, const void *right)
{
    const struct claim *a = left, *b = right;
    int order = strcmp(a->name, b->name);
    return order != 0 ? order : a->place < b->place ? -1 : a->place > b->place;
}

enum fr_code claims_check(struct model *model, struct claim *claims, size_t count, const char *language,
                          struct fr_error *reterr)
{
    for (size_t i = 0; i < count; i++) {
        if (claims[i].name == NULL) {
            return fr_error_no_memory(reterr);
        }
    }
    qsort(claims, count, sizeof claims[0], by_name);
    const struct place *told = NULL; /* two methods that share one name share all */
    for (size_t i = 1; i < count; i++) {
        if (strcmp(claims[i - 1].name, claims[i].name) == 0 && claims[i].place != told) {
            told = claims[i].place;
            bool apart = claims[i - 1].place->file != claims[i].place->file;
            problems_add(&model->problems, claims[i].place, "%s and %s would share the %s name %s; rename one of them%s",
                         claims[i - 1].owner, claims[i].owner, language, claims[i].name,
                         apart ? ", or give their files packages of their own: other folders, for freshet gen" : "");
        }
    }
    return FR_OK;
}
