/* SPDX-License-Identifier: MIT */
/*
 * sieve_model.c - SIEVE as its paper's pseudo code has it.
 */
#include "sieve_model.h"

#include <stdlib.h>

struct fr_sieve *fr_sieve_new(size_t universe)
{
    return calloc(1, sizeof(struct fr_sieve) + universe * sizeof(struct fr_sieve_node));
}

void fr_sieve_insert(struct fr_sieve *self, uint32_t number, bool visited)
{
    struct fr_sieve_node *node = &self->nodes[number];
    *node = (struct fr_sieve_node){.present = true, .visited = visited, .older = self->newest};
    if (self->newest != 0) {
        self->nodes[self->newest - 1].newer = number + 1;
    } else {
        self->oldest = number + 1;
    }
    self->newest = number + 1;
    self->count++;
}

void fr_sieve_remove(struct fr_sieve *self, uint32_t number)
{
    struct fr_sieve_node *node = &self->nodes[number];
    if (self->hand == number + 1) {
        self->hand = node->newer;
    }
    if (node->newer != 0) {
        self->nodes[node->newer - 1].older = node->older;
    } else {
        self->newest = node->older;
    }
    if (node->older != 0) {
        self->nodes[node->older - 1].newer = node->newer;
    } else {
        self->oldest = node->newer;
    }
    node->present = false;
    self->count--;
}

uint32_t fr_sieve_evict(struct fr_sieve *self, uint64_t now_us)
{
    uint32_t hand = self->hand != 0 ? self->hand : self->oldest;
    struct fr_sieve_node *node = &self->nodes[hand - 1];
    while (node->visited && node->hard_expiry_us > now_us) {
        node->visited = false;
        hand = node->newer != 0 ? node->newer : self->oldest;
        node = &self->nodes[hand - 1];
    }
    self->hand = hand;
    fr_sieve_remove(self, hand - 1);
    return hand - 1;
}
