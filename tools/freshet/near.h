/* SPDX-License-Identifier: MIT */
/*
 * near.h - the names nearest to a mistyped one. Pure.
 */
#ifndef FRESHET_NEAR_H
#define FRESHET_NEAR_H

#include "base/buffer.h"

#define NEAR_MAX 3

/* Zeroed memory holds none. Names are borrowed. */
struct near {
    const char *names[NEAR_MAX];
    unsigned distances[NEAR_MAX];
    unsigned count;
};

/* How many letters to insert, drop, change or swap with their neighbour to get from left to right, case
 * aside. */
unsigned near_distance(const char *left, const char *right);
/* Keeps name if it is near enough to typed, and nearer than what it would push out; once only. */
void near_offer(struct near *self, const char *typed, const char *name);
/* Appends "'a', 'b' or 'c'"; nothing when none is near. */
void near_append(const struct near *self, struct fr_buffer *out);
/* Appends "; did you mean 'a' or 'b'?"; nothing when none is near. */
void near_append_question(const struct near *self, struct fr_buffer *out);

#endif
