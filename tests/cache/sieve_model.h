/* SPDX-License-Identifier: MIT */
/*
 * sieve_model.h - SIEVE as its paper's pseudo code has it, over the numbers of keys; for comparison.
 *
 * One list, newest first, in plain doubly linked nodes: one for each number below the universe.
 */
#ifndef FR_TESTS_CACHE_SIEVE_MODEL_H
#define FR_TESTS_CACHE_SIEVE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fr_sieve_node {
    bool present, visited;
    uint32_t newer, older; /* numbers plus one; 0: none */
    uint64_t version, hard_expiry_us;
};

struct fr_sieve {
    size_t count;
    uint32_t newest, oldest, hand; /* numbers plus one; 0: none */
    struct fr_sieve_node nodes[];
};

/* NULL: no memory. To be freed with free. */
struct fr_sieve *fr_sieve_new(size_t universe);
/* The number must be absent; then present. */
void fr_sieve_insert(struct fr_sieve *self, uint32_t number, bool visited);
void fr_sieve_remove(struct fr_sieve *self, uint32_t number);
/* Evicts one of what is there. What is past its hard expiry at now_us counts as not visited. */
uint32_t fr_sieve_evict(struct fr_sieve *self, uint64_t now_us);

#endif
