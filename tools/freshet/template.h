/* SPDX-License-Identifier: MIT */
/*
 * template.h - request texts with places to fill in: {{n}} counts up, {{rand A B}} draws a whole number.
 * Pure.
 */
#ifndef FRESHET_TEMPLATE_H
#define FRESHET_TEMPLATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

#define TEMPLATE_PLACES 16

/* A piece of text, then what follows it. */
struct template_place {
    struct fr_bytes before;
    enum { TEMPLATE_COUNTER, TEMPLATE_RANDOM } kind;
    uint64_t low, high; /* TEMPLATE_RANDOM: both included */
};

/* Borrows the text it was parsed from. Immutable, so threads may share it. */
struct template
{
    struct template_place places[TEMPLATE_PLACES];
    size_t count;
    struct fr_bytes rest;
};

/*
 *   FR_INVALID_ARGUMENT  an unknown or unfinished {{…}}, A above B, or too many of them
 */
FR_MUST_CHECK enum fr_code template_parse(struct template *ret_template, const char *text,
                                          struct fr_error *reterr);
/* Nothing to fill in: every expansion is the same. */
bool template_is_constant(const struct template *self);
/* Appends the text for number n. Thread-safe. */
void template_expand(const struct template *self, uint64_t n, struct fr_buffer *out);

#endif
