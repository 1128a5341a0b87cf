/* SPDX-License-Identifier: MIT */
/*
 * metadata.c - keys and values that travel beside a message.
 */
#include "rpc/metadata.h"

#include <string.h>

struct fr_bytes fr_metadata_find(struct fr_metadata self, const char *key)
{
    struct fr_bytes wanted = fr_bytes_of(key);
    for (size_t i = 0; i < self.count; i++) {
        if (fr_bytes_equal(self.entries[i].key, wanted)) {
            return self.entries[i].value;
        }
    }
    return (struct fr_bytes){0};
}

static bool is_key(struct fr_bytes key)
{
    for (size_t i = 0; i < key.size; i++) {
        uint8_t byte = key.data[i];
        if (!((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_' ||
              byte == '.')) {
            return false;
        }
    }
    return key.size > 0;
}

static bool is_binary_key(struct fr_bytes key)
{
    return key.size > 4 && memcmp(key.data + key.size - 4, "-bin", 4) == 0;
}

static bool is_printable(struct fr_bytes value)
{
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < ' ' || value.data[i] >= 0x7F) {
            return false;
        }
    }
    return true;
}

enum fr_code fr_metadata_check(struct fr_metadata self, struct fr_error *reterr)
{
    size_t total = 0;
    if (self.count > FR_METADATA_MAX_ENTRIES) {
        return fr_error_set(reterr, FR_RESOURCE_EXHAUSTED, "metadata has %zu entries; %d are allowed", self.count,
                            FR_METADATA_MAX_ENTRIES);
    }
    for (size_t i = 0; i < self.count; i++) {
        const struct fr_metadata_entry *entry = &self.entries[i];
        total += entry->key.size + entry->value.size;
        if (!is_key(entry->key)) {
            return fr_error_set(reterr, FR_INVALID_ARGUMENT,
                                "metadata key %zu must be lower case letters, digits, '-', '_' or '.'", i + 1);
        }
        if (!is_binary_key(entry->key) && !is_printable(entry->value)) {
            return fr_error_set(reterr, FR_INVALID_ARGUMENT,
                                "metadata '%.*s' holds bytes that need a key ending in -bin",
                                (int)(entry->key.size > 64 ? 64 : entry->key.size), (const char *)entry->key.data);
        }
    }
    if (total > FR_METADATA_MAX_BYTES) {
        return fr_error_set(reterr, FR_RESOURCE_EXHAUSTED, "metadata has %zu bytes; %d are allowed", total,
                            FR_METADATA_MAX_BYTES);
    }
    return FR_OK;
}
