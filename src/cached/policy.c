/* SPDX-License-Identifier: MIT */
/*
 * policy.c - the key of a request, as its policy declares it.
 */
#include "cached/policy.h"

#include <string.h>

#include "message/field.h"
#include "rpc/method.h"

/* In words of the caller, who knows no keys; nothing else can be wrong with one, as the kind is checked beforehand. */
static enum fr_code too_long(const struct fr_cache_policy *self, struct fr_error *reterr)
{
    unsigned most = FR_KEY_MAX_BYTES - (unsigned)strlen(self->kind) - self->by_count;
    return fr_error_set(
        reterr, FR_INVALID_ARGUMENT,
        "%s%s is too long; at most %u bytes, of which ':', '%%', spaces and control bytes take 3 each",
        self->by[0].name, self->by_count > 1 ? " with the other fields of the key" : "", most);
}

enum fr_code fr_policy_key(const struct fr_cache_policy *self, const struct ProtobufCMessage *request,
                           struct fr_key *ret_key, struct fr_error *reterr)
{
    char scratch[FR_KEY_MAX_FIELDS][FR_FIELD_TEXT_BYTES];
    struct fr_bytes fields[FR_KEY_MAX_FIELDS];
    FR_ASSERT(self->by_count > 0 && self->by_count <= FR_KEY_MAX_FIELDS);
    for (size_t i = 0; i < self->by_count; i++) {
        bool found = fr_message_field_text(request, self->by[i].number, scratch[i], &fields[i]);
        FR_ASSERT(found);
        if (fields[i].size == 0) {
            return fr_error_set(reterr, FR_INVALID_ARGUMENT, "%s must not be empty", self->by[i].name);
        }
    }
    enum fr_code code = fr_key_make(ret_key, self->kind, fields, self->by_count, NULL);
    return code == FR_OK ? FR_OK : too_long(self, reterr);
}

struct fr_cache_kind_options fr_policy_kind(const struct fr_cache_policy *self)
{
    return (struct fr_cache_kind_options){
        .name = self->kind,
        .ttl_us = self->ttl_us,
        .stale_us = self->stale_us,
        .not_found_ttl_us = self->not_found_ttl_us,
    };
}

const struct fr_cache_policy *fr_policy_of(const struct fr_method *method)
{
    return method->cached_from == NULL ? method->cached : method->cached_from->cached;
}
