/* SPDX-License-Identifier: MIT */
/*
 * utf8.h - whether bytes are text.
 */
#ifndef FR_MESSAGE_UTF8_H
#define FR_MESSAGE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Well-formed as in table 3-7 of the Unicode Standard: no overlong forms, surrogates or values past U+10FFFF. */
bool fr_utf8_valid(const uint8_t *data, size_t size);

#endif
