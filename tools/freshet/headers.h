/* SPDX-License-Identifier: MIT */
/*
 * headers.h - metadata as people type it: "key: value", and base64 for "-bin" keys. Pure.
 */
#ifndef FRESHET_HEADERS_H
#define FRESHET_HEADERS_H

#include "base/buffer.h"
#include "base/options.h"
#include "rpc/metadata.h"

/* Zeroed memory holds none. */
struct headers {
    struct fr_metadata_entry entries[FR_METADATA_MAX_ENTRIES];
    char *texts[FR_METADATA_MAX_ENTRIES]; /* owned: what the entries point into */
    size_t count;
};

/*
 * Adds "key: value"; the key is made lower case, blanks around the value are dropped.
 *   FR_INVALID_ARGUMENT  no colon, no key, or a -bin value that is not base64
 */
FR_MUST_CHECK enum fr_code headers_add(struct headers *self, const char *text, struct fr_error *reterr);
FR_MUST_CHECK enum fr_code headers_add_all(struct headers *self, const struct fr_option_list *texts,
                                           struct fr_error *reterr);
void headers_fini(struct headers *self);
/* Borrowed from self. */
struct fr_metadata headers_metadata(const struct headers *self);

/* Appends "key: value", the value of a -bin key as base64. */
void headers_append(struct fr_buffer *out, const struct fr_metadata_entry *entry);

#endif
