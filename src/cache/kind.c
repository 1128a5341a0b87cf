/* SPDX-License-Identifier: MIT */
/*
 * kind.c - the kinds of values of a cache: what is declared of each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cache/cache_state.h"

#define DEFAULT_LOAD_TIMEOUT_US (5 * FR_SECOND_US)

uint64_t fr_kind_ttl_us(const struct fr_cache_kind *kind, bool found)
{
    return found ? kind->options.ttl_us : kind->options.not_found_ttl_us;
}

uint64_t fr_kind_life_us(const struct fr_cache_kind *kind, bool found)
{
    return found ? kind->options.ttl_us + kind->options.stale_us : kind->options.not_found_ttl_us;
}

void fr_not_found_message(char *out, size_t size, const struct fr_cache_kind *kind, struct fr_bytes key)
{
    char shown[201];
    size_t skipped = strlen(kind->options.name) + 1;
    skipped = skipped < key.size ? skipped : key.size;
    fr_key_show((struct fr_bytes){key.data + skipped, key.size - skipped}, shown, sizeof shown);
    snprintf(out, size, "%s '%s' does not exist", kind->options.name, shown);
}

/* No sum of two such times and a clock wraps, or is more than the scripts count exactly. */
#define LONGEST_US (UINT64_C(10) * 365 * 24 * 3600 * FR_SECOND_US)

static uint64_t at_most_longest(uint64_t time_us)
{
    return time_us < LONGEST_US ? time_us : LONGEST_US;
}

static enum fr_code check_kind(const struct fr_cache_kind_options *options, struct fr_error *reterr)
{
    if (options->name == NULL || options->name[0] == '\0') {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "a kind of values needs a name");
    }
    if (options->load == NULL) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "kind %.100s: load must be set", options->name);
    }
    if (options->ttl_us == 0) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "kind %.100s: ttl_us must be above 0",
                            options->name);
    }
    return FR_OK;
}

enum fr_code fr_cache_kind_new(struct fr_cache *self, const struct fr_cache_kind_options *options,
                               struct fr_cache_kind **ret_kind, struct fr_error *reterr)
{
    enum fr_code code = check_kind(options, reterr);
    if (code != FR_OK) {
        return code;
    }
    struct fr_cache_kind *kind = calloc(1, sizeof *kind);
    if (kind == NULL) {
        return fr_error_no_memory(reterr);
    }
    kind->cache = self;
    kind->options = *options;
    kind->near = options->role != FR_READ_ORIGIN;
    kind->options.ttl_us = at_most_longest(options->ttl_us);
    kind->options.stale_us = at_most_longest(options->stale_us);
    kind->options.not_found_ttl_us =
        at_most_longest(options->not_found_ttl_us != 0 ? options->not_found_ttl_us : options->ttl_us);
    kind->options.load_timeout_us = at_most_longest(options->load_timeout_us);
    if (options->load_timeout_us == 0) {
        kind->options.load_timeout_us = DEFAULT_LOAD_TIMEOUT_US;
    }
    pthread_mutex_lock(&self->mu);
    kind->next = self->kinds;
    self->kinds = kind;
    pthread_mutex_unlock(&self->mu);
    *ret_kind = kind;
    return FR_OK;
}
