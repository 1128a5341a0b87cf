/* SPDX-License-Identifier: MIT */
/*
 * template.h - request texts with places to fill in:
 *   {{n}}            the number of the call among those of its method, 1, 2, …
 *   {{key}}          the call's key, see keys.h
 *   {{rand LOW HIGH}} a whole number, both included
 *   {{word N}}        N random letters a to z
 *   {{uuid}}          a random UUID (RFC 9562, version 4)
 * Pure but for chance.
 */
#ifndef LOAD_TEMPLATE_H
#define LOAD_TEMPLATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

#define TEMPLATE_PLACES 16

/* A piece of text, then what follows it. */
struct template_place {
    struct fr_bytes before;
    enum { TEMPLATE_NUMBER, TEMPLATE_KEY, TEMPLATE_RANDOM, TEMPLATE_WORD, TEMPLATE_UUID } kind;
    uint64_t low, high; /* TEMPLATE_RANDOM: both included; TEMPLATE_WORD: high letters */
};

/* Borrows the text it was parsed from. Immutable, so threads may share it. */
struct template
{
    struct template_place places[TEMPLATE_PLACES];
    size_t count;
    struct fr_bytes rest;
};

/*
 *   FR_INVALID_ARGUMENT  an unknown or unfinished {{…}}, LOW above HIGH, or too many of them
 */
FR_MUST_CHECK enum fr_code template_parse(struct template *ret_template, struct fr_bytes text,
                                          struct fr_error *reterr);
/* What its expansions depend on. */
bool template_has_number(const struct template *self);
bool template_has_key(const struct template *self);
bool template_has_chance(const struct template *self);
/* Appends the text for call n with its key. Thread-safe. */
void template_expand(const struct template *self, uint64_t n, uint64_t key, struct fr_buffer *out);

#endif
