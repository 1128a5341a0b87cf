/* SPDX-License-Identifier: MIT */
/*
 * json_time.h - Timestamp, Duration and FieldMask paths as JSON writes them. Pure.
 */
#ifndef FR_MESSAGE_JSON_TIME_H
#define FR_MESSAGE_JSON_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FR_TIME_TEXT_BYTES 48

/* "1972-01-01T10:00:20.021Z", with an offset in place of Z as well; years 1 to 9999. */
bool fr_json_timestamp_parse(const char *text, int64_t *ret_seconds, int32_t *ret_nanos);
/* Always with Z and 0, 3, 6 or 9 digits behind the point. False if out of range. */
bool fr_json_timestamp_format(int64_t seconds, int32_t nanos, char text[FR_TIME_TEXT_BYTES]);

/* "-1.000340012s"; up to 10000 years either way. */
bool fr_json_duration_parse(const char *text, int64_t *ret_seconds, int32_t *ret_nanos);
/* False if out of range, or if the signs of the two parts differ. */
bool fr_json_duration_format(int64_t seconds, int32_t nanos, char text[FR_TIME_TEXT_BYTES]);

/* "userName.id" to "user_name.id": out has room for 2 * size + 1 bytes. False if it does not go both ways. */
bool fr_mask_path_parse(const char *text, size_t size, char *out);
/* The other way; out has room for strlen(path) + 1 bytes. */
bool fr_mask_path_format(const char *path, char *out);

#endif
