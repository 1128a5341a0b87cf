/* SPDX-License-Identifier: MIT */
/*
 * near.c - the names nearest to a mistyped one.
 *
 * Distance: optimal string alignment (Damerau, "A technique for computer detection and correction of spelling
 * errors", CACM 1964).
 */
#include "freshet/near.h"

#include <ctype.h>
#include <string.h>

#define LONGEST 96 /* longer names are never near */

static unsigned least(unsigned left, unsigned right)
{
    return left < right ? left : right;
}

static bool same(char left, char right)
{
    return tolower((unsigned char)left) == tolower((unsigned char)right);
}

unsigned near_distance(const char *left, const char *right)
{
    size_t left_size = strlen(left), right_size = strlen(right);
    if (left_size > LONGEST || right_size > LONGEST) {
        return 2 * LONGEST;
    }
    /* Three rows of the table are enough: this one and the two before. */
    unsigned rows[3][LONGEST + 1];
    for (size_t j = 0; j <= right_size; j++) {
        rows[0][j] = (unsigned)j;
    }
    for (size_t i = 1; i <= left_size; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *above_that = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= right_size; j++) {
            row[j] = above[j - 1] + !same(left[i - 1], right[j - 1]);
            row[j] = least(row[j], least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && same(left[i - 1], right[j - 2]) && same(left[i - 2], right[j - 1])) {
                row[j] = least(row[j], above_that[j - 2] + 1);
            }
        }
    }
    return rows[left_size % 3][right_size];
}

static const char *last_part(const char *name)
{
    const char *part = name;
    for (const char *at = name; *at != '\0'; at++) {
        if ((*at == '/' || *at == '.') && at[1] != '\0') {
            part = at + 1;
        }
    }
    return part;
}

/* A right last part under a wrong or a missing prefix is near too: "Users/GetUser". */
static unsigned name_distance(const char *typed, const char *name)
{
    unsigned distance = near_distance(typed, name);
    const char *typed_part = last_part(typed), *name_part = last_part(name);
    if (typed_part != typed || name_part != name) {
        distance = least(distance, near_distance(typed_part, name_part) + 1);
    }
    return distance;
}

void near_offer(struct near *self, const char *typed, const char *name)
{
    for (unsigned i = 0; i < self->count; i++) {
        if (strcmp(self->names[i], name) == 0) {
            return;
        }
    }
    unsigned distance = name_distance(typed, name);
    size_t letters = strlen(last_part(typed));
    if (distance > (letters < 6 ? 2 : letters / 3 + 1)) {
        return;
    }
    unsigned at = self->count < NEAR_MAX ? self->count : NEAR_MAX;
    while (at > 0 && self->distances[at - 1] > distance) {
        if (at < NEAR_MAX) {
            self->names[at] = self->names[at - 1];
            self->distances[at] = self->distances[at - 1];
        }
        at--;
    }
    if (at < NEAR_MAX) {
        self->names[at] = name;
        self->distances[at] = distance;
        self->count += self->count < NEAR_MAX;
    }
}

void near_append(const struct near *self, struct fr_buffer *out)
{
    for (unsigned i = 0; i < self->count; i++) {
        fr_buffer_append_format(out, "%s'%s'",
                                i == 0                 ? ""
                                : i + 1 == self->count ? " or "
                                                       : ", ",
                                self->names[i]);
    }
}

void near_append_question(const struct near *self, struct fr_buffer *out)
{
    if (self->count > 0) {
        fr_buffer_append_text(out, "; did you mean ");
        near_append(self, out);
        fr_buffer_append_text(out, "?");
    }
}
