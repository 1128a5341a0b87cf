/* SPDX-License-Identifier: MIT */
/*
 * nearest.c - what a misspelled field name may have meant: the least Levenshtein distance.
 */
#include "message/nearest.h"

#include <string.h>

#define MAX_NAME     48 /* longer names are not compared */
#define MAX_FIELDS   200
#define EDIT_DIVISOR 3 /* one edit allowed per so many characters */

static size_t least(size_t a, size_t b, size_t c)
{
    size_t smaller = a < b ? a : b;
    return smaller < c ? smaller : c;
}

static size_t distance(const char *left, size_t left_size, const char *right, size_t right_size)
{
    size_t row[MAX_NAME + 1];
    for (size_t j = 0; j <= right_size; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= left_size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= right_size; j++) {
            size_t above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (left[i - 1] != right[j - 1]));
            diagonal = above;
        }
    }
    return row[right_size];
}

const char *fr_nearest_field(const struct fr_message_type *type, const char *name)
{
    size_t size = strlen(name);
    const char *nearest = NULL;
    size_t nearest_distance = size / EDIT_DIVISOR + 1;
    for (unsigned i = 0; i < type->descriptor.n_fields && i < MAX_FIELDS && size <= MAX_NAME; i++) {
        const char *other = type->fields[i].json_name;
        size_t other_size = strlen(other);
        size_t edits = other_size > MAX_NAME ? MAX_NAME : distance(name, size, other, other_size);
        if (edits < nearest_distance) {
            nearest = other;
            nearest_distance = edits;
        }
    }
    return nearest;
}
