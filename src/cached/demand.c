/* SPDX-License-Identifier: MIT */
/*
 * demand.c - what a call's metadata demands of the caches.
 */
#include "cached/demand.h"

#include <string.h>
#include <strings.h>

bool fr_demand_number(struct fr_bytes text, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint64_t digit = (uint64_t)text.data[i] - '0';
        if (digit > 9 || number > (UINT64_MAX - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    if (text.size > 0) {
        *ret_number = number;
    }
    return text.size > 0;
}

/* Whether the comma-separated list has this word, in whatever case. */
static bool has_word(struct fr_bytes list, const char *word)
{
    size_t at = 0;
    while (at < list.size) {
        size_t end = at;
        while (end < list.size && list.data[end] != ',') {
            end++;
        }
        size_t first = at, last = end;
        while (first < last && list.data[first] == ' ') {
            first++;
        }
        while (last > first && list.data[last - 1] == ' ') {
            last--;
        }
        if (last - first == strlen(word) &&
            strncasecmp((const char *)list.data + first, word, last - first) == 0) {
            return true;
        }
        at = end + 1;
    }
    return false;
}

enum fr_code fr_demand_read(struct fr_metadata metadata, struct fr_demand *ret_demand, struct fr_error *reterr)
{
    struct fr_demand demand = {0};
    if (metadata.count == 0) {
        *ret_demand = demand;
        return FR_OK;
    }
    struct fr_bytes version = fr_metadata_find(metadata, "x-cache-min-version");
    struct fr_bytes control = fr_metadata_find(metadata, "x-cache-control");
    if (version.size > 0 && !fr_demand_number(version, &demand.min_version)) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "x-cache-min-version must be a number");
    }
    demand.no_cache = has_word(control, "no-cache");
    demand.only_cached = has_word(control, "only-if-cached");
    if (demand.no_cache && demand.only_cached) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT,
                            "x-cache-control: no-cache and only-if-cached exclude each other");
    }
    *ret_demand = demand;
    return FR_OK;
}
