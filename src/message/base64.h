/* SPDX-License-Identifier: MIT */
/*
 * base64.h - bytes as text (RFC 4648).
 */
#ifndef FR_MESSAGE_BASE64_H
#define FR_MESSAGE_BASE64_H

#include <stdbool.h>

#include "base/buffer.h"

/* Appends the standard alphabet with padding. */
void fr_base64_write(struct fr_bytes bytes, struct fr_buffer *out);

/*
 * Decodes the standard or the URL-safe alphabet, padded or not, into at least text.size / 4 * 3 + 3 bytes.
 * False if text is none.
 */
bool fr_base64_read(struct fr_bytes text, uint8_t *out, size_t *ret_size);

#endif
