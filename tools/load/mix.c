/* SPDX-License-Identifier: MIT */
/*
 * mix.c - which of several methods each call goes to: the smooth weighted round-robin of nginx.
 *
 * Each turn adds its weight to every method's credit; the one with most credit is chosen and pays the total.
 */
#include "load/mix.h"

void mix_init(struct mix *self, const unsigned *weights, size_t count)
{
    long credit[MIX_METHODS] = {0};
    uint8_t turns[MIX_METHODS] = {0};
    self->total = 0;
    for (size_t i = 0; i < count; i++) {
        self->weights[i] = weights[i];
        self->total += weights[i];
    }
    for (unsigned turn = 0; turn < self->total; turn++) {
        size_t best = 0;
        for (size_t i = 0; i < count; i++) {
            credit[i] += weights[i];
            best = credit[i] > credit[best] ? i : best;
        }
        credit[best] -= self->total;
        self->order[turn].method = (uint8_t)best;
        self->order[turn].earlier = turns[best]++;
    }
}
