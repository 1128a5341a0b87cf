/* SPDX-License-Identifier: MIT */
/*
 * real.h - a floating-point number as the shortest text that reads back as the same one.
 *
 * 12.5, 1.0, 1e-07 and 1e+16: digits and form are those of Python's repr, so sizes can be compared. With a C++
 * compiler the digits come from std::to_chars (Ryu), otherwise from snprintf, which is much slower.
 */
#ifndef PAYLOAD_REAL_H
#define PAYLOAD_REAL_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define REAL_BYTES 40

/* value is finite. Writes no NUL; returns how many bytes it wrote. */
size_t real_write(char out[REAL_BYTES], double value);
size_t real_write_float(char out[REAL_BYTES], float value);

/* "d.ddde+XX" or "de-XX", shortest, with a NUL: what the two above rearrange. */
void real_digits(char out[REAL_BYTES], double value);
void real_digits_float(char out[REAL_BYTES], float value);
/* Where the digits come from, for the report. */
extern const char real_source[];

#ifdef __cplusplus
}
#endif

#endif
