/* SPDX-License-Identifier: MIT */
/*
 * choice.c - names out of a list that a person typed.
 */
#include "payload/choice.h"

#include <string.h>

#include "freshet/near.h"

#define NAME_BYTES 64

static enum fr_code unknown(const char *what, const char *name, size_t count, const char *(*name_of)(size_t),
                            struct fr_error *reterr)
{
    struct near near = {0};
    struct fr_buffer hint = {0};
    for (size_t i = 0; i < count; i++) {
        near_offer(&near, name, name_of(i));
    }
    near_append_question(&near, &hint);
    if (hint.size == 0) {
        fr_buffer_append_text(&hint, "; there are ");
        for (size_t i = 0; i < count; i++) {
            fr_buffer_append_format(&hint, "%s%s", i == 0 ? "" : ", ", name_of(i));
        }
    }
    const char *text = fr_buffer_text(&hint);
    enum fr_code code =
        fr_error_set(reterr, FR_INVALID_ARGUMENT, "unknown %s '%s'%s", what, name, text == NULL ? "" : text);
    fr_buffer_fini(&hint);
    return code;
}

enum fr_code choose(const char *what, const char *list, size_t count, const char *(*name_of)(size_t),
                    bool *ret_chosen, struct fr_error *reterr)
{
    for (size_t i = 0; i < count; i++) {
        ret_chosen[i] = list == NULL;
    }
    while (list != NULL) {
        char name[NAME_BYTES];
        size_t size = strcspn(list, ",");
        size_t kept = size < sizeof name ? size : sizeof name - 1;
        memcpy(name, list, kept);
        name[kept] = '\0';
        size_t index = 0;
        while (index < count && strcmp(name_of(index), name) != 0) {
            index++;
        }
        if (index == count) {
            return unknown(what, name, count, name_of, reterr);
        }
        ret_chosen[index] = true;
        list = list[size] == '\0' ? NULL : list + size + 1;
    }
    return FR_OK;
}
