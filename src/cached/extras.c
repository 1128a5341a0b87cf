/* SPDX-License-Identifier: MIT */
/*
 * extras.c - what comes back beside an answer of another service, on its way to the caller.
 */
#include "cached/extras.h"

#include "message/arena.h"
#include "message/utf8.h"
#include "rpc/envelope.h"

void fr_extras_write(struct fr_buffer *out, const struct fr_result *result)
{
    for (size_t i = 0; i < result->metadata.count; i++) {
        fr_wire_put_metadata(out, result->metadata.entries[i].key, result->metadata.entries[i].value);
    }
    for (size_t i = 0; i < result->details.count; i++) {
        fr_wire_put_detail(out, result->details.entries[i].type_url, result->details.entries[i].value);
    }
}

/* NULL: no memory; then it is left out, as what does not fit. */
static const char *text_of(struct fr_call *call, struct fr_bytes bytes)
{
    struct fr_arena *arena = fr_call_arena(call);
    return arena == NULL ? NULL : fr_arena_copy_text(arena, (const char *)bytes.data, bytes.size);
}

void fr_extras_tell_metadata(struct fr_call *call, struct fr_metadata metadata, const char *but_for)
{
    for (size_t i = 0; i < metadata.count; i++) {
        const struct fr_metadata_entry *entry = &metadata.entries[i];
        if ((but_for != NULL && fr_bytes_equal(entry->key, fr_bytes_of(but_for))) ||
            fr_metadata_check((struct fr_metadata){entry, 1}, NULL) != FR_OK) {
            continue;
        }
        const char *key = text_of(call, entry->key);
        if (key != NULL) {
            fr_call_set_metadata(call, key, entry->value);
        }
    }
}

void fr_extras_tell_details(struct fr_call *call, struct fr_details details)
{
    for (size_t i = 0; i < details.count; i++) {
        const struct fr_detail *detail = &details.entries[i];
        const char *type_url = fr_utf8_valid(detail->type_url.data, detail->type_url.size)
                                   ? text_of(call, detail->type_url)
                                   : NULL;
        if (type_url != NULL) {
            fr_call_add_detail(call, type_url, detail->value);
        }
    }
}

void fr_extras_tell(struct fr_call *call, struct fr_bytes extras)
{
    struct fr_metadata_entry entries[FR_METADATA_MAX_ENTRIES];
    struct fr_detail details[FR_MAX_DETAILS];
    if (extras.size > 0) {
        fr_extras_tell_metadata(call, (struct fr_metadata){entries, fr_wire_metadata(extras, entries)}, NULL);
        fr_extras_tell_details(call, (struct fr_details){details, fr_wire_details(extras, details)});
    }
}
