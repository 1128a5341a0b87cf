/* SPDX-License-Identifier: MIT */
/*
 * real_digits.cc - shortest digits from the C++ library.
 */
#include <charconv>

#include "payload/real.h"

extern "C" const char real_source[] = "std::to_chars";

void real_digits(char out[REAL_BYTES], double value)
{
    *std::to_chars(out, out + REAL_BYTES - 1, value, std::chars_format::scientific).ptr = '\0';
}

void real_digits_float(char out[REAL_BYTES], float value)
{
    *std::to_chars(out, out + REAL_BYTES - 1, value, std::chars_format::scientific).ptr = '\0';
}
