/* SPDX-License-Identifier: MIT */
/*
 * answer.c - what comes beside the reply or the error of a blocking call, kept for its caller.
 */
#include <stdlib.h>
#include <string.h>

#include "rpc/channel_internal.h"

void fr_answer_fini(struct fr_answer *self)
{
    if (self != NULL) {
        free(self->memory);
        *self = (struct fr_answer){0};
    }
}

/* Of entries, which stand before the bytes that they refer to. */
static size_t memory_size(const struct fr_result *result)
{
    size_t size = result->details.count * sizeof(struct fr_detail) +
                  result->metadata.count * sizeof(struct fr_metadata_entry);
    for (size_t i = 0; i < result->details.count; i++) {
        size += result->details.entries[i].type_url.size + result->details.entries[i].value.size;
    }
    for (size_t i = 0; i < result->metadata.count; i++) {
        size += result->metadata.entries[i].key.size + result->metadata.entries[i].value.size;
    }
    return size;
}

static struct fr_bytes put(uint8_t **at, struct fr_bytes bytes)
{
    struct fr_bytes copy = {*at, bytes.size};
    if (bytes.size > 0) {
        memcpy(*at, bytes.data, bytes.size);
        *at += bytes.size;
    }
    return copy;
}

bool fr_answer_copy(struct fr_answer *self, const struct fr_result *result)
{
    if (self == NULL) {
        return true;
    }
    *self = (struct fr_answer){.retry_after_us = result->retry_after_us, .not_sent = result->not_sent};
    size_t details_count = result->details.count, metadata_count = result->metadata.count;
    if (details_count + metadata_count == 0) {
        return true;
    }
    struct fr_detail *details = self->memory = malloc(memory_size(result));
    if (self->memory == NULL) {
        return false;
    }
    struct fr_metadata_entry *entries = (struct fr_metadata_entry *)(details + details_count);
    uint8_t *at = (uint8_t *)(entries + metadata_count);
    for (size_t i = 0; i < details_count; i++) {
        const struct fr_detail *from = &result->details.entries[i];
        details[i].type_url = put(&at, from->type_url);
        details[i].value = put(&at, from->value);
    }
    for (size_t i = 0; i < metadata_count; i++) {
        const struct fr_metadata_entry *from = &result->metadata.entries[i];
        entries[i].key = put(&at, from->key);
        entries[i].value = put(&at, from->value);
    }
    self->details = (struct fr_details){details, details_count};
    self->metadata = (struct fr_metadata){entries, metadata_count};
    return true;
}
