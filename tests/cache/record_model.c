/* SPDX-License-Identifier: MIT */
/*
 * record_model.c - the reference for the scripts.
 */
#include "record_model.h"

static bool usable(const struct model *self, uint64_t incarnation)
{
    return self->present && self->record.incarnation == incarnation;
}

struct model_lease model_lease(struct model *self, uint64_t token, uint64_t end, uint64_t incarnation,
                               uint64_t min_version)
{
    if (!usable(self, incarnation)) {
        *self = (struct model){
            .present = true,
            .record = {
                .kind = FR_VALUE_NONE, .token = token, .lease_end_us = end, .incarnation = incarnation}};
        return (struct model_lease){.answer = FR_LEASE_GRANTED};
    }
    struct fr_record *record = &self->record;
    struct model_lease result = {.floor = record->floor, .serves = fr_record_serves(record, incarnation)};
    if (result.serves) {
        result.value = *record;
    }
    bool fresh = result.serves && record->version >= min_version && record->soft_expiry_us != MODEL_PAST;
    bool held = record->token != 0 && record->token != token && record->lease_end_us == MODEL_FAR;
    if (fresh) {
        result.answer = FR_LEASE_VALUE;
    } else if (held) {
        result.answer = FR_LEASE_WAIT;
    } else {
        result.answer = FR_LEASE_GRANTED;
        if (record->kind != FR_VALUE_NONE && end == MODEL_FAR && !self->lasting) {
            /* A value may not outlive its hard expiry, but floor and token must. */
            *record = (struct fr_record){.floor = record->floor, .incarnation = incarnation};
        }
        record->token = token;
        record->lease_end_us = end;
    }
    return result;
}

bool model_fill(struct model *self, uint64_t token, enum fr_value_kind kind, uint64_t version,
                uint64_t incarnation, uint64_t soft, struct fr_bytes payload)
{
    if (!usable(self, incarnation) || token == 0 || self->record.token != token ||
        version < self->record.floor) {
        return false;
    }
    self->record = (struct fr_record){.kind = kind,
                                      .version = version,
                                      .floor = self->record.floor,
                                      .soft_expiry_us = soft,
                                      .incarnation = incarnation,
                                      .payload = payload};
    return true;
}

bool model_invalidate(struct model *self, uint64_t version)
{
    if (!self->present || self->record.version >= version || self->record.floor >= version) {
        return false;
    }
    self->record.floor = version;
    self->record.token = 0;
    self->record.lease_end_us = 0;
    return true;
}
