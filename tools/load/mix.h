/* SPDX-License-Identifier: MIT */
/*
 * mix.h - which of several methods each call goes to, by weights. Pure.
 */
#ifndef LOAD_MIX_H
#define LOAD_MIX_H

#include <stddef.h>
#include <stdint.h>

#define MIX_METHODS    16
#define MIX_MAX_WEIGHT 100

/* In every total calls in a row, each method has exactly its weight, evenly spread. Immutable once made. */
struct mix {
    unsigned total;
    unsigned weights[MIX_METHODS];
    struct {
        uint8_t method, earlier; /* earlier turns of the same method */
    } order[MIX_METHODS * MIX_MAX_WEIGHT];
};

/* Up to MIX_METHODS weights of 1 to MIX_MAX_WEIGHT. */
void mix_init(struct mix *self, const unsigned *weights, size_t count);

/* The method of call n (from 1), and the number of that call among those of the method, from 1 too. */
static inline size_t mix_choose(const struct mix *self, uint64_t n, uint64_t *ret_number)
{
    if (self->total == 1) { /* without a division */
        *ret_number = n;
        return 0;
    }
    unsigned turn = (unsigned)((n - 1) % self->total);
    size_t method = self->order[turn].method;
    *ret_number = (n - 1) / self->total * self->weights[method] + self->order[turn].earlier + 1;
    return method;
}

#endif
